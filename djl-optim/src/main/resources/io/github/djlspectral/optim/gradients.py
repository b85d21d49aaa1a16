# All gradients of a model together: their norm, clipping by it, whether there are any, whether all are
# finite. Behind gradient.py.

# The squared Euclidean norm, in float64. Rows are summed in float32, which is exact enough for a few
# thousand numbers; one float32 sum over all of an embedding's gradient is wrong in the third digit.
def squared_norm(g: Tensor) -> Tensor:
  rows = torch.reshape(g, [1, -1])
  if torch.dim(g) > 1:
    rows = torch.flatten(g, 1)
  norms = torch.to(torch.linalg_vector_norm(rows, 2, [1]), 7)
  return torch.sum(torch.mul(norms, norms))

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # Returns the norm of all gradients attached to ws, and scales them to most if it is larger. If it
  # is not a finite number, nothing has changed.
  def clip(self, ws: List[Tensor], most: float) -> float:
    total = torch.zeros([], dtype=7, device=ws[0].device)
    for i in range(len(ws)):
      # false where no backward pass has reached w
      if ops.prim.AutogradAnyNonZero(ws[i].grad):
        total = torch.add(total, __torch__.squared_norm(ws[i].grad))
    norm = float(torch.sqrt(total))
    if norm > most and norm < inf:
      for i in range(len(ws)):
        if ops.prim.AutogradAnyNonZero(ws[i].grad):
          torch.mul_(ws[i].grad, most / norm)
    return norm

  # The index of the first of ws whose gradient is not finite; -1 if all are, -2 if no backward pass
  # has reached any.
  def first_not_finite(self, ws: List[Tensor]) -> float:
    total = torch.zeros([], dtype=7, device=ws[0].device)
    first = -2.
    for i in range(len(ws)):
      if ops.prim.AutogradAnyNonZero(ws[i].grad):
        first = -1.
        total = torch.add(total, torch.linalg_vector_norm(ws[i].grad))
    if not float(total) < inf:
      for i in range(len(ws)):
        if first == -1. and ops.prim.AutogradAnyNonZero(ws[i].grad):
          if not __torch__.is_finite(ws[i].grad, float(torch.linalg_vector_norm(ws[i].grad))):
            first = float(i)
    return first

  # Whether g stands for the gradient of a w that no backward pass has reached.
  def never_reached(self, w: Tensor, g: Tensor) -> bool:
    if ops.prim.AutogradAnyNonZero(w.grad):
      return False
    return float(torch.linalg_vector_norm(g)) == 0.

  def discard(self, ws: List[Tensor]) -> None:
    for i in range(len(ws)):
      __torch__.zero_gradient(ws[i])

  def finite(self, g: Tensor) -> bool:
    return __torch__.is_finite(g, float(torch.linalg_vector_norm(g)))
