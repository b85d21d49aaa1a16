def after_step(w: Tensor, states: List[Tensor], numbers: List[float]) -> None:
  return None
