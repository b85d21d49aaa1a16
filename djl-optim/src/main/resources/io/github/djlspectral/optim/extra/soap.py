# Adam in the eigenbases of the running means of G G^T and G^T G. States: mean, variance (in the bases),
# left, right, left basis, right basis. Numbers: beta1, beta2, epsilon, steps between new bases.
def basis(A: Tensor, Q: Tensor, first: bool) -> Tensor:
  if first:
    S, U = torch.linalg_eigh(A)
    return torch.flip(U, [2])
  Q, R = torch.linalg_qr(torch.bmm(A, Q))
  return Q

def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  t = numbers[0]
  b1 = numbers[4]
  b2 = numbers[5]
  G = U
  Gt = torch.transpose(G, 1, 2)
  states[2].lerp_(torch.bmm(G, Gt), 1. - b2)
  states[3].lerp_(torch.bmm(Gt, G), 1. - b2)
  first = float(torch.max(torch.abs(states[4]))) == 0.
  if first or (t - 1.) % numbers[7] == 0.:
    states[4].copy_(__torch__.basis(states[2], states[4], first))
    states[5].copy_(__torch__.basis(states[3], states[5], first))
  L = states[4]
  R = states[5]
  states[0].lerp_(G, 1. - b1)
  turned = torch.bmm(torch.transpose(L, 1, 2), torch.bmm(G, R))
  states[1].lerp_(torch.mul(turned, turned), 1. - b2)
  mean = torch.bmm(torch.transpose(L, 1, 2), torch.bmm(states[0], R))
  root = torch.sqrt(torch.div(states[1], 1. - b2 ** t))
  N = torch.div(torch.div(mean, 1. - b1 ** t), torch.add(root, numbers[6]))
  return torch.bmm(L, torch.bmm(N, torch.transpose(R, 1, 2)))
