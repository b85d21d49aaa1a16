def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  return __torch__.polar_polynomial(X, norms, numbers, X.dtype)
