# All gradients of a model together: their norm, clipping by it, whether there are any.

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

  # Whether a backward pass has reached any of ws.
  def any_reached(self, ws: List[Tensor]) -> bool:
    reached = False
    for i in range(len(ws)):
      if ops.prim.AutogradAnyNonZero(ws[i].grad):
        reached = True
    return reached
