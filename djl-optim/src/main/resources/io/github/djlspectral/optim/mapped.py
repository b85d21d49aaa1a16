# A map of two factors as a map.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  R, Y = __torch__.factors(X, norms, numbers)
  return torch.bmm(R, Y)
