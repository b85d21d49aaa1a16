# The polar factor by the singular value decomposition.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  return __torch__.polar_factor(X)
