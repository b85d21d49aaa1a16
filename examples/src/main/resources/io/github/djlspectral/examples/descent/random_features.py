# f(W) = 1/2 E |(W - T) x|^2, x ~ N(0, diag(s)), in float64.

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  def loss(self, W: Tensor, T: Tensor, s: Tensor) -> float:
    E = torch.sub(W, T)
    return 0.5 * float(torch.sum(torch.mul(torch.mul(E, E), s)))

  # (W - T) S
  def gradient(self, W: Tensor, T: Tensor, s: Tensor) -> Tensor:
    return torch.mul(torch.sub(W, T), s)

  # (W - T) X^T X / B, the features X of a batch in rows
  def batch_gradient(self, W: Tensor, T: Tensor, X: Tensor) -> Tensor:
    residual = torch.mm(torch.sub(W, T), torch.t(X))
    return torch.div(torch.mm(residual, X), X.size(0))
