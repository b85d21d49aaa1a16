# The optimizer step around a map, in TorchScript. Joined behind the map and what an optimizer adds.
# Arrays hold so many blocks, [blocks, m, n] in all; the map sees each as a matrix of its own.

# How many blocks the map takes at once: one, or all of them if asked and none needs another scale.
def together(X: Tensor, norms: Tensor, whole: bool) -> int:
  if whole and float(torch.min(norms)) > 1e-8 and float(torch.max(norms)) < 1e8:
    return X.size(0)
  return 1

# What the map makes of blocks of X, which it may overwrite, for each batch of them; nothing of zeros.
# The first numbers, as many as each says, are those of the first block and so on; 0: all are everyone's.
def all_parts(X: Tensor, norms: Tensor, numbers: List[float], each: int,
    whole: bool) -> List[List[Tensor]]:
  size = __torch__.together(X, norms, whole)
  all = annotate(List[List[Tensor]], [])
  for i in range(X.size(0) // size):
    G = torch.slice(X, 0, i * size, (i + 1) * size)
    lengths = torch.slice(norms, 0, i * size, (i + 1) * size)
    if size == 1:
      G, lengths = __torch__.in_range(G, lengths)
    own = numbers
    if each > 0:
      own = torch.slice(numbers, i * size * each, (i + 1) * size * each, 1)
    if size == 1 and float(lengths) == 0.:
      parts = annotate(List[Tensor], [])
    else:
      parts = __torch__.parts(__torch__.wide(G), lengths, own)
    _0 = torch.append(all, parts)
  return all

# The map of G, of the shape [blocks, m, n].
def map(G: Tensor, shape: List[int], numbers: List[float], each: int, whole: bool) -> Tensor:
  X = torch.reshape(torch.clone(G), shape)
  all = __torch__.all_parts(X, __torch__.frobenius(X), numbers, each, whole)
  U = torch.zeros(shape, dtype=G.dtype, device=G.device)
  size = X.size(0) // len(all)
  for i in range(len(all)):
    if len(all[i]) > 0:
      # 0 w - (-1) U
      __torch__.descend(torch.slice(U, 0, i * size, (i + 1) * size), all[i], -1., 0.)
  return torch.reshape(U, G.size())

# What enters the map, from the momentum before the gradient is taken into it:
# (1 - mu) g + mu (mu m + (1 - mu) g), or without Nesterov mu m + (1 - mu) g.
def lookahead(m: Tensor, g: Tensor, momentum: float, nesterov: bool) -> Tensor:
  if nesterov:
    return torch.lerp(m, g, 1. - momentum * momentum)
  return torch.lerp(m, g, 1. - momentum)

# Takes a gradient into the momentum.
def advance(m: Tensor, g: Tensor, momentum: float) -> None:
  m.lerp_(g, 1. - momentum)
  if m.dtype == 6:
    torch.hardshrink(m, 2e-38, out=m)  # a decaying momentum must not stay denormal


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # G, with so many blocks, mapped; the numbers are as for all_parts, and whole as for together.
  def map(self, G: Tensor, shape: List[int], numbers: List[float], each: int, whole: bool) -> Tensor:
    return __torch__.map(G, shape, numbers, each, whole)

  # One optimizer step on weight w with gradient g and its states, the momentum first, or anything if
  # it remembers none, all in place, that also zeroes the gradient attached to w. False if g, not known to be finite, or what enters
  # the map is not; then, and if the map throws, nothing has changed.
  def step(self, w: Tensor, g: Tensor, states: List[Tensor], remembers: bool, shape: List[int], numbers: List[float],
           each: int, whole: bool, own: List[float], rescale: float, clip: float, momentum: float, nesterov: bool,
           rate: float, shrink: float, finite: bool) -> bool:
    if clip >= 0. and not finite and not __torch__.is_finite(g, float(torch.linalg_vector_norm(g))):
      return False
    g = __torch__.rescaled_and_clipped(g, rescale, clip)
    m = states[0]
    if remembers:
      u = __torch__.lookahead(m, g, momentum, nesterov)
    else:
      u = torch.clone(g)
    u = torch.reshape(u, shape)
    norms = __torch__.frobenius(u)
    if not __torch__.is_finite(u, float(torch.max(norms))):
      return False
    all = __torch__.all_parts(u, norms, numbers, each, whole)
    dense = torch.contiguous(w)
    blocks = torch.reshape(dense, shape)
    size = blocks.size(0) // len(all)
    for i in range(len(all)):
      some = annotate(List[Tensor], [])
      for j in range(len(states) - 1):
        _0 = torch.append(some, torch.slice(states[j + 1], 0, i * size, (i + 1) * size))
      block = torch.slice(blocks, 0, i * size, (i + 1) * size)
      __torch__.finish(block, all[i], some, own, rate, shrink)
      __torch__.after_step(block, some, own)
    if not torch.is_contiguous(w):
      torch.copy_(w, dense)
    if remembers:
      __torch__.advance(m, g, momentum)
    __torch__.zero_gradient(w)
    return True

  # What the next step would map and what it would make of it; nothing changes. g is finite.
  def preview(self, g: Tensor, m: Tensor, shape: List[int], numbers: List[float], each: int,
              whole: bool, rescale: float, clip: float, momentum: float, nesterov: bool) -> List[Tensor]:
    g = __torch__.rescaled_and_clipped(g, rescale, clip)
    u = __torch__.lookahead(m, g, momentum, nesterov)
    return [u, __torch__.map(u, shape, numbers, each, whole)]
