def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  return norms
