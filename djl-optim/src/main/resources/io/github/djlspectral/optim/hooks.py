# What a step does with an update that an optimizer changes. Joined behind its after_map.
def finish(w: Tensor, parts: List[Tensor], states: List[Tensor], numbers: List[float],
    rate: float, shrink: float) -> None:
  U = torch.zeros_like(w)
  if len(parts) > 0:
    U = __torch__.oriented_as(w, parts[0])
  D = __torch__.after_map(U, w, states, numbers)
  if D.size() != w.size():
    ops.prim.RaiseException("after_map must return the shape of w, [blocks, rows, columns]")
  w.mul_(shrink).sub_(D, alpha=rate)
