# (1 - lr) w - lr scale radius U, a step from w towards a corner of the ball.
def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  return torch.add(torch.mul(U, numbers[4]), w, alpha=1. / numbers[2])
