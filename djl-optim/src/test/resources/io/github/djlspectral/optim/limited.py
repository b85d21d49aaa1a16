# Refuses weights with an element above its number.
def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  if float(torch.max(w)) > numbers[4]:
    ops.prim.RaiseException("the weight is over its limit")
  return U
