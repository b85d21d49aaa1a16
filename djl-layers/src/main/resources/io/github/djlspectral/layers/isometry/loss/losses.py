
# Penalties. Behind jacobian.py of the diagnostics.

# A place for any u, and J^T u as a function of it: its derivative by u is J
def transposed(y: Tensor, x: Tensor) -> List[Tensor]:
  u = torch.requires_grad_(torch.zeros_like(y))
  return [u, __torch__.vjp(y, x, u, True)]

# J v with a graph
def jvp(y: Tensor, x: Tensor, v: Tensor) -> Tensor:
  t = __torch__.transposed(y, x)
  return __torch__.vjp(t[1], t[0], v, True)

# |M - I|_F^2 of a square matrix
def off_identity(M: Tensor) -> Tensor:
  return torch.sum(torch.square(torch.sub(M, torch.eye(M.size(0), dtype=M.dtype, device=M.device))))

# |W W^T - I|_F^2, or |W^T W - I|_F^2 if W has more rows than columns
def gram_error(W: Tensor) -> Tensor:
  if W.size(0) <= W.size(1):
    error = __torch__.off_identity(torch.mm(W, torch.t(W)))
  else:
    error = __torch__.off_identity(torch.mm(torch.t(W), W))
  return error

# |K * K - delta|_F^2, the correlations of all pairs of output channels at all shifts, or of input
# channels if there are more outputs than inputs
def correlation_error(kernel: Tensor) -> Tensor:
  if kernel.size(0) <= kernel.size(1):
    K = kernel
  else:
    K = torch.transpose(kernel, 0, 1)
  h = K.size(2) - 1
  w = K.size(3) - 1
  correlation = torch.conv2d(K, K, None, [1, 1], [h, w])
  # delta: 1 where a channel meets itself unshifted, |C - delta|^2 = |C|^2 - 2 tr C_0 + m. The centre
  # is subtracted, not the traces of large numbers.
  centre = torch.select(torch.select(correlation, 3, w), 2, h)
  elsewhere = torch.clone(correlation)
  torch.fill_(torch.select(torch.select(elsewhere, 3, w), 2, h), 0.)
  return torch.add(torch.sum(torch.square(elsewhere)), __torch__.off_identity(centre))


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # (|J^T u| / |u| - 1)^2 [B]
  def backward_penalty(self, y: Tensor, x: Tensor, u: Tensor) -> Tensor:
    pulled = __torch__.lengths(__torch__.vjp(y, x, u, True))
    return torch.square(torch.sub(torch.div(pulled, __torch__.lengths(u)), 1.))

  # |J^T J v - v|^2 [B]
  def gram_penalty(self, y: Tensor, x: Tensor, v: Tensor) -> Tensor:
    back = __torch__.vjp(y, x, __torch__.jvp(y, x, v), True)
    return torch.square(__torch__.lengths(torch.sub(back, v)))

  # (|F(x + s) - F(x)| / t - 1)^2 [B], y both outputs, one after the other, t = |s|
  def difference_penalty(self, y: Tensor, t: Tensor) -> Tensor:
    halves = torch.chunk(y, 2)
    moved = __torch__.lengths(torch.sub(halves[1], halves[0]))
    return torch.square(torch.sub(torch.div(moved, t), 1.))

  def mean_times(self, penalties: Tensor, factor: Tensor) -> Tensor:
    return torch.mul(torch.mean(penalties), factor)

  def gram_errors(self, Ws: List[Tensor], factor: Tensor) -> Tensor:
    total = __torch__.gram_error(Ws[0])
    for i in range(torch.sub(torch.len(Ws), 1)):
      total = torch.add(total, __torch__.gram_error(Ws[torch.add(i, 1)]))
    return torch.mul(total, factor)

  def correlation_errors(self, Ks: List[Tensor], factor: Tensor) -> Tensor:
    total = __torch__.correlation_error(Ks[0])
    for i in range(torch.sub(torch.len(Ks), 1)):
      total = torch.add(total, __torch__.correlation_error(Ks[torch.add(i, 1)]))
    return torch.mul(total, factor)
