# Adds the decay of those weights that the step does not grow.
def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  agreeing = torch.ge(torch.mul(U, w), 0.)
  return torch.add(U, torch.mul(w, agreeing), alpha=numbers[4] / numbers[2])
