# The update gets the length of the weight, averaged over steps.
def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  length = states[0]
  length.lerp_(__torch__.frobenius(w), 1. - numbers[4])
  return torch.mul(U, torch.div(length, torch.clamp(__torch__.frobenius(U), 1e-12)))
