# Functions that exercise the bridge.
def square(x: Tensor) -> Tensor:
  return torch.mul(x, x)

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  def scaled(self, x: Tensor, factor: float) -> Tensor:
    return __torch__.square(x) * factor

  def total(self, xs: List[Tensor], w: Tensor) -> Tensor:
    s = torch.sum(xs[0]) * $SCALE
    for i in range(1, len(xs)):
      s = s + torch.sum(xs[i] * w)
    return s

  def add_rounded_product(self, x: Tensor, w: Tensor) -> Tensor:
    return x + torch.linear(torch.to(x, 15), torch.to(w, 15))

  def descend(self, w: Tensor, rate: float) -> float:
    g = w.grad
    norm = 0.0
    if g is not None:
      norm = float(torch.linalg_vector_norm(g))
      w.sub_(g, alpha=rate)
      g.zero_()
    return norm
