# What a step measurement does to weights. Lists hold one tensor per parameter; sums are in float64.

def inner_product(a: List[Tensor], b: List[Tensor]) -> float:
  total = torch.zeros([], dtype=7, device=a[0].device)
  for i in range(len(a)):
    product = torch.mul(torch.to(a[i], 7), torch.to(b[i], 7))
    total = torch.add(total, torch.sum(product))
  return float(total)

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  def inner_product(self, a: List[Tensor], b: List[Tensor]) -> float:
    return __torch__.inner_product(a, b)

  def copies(self, ws: List[Tensor]) -> List[Tensor]:
    found = annotate(List[Tensor], [])
    for i in range(len(ws)):
      found = torch.append(found, torch.clone(ws[i]))
    return found

  # ws <- origin + step ds, in place.
  def move(self, ws: List[Tensor], origin: List[Tensor], ds: List[Tensor], step: float) -> None:
    for i in range(len(ws)):
      torch.copy_(ws[i], torch.add(origin[i], ds[i], alpha=step))

  def restore(self, ws: List[Tensor], origin: List[Tensor]) -> None:
    for i in range(len(ws)):
      torch.copy_(ws[i], origin[i])

  # Copies of the gradients attached to ws, zeros where there is none; zeroes those attached.
  def take_gradients(self, ws: List[Tensor]) -> List[Tensor]:
    found = annotate(List[Tensor], [])
    for i in range(len(ws)):
      g = torch.zeros_like(ws[i])
      # false where no backward pass has reached w
      if ops.prim.AutogradAnyNonZero(ws[i].grad):
        torch.copy_(g, ws[i].grad)
        torch.zero_(ws[i].grad)
      found = torch.append(found, g)
    return found
