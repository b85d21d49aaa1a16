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

# The norm of all gradients attached to ws; -1 if no backward pass has reached any.
def global_norm(ws: List[Tensor]) -> float:
  total = torch.zeros([], dtype=7, device=ws[0].device)
  reached = False
  for i in range(len(ws)):
    if ops.prim.AutogradAnyNonZero(ws[i].grad):  # false where no backward pass has reached w
      reached = True
      total = torch.add(total, __torch__.squared_norm(ws[i].grad))
  if reached:
    return float(torch.sqrt(total))
  return -1.

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  def norm(self, ws: List[Tensor]) -> float:
    return __torch__.global_norm(ws)

  # Returns the norm of all gradients attached to ws, and scales them to most if it is larger. If it
  # is not a finite number, nothing has changed; -1 if there are none.
  def clip(self, ws: List[Tensor], most: float) -> float:
    norm = __torch__.global_norm(ws)
    if norm > most and norm < inf:
      for i in range(len(ws)):
        if ops.prim.AutogradAnyNonZero(ws[i].grad):
          torch.mul_(ws[i].grad, most / norm)
    return norm

  # The index of the first of ws whose gradient has a norm that is not finite, of a square that
  # overflows for one; -1 if all are.
  def first_overflow(self, ws: List[Tensor]) -> float:
    first = -1.
    for i in range(len(ws)):
      if first == -1.:
        if not __torch__.global_norm([ws[i]]) < inf:
          first = float(i)
    return first

  # The index of the first of ws whose gradient is not finite; -1 if all are.
  def first_not_finite(self, ws: List[Tensor]) -> float:
    first = -1.
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

  def usable(self, g: Tensor, rescale: float, clip: float) -> bool:
    return __torch__.usable(g, rescale, clip, False)
