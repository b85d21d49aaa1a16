# The optimizer step around a map, in TorchScript. Joined behind the map and what an optimizer adds.
# Arrays hold so many blocks, [blocks, m, n] in all; the map sees each as a matrix of its own.

# What the map makes of blocks of X, which it may overwrite; nothing of one that is zero.
def parts_of(X: Tensor, norms: Tensor, numbers: List[float]) -> List[Tensor]:
  G, lengths = __torch__.in_range(X, norms)
  if X.size(0) == 1 and not ops.prim.is_cuda(X):
    if float(lengths) == 0.:
      return annotate(List[Tensor], [])
    return __torch__.parts(__torch__.wide(G), lengths, numbers)
  there = torch.ne(lengths, 0.)  # NaN is not zero, and must show
  lengths = torch.where(there, lengths, torch.ones_like(lengths))
  parts = __torch__.parts(__torch__.wide(G), lengths, numbers)
  all = annotate(List[Tensor], [])
  for i in range(len(parts)):
    _0 = torch.append(all, torch.where(there, parts[i], torch.zeros_like(parts[i])))
  return all

# The same one by one, or of all together. The first numbers, as many as each says, are those of the
# block with index first and so on; 0: all are everyone's.
def all_parts(X: Tensor, norms: Tensor, numbers: List[float], each: int, first: int,
    whole: bool) -> List[List[Tensor]]:
  all = annotate(List[List[Tensor]], [])
  size = 1
  if whole:
    size = X.size(0)
  for i in range(X.size(0) // size):
    own = numbers
    if each > 0:
      own = torch.slice(numbers, (first + i * size) * each, (first + (i + 1) * size) * each, 1)
    parts = __torch__.parts_of(torch.slice(X, 0, i * size, (i + 1) * size),
        torch.slice(norms, 0, i * size, (i + 1) * size), own)
    _0 = torch.append(all, parts)
  return all

# Blocks of each of the tensors.
def blocks_of(tensors: List[Tensor], first: int, end: int) -> List[Tensor]:
  some = annotate(List[Tensor], [])
  for i in range(len(tensors)):
    _0 = torch.append(some, torch.slice(tensors[i], 0, first, end))
  return some

# The end of the weights, from first on, whose blocks are mapped together: of so many elements at most,
# or one weight.
def batch_end(counts: List[int], first: int, size: int, most: int) -> int:
  end = first + 1
  total = counts[first] * size
  for i in range(len(counts) - first - 1):
    total = total + counts[first + 1 + i] * size
    if total <= most:
      end = end + 1
  return end

# The map of G, of the shape [blocks, m, n].
def map(G: Tensor, shape: List[int], numbers: List[float], each: int, whole: bool) -> Tensor:
  X = torch.reshape(torch.clone(G), shape)
  all = __torch__.all_parts(X, __torch__.frobenius(X), numbers, each, 0, whole)
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

# The same as so many blocks; without a momentum the gradient.
def entering(states: List[Tensor], i: int, g: Tensor, shape: List[int], remembers: bool,
    momentum: float, nesterov: bool) -> Tensor:
  if remembers:
    u = __torch__.lookahead(states[i], g, momentum, nesterov)
  else:
    u = torch.clone(g)
  return torch.reshape(u, shape)

# Takes a gradient into the momentum.
def advance(m: Tensor, g: Tensor, momentum: float) -> None:
  m.lerp_(g, 1. - momentum)
  if m.dtype == 6:
    torch.hardshrink(m, 2e-38, out=m)  # a decaying momentum must not stay denormal


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # G, with so many blocks, mapped; the last three are as for all_parts.
  def map(self, G: Tensor, shape: List[int], numbers: List[float], each: int, whole: bool) -> Tensor:
    return __torch__.map(G, shape, numbers, each, whole)

  # One optimizer step on weights ws of so many blocks m x n with gradients gs, as many states of each,
  # the momentum first, or anything if none is remembered, all in place, that also zeroes the gradients
  # attached to ws. Blocks are mapped one by one, or, if most is not 0, those of weights with so many
  # elements together. done, on the CPU, counts the weights whose step is made, from 0, whatever is
  # thrown; a hook that throws may have changed the next. False if a gradient, not known to be usable,
  # is not: then nothing has changed; or if what enters the map of the next weight, or of those mapped
  # with it, is not finite, which on a GPU would be waited for and is not looked at where gradients are
  # known.
  def step(self, ws: List[Tensor], gs: List[Tensor], states: List[Tensor], counts: List[int], m: int,
           n: int, remembers: bool, numbers: List[float], each: int, most: int, own: List[float],
           rescale: float, clip: float, momentum: float, nesterov: bool, rate: float, shrink: float,
           usable: bool, done: Tensor) -> bool:
    kept = len(states) // len(ws)
    if clip >= 0. or len(ws) > 1:  # else what enters the map tells
      for i in range(len(ws)):
        if not __torch__.usable(gs[i], rescale, clip, usable):
          return False
    batch = annotate(List[Tensor], [])
    start = 0  # the batch's first block
    end = 0  # and the weight behind it
    first = 0
    for i in range(len(ws)):
      g = __torch__.rescaled_and_clipped(gs[i], rescale, clip)
      shape = [counts[i], m, n]
      w = ws[i]
      size = 1
      if most > 0:
        size = counts[i]
        if i == end:
          start = first
          end = __torch__.batch_end(counts, i, m * n, most)
          us = annotate(List[Tensor], [])
          for k in range(end - i):
            h = __torch__.rescaled_and_clipped(gs[i + k], rescale, clip)
            _0 = torch.append(us, __torch__.entering(states, (i + k) * kept, h, [counts[i + k], m, n],
                remembers, momentum, nesterov))
          u = torch.cat(us)
          norms = __torch__.frobenius(u)
          if not usable:
            if not __torch__.is_finite(u, float(torch.max(norms))):
              return False
          batch = __torch__.all_parts(u, norms, numbers, each, start, True)[0]
        all = [__torch__.blocks_of(batch, first - start, first - start + size)]
      else:
        u = __torch__.entering(states, i * kept, g, shape, remembers, momentum, nesterov)
        norms = __torch__.frobenius(u)
        if not __torch__.is_finite(u, float(torch.max(norms))):
          return False
        all = __torch__.all_parts(u, norms, numbers, each, first, False)
      dense = torch.contiguous(w)
      blocks = torch.reshape(dense, shape)
      for j in range(counts[i] // size):
        some = __torch__.blocks_of(torch.slice(states, i * kept + 1, (i + 1) * kept, 1), j * size,
            (j + 1) * size)
        block = torch.slice(blocks, 0, j * size, (j + 1) * size)
        __torch__.finish(block, all[j], some, own, rate, shrink)
        __torch__.after_step(block, some, own)
      if not torch.is_contiguous(w):
        torch.copy_(w, dense)
      if remembers:
        __torch__.advance(states[i * kept], g, momentum)
      __torch__.zero_gradient(w)
      done.add_(1)
      first = first + counts[i]
    return True

  # What the next step would map and what it would make of it; nothing changes. g is finite.
  def preview(self, g: Tensor, m: Tensor, shape: List[int], numbers: List[float], each: int,
              rescale: float, clip: float, momentum: float, nesterov: bool) -> List[Tensor]:
    g = __torch__.rescaled_and_clipped(g, rescale, clip)
    u = __torch__.lookahead(m, g, momentum, nesterov)
    return [u, __torch__.map(u, shape, numbers, each, False)]
