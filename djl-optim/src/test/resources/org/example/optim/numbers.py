# Keeps its numbers, and makes them the weight, twice.
def column(numbers: List[float], w: Tensor) -> Tensor:
  return torch.reshape(torch.tensor(numbers, dtype=w.dtype, device=w.device), [1, -1, 1])

def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  states[0].copy_(__torch__.column(numbers, w))
  states[1].copy_(torch.add(torch.zeros_like(w), states[0]))
  return U

def after_step(w: Tensor, states: List[Tensor], numbers: List[float]) -> None:
  w.copy_(torch.add(states[1], __torch__.column(numbers, w)))
