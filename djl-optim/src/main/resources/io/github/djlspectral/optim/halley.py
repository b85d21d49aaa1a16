# The polar factor by dynamically weighted Halley steps on the Gram matrix.

# R with R X the polar factor of X, whose norm is given, and whether rounding let it be computed.
# From A_0 = X X^T / |.|_F and R_0 = I, one (w, v, d) per step, commuting matrices:
#
#   W = (A + d I)^-1,    R <- (w I + v W) R,    A <- (w I + v W)^2 A
#
# As A W = I - d W, the new A takes one symmetric product, W W^T.
def halley(X: Tensor, norm: float, numbers: List[float]) -> Tuple[Tensor, bool]:
  k = X.size(0)
  A = torch.zeros([k, k], dtype=X.dtype, device=X.device)
  __torch__.add_product_lower(A, X, torch.t(X), 0., 1. / (norm * norm))
  unit = __torch__.norm_of_lower(A)  # A / unit is meant; it enters where numbers are multiplied
  scale = 1. / (norm * unit ** 0.5)
  R = A
  diagonal = torch.diagonal(A)
  steps = len(numbers) // 3
  for i in range(steps):
    w = numbers[3 * i]
    v = numbers[3 * i + 1]
    d = numbers[3 * i + 2]
    diagonal.add_(d * unit)
    if d < 0.01:  # the condition number may be 1 + 1 / d
      W, positive = __torch__.cholesky_inverse(torch.t(A))
    else:
      W, positive = __torch__.bordered_inverse(A)
    if not positive:
      return A, False
    if i < steps - 1:
      __torch__.add_product_lower(A, W, torch.t(W), w * w / unit, -v * v * d * unit * unit)
      A.add_(W, alpha=(v * v - 2. * w * v * d) * unit)
      diagonal.add_(2. * w * v - w * w * d)
    if i == 0:
      R = W.mul_(v * unit * scale)
      torch.diagonal(R).add_(w * scale)
    else:
      product = torch.mul(R, w)
      __torch__.add_product_lower(product, W, torch.t(R), 1., v)
      __torch__.mirror_lower(product)
      R = product
    unit = 1.
  return R, True

# Where rounding forbids it, the polar factor itself with the identity.
def factors(X: Tensor, norms: Tensor, numbers: List[float]) -> Tuple[Tensor, Tensor]:
  X = __torch__.cleaned(X, norms)
  Rs = annotate(List[Tensor], [])
  for i in range(X.size(0)):
    G = torch.select(X, 0, i)
    R, possible = __torch__.halley(G, float(torch.select(norms, 0, i)), numbers)
    if not possible:
      R = torch.eye(G.size(0), dtype=X.dtype, device=X.device)
      G.copy_(torch.select(__torch__.polar_factor(torch.unsqueeze(G, 0)), 0, 0))
    _0 = torch.append(Rs, R)
  if len(Rs) == 1:
    return torch.unsqueeze(Rs[0], 0), X
  return torch.stack(Rs), X
