# How a step uses a map. Joined behind it.

def parts(X: Tensor, norms: Tensor, numbers: List[float]) -> List[Tensor]:
  return [__torch__.mapped(X, norms, numbers)]

def descend(w: Tensor, parts: List[Tensor], rate: float, shrink: float) -> None:
  w.mul_(shrink).sub_(__torch__.oriented_as(w, parts[0]), alpha=rate)
