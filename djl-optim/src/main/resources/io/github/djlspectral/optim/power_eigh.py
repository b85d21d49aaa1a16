# By the eigendecomposition of the Gram matrix.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  D = X.to(7)
  norms = norms.to(7)
  S, U = torch.linalg_eigh(__torch__.gram(D))
  norm = torch.squeeze(norms, 2)
  squares = torch.div(S, torch.mul(norm, norm))
  f, rank = __torch__.power_factors(squares, __torch__.rounding(X), numbers)
  R = torch.mul(U, torch.div(torch.unsqueeze(f, 1), norms))
  R = __torch__.symmetric_product(R, __torch__.transposed(U))
  return __torch__.power_scaled(X, torch.bmm(R, D), rank, numbers)
