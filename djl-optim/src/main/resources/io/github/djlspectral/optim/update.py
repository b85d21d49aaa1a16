# How a step uses a map. Joined behind it.

def parts(X: Tensor, norms: Tensor, numbers: List[float]) -> List[Tensor]:
  shape = X.size()
  U = __torch__.mapped(X, norms, numbers)
  if U.size() != shape:
    ops.prim.RaiseException("a map must return the shape of X, [batch, k, n]")
  return [U]

def descend(w: Tensor, parts: List[Tensor], rate: float, shrink: float) -> None:
  w.mul_(shrink).sub_(__torch__.oriented_as(w, parts[0]), alpha=rate)
