# How a step uses a map of two factors: their product goes straight into the weight. Joined behind it.

def parts(X: Tensor, norms: Tensor, numbers: List[float]) -> List[Tensor]:
  R, Y = __torch__.factors(X, norms, numbers)
  return [R, Y]

# w <- shrink w - rate R Y, or its transpose for a tall w.
def descend(w: Tensor, parts: List[Tensor], rate: float, shrink: float) -> None:
  for i in range(w.size(0)):
    W = torch.select(w, 0, i)
    R = torch.select(parts[0], 0, i)
    Y = torch.select(parts[1], 0, i)
    if W.size(0) > W.size(1):
      W.addmm_(torch.t(Y), torch.t(R), beta=shrink, alpha=-rate)
    else:
      W.addmm_(R, Y, beta=shrink, alpha=-rate)
