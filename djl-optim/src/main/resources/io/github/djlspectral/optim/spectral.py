# Spectral maps and the optimizer step around them, in TorchScript.
#
# Notation of the literature: G is the matrix to map, m x n; X is G on another scale; A is the Gram
# matrix X X^T of its rows, k x k (tall matrices are transposed first); s are singular values.

# X <- a X + (b A + c A^2) X, one (a, b, c) per step.
def iterate(X: Tensor, A: Tensor, coefficients: List[float]) -> Tensor:
  for i in range(len(coefficients) // 3):
    if i > 0:
      A = torch.mm(X, torch.t(X))
    B = torch.addmm(A, A, A, beta=coefficients[3 * i + 1], alpha=coefficients[3 * i + 2])
    X = torch.addmm(X, B, X, beta=coefficients[3 * i])
  return X

# The reference iteration, from X = G / |G|_F.
def newton_schulz(G: Tensor, norm: float, coefficients: List[float]) -> Tensor:
  X = torch.div(G, norm)
  return __torch__.iterate(X, torch.mm(X, torch.t(X)), coefficients)

# The same iteration with a sharper bound: |X X^T|_F^(1/2) >= s_max is at most k^(1/4) s_max.
def polar_polynomial(G: Tensor, coefficients: List[float]) -> Tensor:
  A = torch.mm(G, torch.t(G))
  norm = float(torch.linalg_vector_norm(A))
  return __torch__.iterate(torch.div(G, norm ** 0.5), torch.div(A, norm), coefficients)

# U V^T from the singular value decomposition in float64; directions at the rounding level of the
# input, whose sign is noise, go to zero.
def exact_polar(G: Tensor) -> Tensor:
  U, S, Vh = torch.linalg_svd(G.to(7), False)
  epsilon = 2.3e-16
  if G.dtype == 6:
    epsilon = 1.2e-7
  noise = float(torch.max(S)) * epsilon * max(G.size(0), G.size(1))
  return torch.mm(torch.mul(U, torch.gt(S, noise)), Vh).to(G.dtype)

# r(A) X, r(x) = w_0 + sum_j w_j / (x + d_j) an approximation of x^(-1/2) on (0, 1]. The spectrum of
# A / |A|_F lies in [0, 1]. Coefficients: w_0, d_1, w_1, d_2, w_2, ...
def partial_fractions(G: Tensor, coefficients: List[float]) -> Tensor:
  A = torch.mm(G, torch.t(G))
  norm = float(torch.linalg_vector_norm(A))
  A.div_(norm)
  R = torch.zeros_like(A)
  diagonal = torch.diagonal(A)
  shift = 0.
  for j in range(len(coefficients) // 2):
    d = coefficients[2 * j + 1]
    diagonal.add_(d - shift)
    shift = d
    L, info = torch.linalg_cholesky_ex(A)
    if int(info) != 0:  # rounding of a huge, nearly singular A exceeded the shift
      return __torch__.exact_polar(G)
    R.add_(torch.cholesky_inverse(L), alpha=coefficients[2 * j + 2])
  torch.diagonal(R).add_(coefficients[0])
  return torch.mm(R.div_(norm ** 0.5), G)

# A multiple of G whose Gram matrix has a norm, a sum of fourth powers, in the range of float32.
def in_range(G: Tensor) -> Tensor:
  norm = float(torch.linalg_vector_norm(G))
  if norm > 1e-8 and norm < 1e8:
    return G
  largest = float(torch.linalg_vector_norm(G, inf))
  if largest == 0.:
    return G
  return torch.div(G, largest)

# The map of G, trailing dimensions flattened, by the name of a function above.
def map(G: Tensor, function: str, coefficients: List[float]) -> Tensor:
  X = __torch__.in_range(torch.flatten(G, 1))
  norm = float(torch.linalg_vector_norm(X))
  if norm == 0.:
    return torch.zeros_like(G)
  if X.dtype == 6:
    # What is far below the rounding level, such as the rows of a dead unit, would become denormal
    # in products of products, and a CPU takes 40 times as long for those.
    X = torch.hardshrink(X, 1e-9 * norm)
  tall = X.size(0) > X.size(1)
  if tall:
    X = torch.t(X)
  if function == "newton_schulz":
    X = __torch__.newton_schulz(X, norm, coefficients)
  elif function == "polar_polynomial":
    X = __torch__.polar_polynomial(X, coefficients)
  elif function == "partial_fractions":
    X = __torch__.partial_fractions(X, coefficients)
  else:
    X = __torch__.exact_polar(X)
  if tall:
    X = torch.t(X)
  return torch.reshape(X, G.size())


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
    m.lerp_(g, 1. - momentum)
    if m.dtype == 6:
      m.copy_(torch.hardshrink(m, 2e-38))  # a decaying momentum must not stay denormal
    u = m
    if nesterov:
      u = torch.lerp(g, m, momentum)
    update = __torch__.map(u, function, coefficients)
    w.mul_(shrink).sub_(update, alpha=rate)
    __torch__.zero_gradient(w)
    return True
