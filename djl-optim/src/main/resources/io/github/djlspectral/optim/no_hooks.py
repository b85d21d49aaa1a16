# What a step does with a map's parts where an optimizer adds nothing.
def finish(w: Tensor, parts: List[Tensor], states: List[Tensor], numbers: List[float],
    rate: float, shrink: float) -> None:
  if len(parts) == 0:
    w.mul_(shrink)
  else:
    __torch__.descend(w, parts, rate, shrink)
