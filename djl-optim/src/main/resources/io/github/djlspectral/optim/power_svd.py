# By the singular value decomposition.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  U, S, Vh = torch.linalg_svd(X.to(7), False)
  s = torch.div(S, torch.squeeze(norms.to(7), 2))
  f, rank = __torch__.power_factors(torch.mul(s, s), __torch__.rounding(X), numbers)
  D = torch.bmm(torch.mul(U, torch.unsqueeze(torch.mul(f, s), 1)), Vh)
  return __torch__.power_scaled(X, D, rank, numbers)
