# Spectral maps and the optimizer step around them, in TorchScript.
#
# Notation of the literature: G is the matrix to map, m x n; X is G on another scale; A is the Gram
# matrix X X^T of its rows, k x k (tall matrices are transposed first); s are singular values.

# A multiple of G whose Gram matrix has a norm, a sum of fourth powers, in the range of float32.
def in_range(G: Tensor) -> Tensor:
  norm = float(torch.linalg_vector_norm(G))
  if norm > 1e-8 and norm < 1e8:
    return G
  largest = float(torch.linalg_vector_norm(G, inf))
  if largest == 0.:
    return G
  return torch.div(G, largest)

# What is far below the rounding level, such as the rows of a dead unit, would become denormal in
# float32 products of products, and a CPU takes 40 times as long for those.
def cleaned(X: Tensor, norm: float) -> Tensor:
  if X.dtype == 6:
    return torch.hardshrink(X, 1e-9 * norm)
  return X

# The map of G, trailing dimensions flattened, by the name of a function above.
def map(G: Tensor, function: str, coefficients: List[float]) -> Tensor:
  X = __torch__.in_range(torch.flatten(G, 1))
  norm = float(torch.linalg_vector_norm(X))
  if norm == 0.:
    return torch.zeros_like(G)
  tall = X.size(0) > X.size(1)
  if tall:
    X = torch.t(X)
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
  if tall:
    X = torch.t(X)
  return torch.reshape(X, G.size())

# Takes a gradient into the momentum, in place.
def advance(m: Tensor, g: Tensor, momentum: float) -> Tensor:
  m.lerp_(g, 1. - momentum)
  if m.dtype == 6:
    m.copy_(torch.hardshrink(m, 2e-38))  # a decaying momentum must not stay denormal
  return m

# What enters the map.
def lookahead(m: Tensor, g: Tensor, momentum: float, nesterov: bool) -> Tensor:
  if nesterov:
    return torch.lerp(g, m, momentum)
  return m


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  def is_finite(self, G: Tensor) -> bool:
    return __torch__.is_finite(G)

  def map(self, G: Tensor, function: str, coefficients: List[float]) -> Tensor:
    return torch.contiguous(__torch__.map(G, function, coefficients))

  # One optimizer step on weight w with gradient g and momentum m, all in place, that also zeroes
  # the gradient attached to w. False if g contains NaN or infinity; then nothing has changed.
  def step(self, w: Tensor, g: Tensor, m: Tensor, function: str, coefficients: List[float],
           rescale: float, clip: float, momentum: float, nesterov: bool,
           rate: float, shrink: float) -> bool:
    if not __torch__.is_finite(g):
      return False
    g = __torch__.rescaled_and_clipped(g, rescale, clip)
    u = __torch__.lookahead(__torch__.advance(m, g, momentum), g, momentum, nesterov)
    update = __torch__.map(u, function, coefficients)
    w.mul_(shrink).sub_(update, alpha=rate)
    __torch__.zero_gradient(w)
    return True

  # What the next step would map and what it would make of it; nothing changes. g is finite.
  def preview(self, g: Tensor, m: Tensor, function: str, coefficients: List[float],
              rescale: float, clip: float, momentum: float, nesterov: bool) -> List[Tensor]:
    g = __torch__.rescaled_and_clipped(g, rescale, clip)
    m = __torch__.advance(torch.clone(m), g, momentum)
    u = torch.clone(__torch__.lookahead(m, g, momentum, nesterov))
    return [u, torch.contiguous(__torch__.map(u, function, coefficients))]
