# Copies of weights and ways back, in TorchScript; see WeightCopy.java.
class Kernels(Module):
  def copies(self, ws: List[Tensor]) -> List[Tensor]:
    found = annotate(List[Tensor], [])
    for i in range(len(ws)):
      found = torch.append(found, torch.clone(ws[i]))
    return found

  # w = origin - rate d
  def move(self, ws: List[Tensor], origin: List[Tensor], ds: List[Tensor], rate: float) -> None:
    for i in range(len(ws)):
      torch.copy_(ws[i], torch.sub(origin[i], ds[i], alpha=rate))

  def restore(self, ws: List[Tensor], origin: List[Tensor]) -> None:
    for i in range(len(ws)):
      torch.copy_(ws[i], origin[i])
