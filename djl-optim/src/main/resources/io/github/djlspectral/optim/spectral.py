# Spectral maps and the optimizer step around them, in TorchScript.
#
# Notation of the literature: G is the matrix to map, m x n; X is G on another scale; A is the Gram
# matrix X X^T of its rows, k x k (tall matrices are transposed first); s are singular values.

# A multiple of G whose Gram matrix has a norm, a sum of fourth powers, in the range of float32; and
# its norm. That of G is given.
def in_range(G: Tensor, norm: float) -> Tuple[Tensor, float]:
  if norm > 1e-8 and norm < 1e8:
    return G, norm
  largest = float(torch.linalg_vector_norm(G, inf))
  if largest == 0.:
    return G, 0.
  X = torch.div(G, largest)
  return X, float(torch.linalg_vector_norm(X))

# What is far below the rounding level, such as the rows of a dead unit, would become denormal in
# float32 products of products, and a CPU takes 40 times as long for those.
def cleaned(X: Tensor, norm: float) -> Tensor:
  if X.dtype == 6:
    return torch.hardshrink(X, 1e-9 * norm)
  return X

# X or its transpose, whichever has no more rows than columns; and back.
def wide(X: Tensor) -> Tensor:
  if X.size(0) > X.size(1):
    return torch.t(X)
  return X

def oriented_as(G: Tensor, X: Tensor) -> Tensor:
  if G.size(0) > G.size(1):
    return torch.t(X)
  return X

# The map of a matrix, whose norm is given, by the name of a function above.
def map_matrix(G: Tensor, norm: float, function: str, coefficients: List[float]) -> Tensor:
  X, norm = __torch__.in_range(G, norm)
  if norm == 0.:
    return torch.zeros_like(G)
  X = __torch__.wide(X)
  if function == "polynomial":
    X = __torch__.polynomial(__torch__.cleaned(X, norm), norm, coefficients)
  elif function == "polar_polynomial":
    X = __torch__.polar_polynomial(__torch__.cleaned(X, norm), coefficients)
  elif function == "halley":
    X = __torch__.cleaned(X, norm)
    R, possible = __torch__.halley(X, norm, coefficients)
    if possible:
      X = torch.mm(R, X)
    else:
      X = __torch__.exact_polar(X)
  elif function == "exact_polar":
    X = __torch__.exact_polar(X)
  elif function == "normalised":
    X = __torch__.normalised(X, norm)
  elif function == "truncated":
    X = __torch__.truncated(X, norm, coefficients)
  elif function == "replaced_spectrum":
    X = __torch__.replaced_spectrum(X, coefficients)
  else:
    X = __torch__.power(X, norm, function, coefficients)
  return __torch__.oriented_as(G, X)

# The map of G, trailing dimensions flattened.
def map(G: Tensor, function: str, coefficients: List[float]) -> Tensor:
  norm = float(torch.linalg_vector_norm(G))
  X = __torch__.map_matrix(torch.flatten(G, 1), norm, function, coefficients)
  return torch.reshape(X, G.size())

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

# w <- shrink w - rate polar(G) without a copy of the polar factor. False if rounding forbids; then w
# is unchanged. G is overwritten.
def descend_by_halley(w: Tensor, G: Tensor, norm: float, coefficients: List[float],
    rate: float, shrink: float) -> bool:
  X, norm = __torch__.in_range(G, norm)
  if norm == 0.:
    return False
  torch.hardshrink(X, 1e-9 * norm, out=X)
  R, possible = __torch__.halley(__torch__.wide(X), norm, coefficients)
  if possible:
    if X.size(0) > X.size(1):
      w.addmm_(X, torch.t(R), beta=shrink, alpha=-rate)
    else:
      w.addmm_(R, X, beta=shrink, alpha=-rate)
  return possible

# w <- shrink w - rate map(G), trailing dimensions flattened. G, whose norm is given, is overwritten.
def descend(w: Tensor, G: Tensor, norm: float, function: str, coefficients: List[float],
    rate: float, shrink: float) -> None:
  X = torch.flatten(G, 1)
  done = False
  if function == "halley" and torch.is_contiguous(w):
    done = __torch__.descend_by_halley(torch.flatten(w, 1), X, norm, coefficients, rate, shrink)
  if not done:
    update = __torch__.map_matrix(X, norm, function, coefficients)
    w.mul_(shrink).sub_(torch.reshape(update, w.size()), alpha=rate)


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  def is_finite(self, G: Tensor) -> bool:
    return __torch__.is_finite(G, float(torch.linalg_vector_norm(G)))

  def map(self, G: Tensor, function: str, coefficients: List[float]) -> Tensor:
    return torch.contiguous(__torch__.map(G, function, coefficients))

  # One optimizer step on weight w with gradient g and momentum m, all in place, that also zeroes
  # the gradient attached to w. False if g, not known to be finite, or u is not; then, and if the map
  # throws, nothing has changed.
  def step(self, w: Tensor, g: Tensor, m: Tensor, function: str, coefficients: List[float],
           rescale: float, clip: float, momentum: float, nesterov: bool,
           rate: float, shrink: float, finite: bool) -> bool:
    if clip >= 0. and not finite and not self.is_finite(g):
      return False
    g = __torch__.rescaled_and_clipped(g, rescale, clip)
    u = __torch__.lookahead(m, g, momentum, nesterov)
    norm = float(torch.linalg_vector_norm(u))
    if not __torch__.is_finite(u, norm):
      return False
    __torch__.descend(w, u, norm, function, coefficients, rate, shrink)  # a map may throw
    __torch__.advance(m, g, momentum)
    __torch__.zero_gradient(w)
    return True

  # What the next step would map and what it would make of it; nothing changes. g is finite.
  def preview(self, g: Tensor, m: Tensor, function: str, coefficients: List[float],
              rescale: float, clip: float, momentum: float, nesterov: bool) -> List[Tensor]:
    g = __torch__.rescaled_and_clipped(g, rescale, clip)
    u = __torch__.lookahead(m, g, momentum, nesterov)
    return [u, torch.contiguous(__torch__.map(u, function, coefficients))]
