# Divides each row of the polar factor by the root of a running mean of its squares, and gives the
# whole its norm back. v is [blocks, rows, 1].
def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  v = states[0]
  v.lerp_(torch.mean(torch.mul(U, U), [2], True), 1. - numbers[4])
  N = torch.div(U, torch.add(torch.sqrt(v), numbers[5]))
  lengths = torch.clamp(__torch__.frobenius(N), 1e-30)
  return torch.mul(N, torch.div(__torch__.frobenius(U), lengths))
