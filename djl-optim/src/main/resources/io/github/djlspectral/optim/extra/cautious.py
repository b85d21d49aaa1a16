# Adds the decay of those weights that the step shrinks anyway.
def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  shrinking = torch.gt(torch.mul(U, w), 0.)
  return torch.add(U, torch.mul(w, shrinking), alpha=numbers[4] / numbers[2])
