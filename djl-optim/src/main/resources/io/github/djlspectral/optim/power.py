# Maps of the spectrum other than the polar factor, in TorchScript. Joined in front of spectral.py,
# whose notation it shares. All work in float64: a power amplifies the rounding of the Gram matrix by
# the ratio of its largest and smallest eigenvalues, and float32 would leave nothing of the latter.

# The lower triangle, and more, of X Y^T, which is symmetric.
def product_lower(X: Tensor, Y: Tensor) -> Tensor:
  A = torch.zeros([X.size(0), X.size(0)], dtype=X.dtype, device=X.device)
  __torch__.add_product_lower(A, X, Y, 0., 1.)
  return A

# The size of a squared singular value, relative to the largest, that is rounding of G alone.
def rounding(G: Tensor) -> float:
  if G.dtype == 6:
    return 1.4e-14 * max(G.size(0), G.size(1))
  return 2.3e-16 * G.size(0)

# The factor f of each direction, so that s -> f s is Freon's map, from s^2 with |s| = 1: f = mu L^(-c),
# L = s^2 + eps; and the sum of the weights s^2 / L, which are 1 unless s is below the floor. mu makes
# f independent of the scale of G, with q = 2 - 2c, by the kind of mean:
# 0: mu = |L^(1/2)|^(2c-1), the mean Schatten-q norm over all directions (q = 0: the geometric mean);
# 1: the same mean, each direction by its weight;
# 2: mu = 1, and the caller gives the result the Frobenius norm of the polar factor's, that sum's root.
def power_factors(squares: Tensor, noise: float, coefficients: List[float]) -> Tuple[Tensor, float]:
  c = coefficients[0]
  eps = coefficients[1]
  mean = coefficients[2]
  S = torch.clamp(squares, 0.)
  L = torch.add(S, eps)
  live = torch.gt(L, 0.)
  if eps == 0.:
    live = torch.gt(S, noise * float(torch.max(S)))
    L = torch.mul(L, live)
  zero = torch.zeros_like(L)
  f = torch.where(live, torch.pow(L, -c), zero)
  weights = torch.where(live, torch.div(S, L), zero)
  rank = float(torch.sum(weights))
  if mean == 0.:
    weights = torch.ones_like(L)
  if mean < 2.:
    f = torch.mul(f, __torch__.schatten_factor(L, weights, c))
  return f, rank

# (sum w L^(q/2) / sum w)^((2c - 1)/q)
def schatten_factor(L: Tensor, w: Tensor, c: float) -> Tensor:
  q = 2. - 2. * c
  total = torch.sum(w)
  counted = torch.gt(w, 0.)
  if q < 1e-6:
    logs = torch.where(counted, torch.mul(w, torch.log(L)), torch.zeros_like(L))
    log_norm = torch.mul(torch.div(torch.sum(logs), total), 0.5)
  else:
    powers = torch.where(counted, torch.mul(w, torch.pow(L, 0.5 * q)), torch.zeros_like(L))
    log_norm = torch.div(torch.log(torch.div(torch.sum(powers), total)), q)
  return torch.exp(torch.mul(log_norm, 2. * c - 1.))

# By the eigendecomposition of the Gram matrix.
def power_eigh(X: Tensor, norm: float, noise: float,
    coefficients: List[float]) -> Tuple[Tensor, float]:
  S, U = torch.linalg_eigh(__torch__.product_lower(X, X))
  f, rank = __torch__.power_factors(torch.div(S, norm * norm), noise, coefficients)
  R = __torch__.product_lower(torch.mul(U, torch.div(f, norm)), U)
  __torch__.mirror_lower(R)
  return torch.mm(R, X), rank

# By the singular value decomposition.
def power_svd(X: Tensor, norm: float, noise: float,
    coefficients: List[float]) -> Tuple[Tensor, float]:
  U, s, Vh = torch.linalg_svd(X, False)
  s = torch.div(s, norm)
  f, rank = __torch__.power_factors(torch.mul(s, s), noise, coefficients)
  return torch.mm(torch.mul(U, torch.mul(f, s)), Vh), rank

# R with R = L^(-c) for the matrix L / scale whose spectrum is in (0, 1], by partial fractions: the sum
# w_0 + sum_j w_j / (x + d_j). Coefficients from index 3: w_0, d_1, w_1, d_2, w_2, ...
def fractions_sum(L: Tensor, coefficients: List[float]) -> Tensor:
  R = torch.zeros_like(L)
  for j in range((len(coefficients) - 4) // 2):
    shifted = torch.clone(L)
    torch.diagonal(shifted).add_(coefficients[2 * j + 4])
    R.add_(torch.cholesky_inverse(torch.linalg_cholesky(shifted)), alpha=coefficients[2 * j + 5])
  torch.diagonal(R).add_(coefficients[3])
  return R

# The same by the coupled iteration for the b-th root, c = a / b: W = (alpha I + beta A)(I + gamma A)^-1,
# A <- W^b A, C <- W C. Coefficients from index 3: a, b, then (alpha, beta, gamma) for each step.
def coupled_root(L: Tensor, coefficients: List[float]) -> Tensor:
  identity = torch.eye(L.size(0), dtype=L.dtype, device=L.device)
  A = L
  C = identity
  for i in range((len(coefficients) - 5) // 3):
    alpha = coefficients[3 * i + 5]
    beta = coefficients[3 * i + 6]
    gamma = coefficients[3 * i + 7]
    # partial fractions again, so that W is a symmetric inverse: beta/gamma + (alpha - beta/gamma)(..)^-1
    W = torch.cholesky_inverse(torch.linalg_cholesky(torch.add(identity, A, alpha=gamma)))
    W = torch.add(torch.mul(identity, beta / gamma), W, alpha=alpha - beta / gamma)
    A = __torch__.symmetric(torch.mm(torch.linalg_matrix_power(W, int(coefficients[4])), A))
    C = __torch__.symmetric(torch.mm(W, C))
  return torch.linalg_matrix_power(C, int(coefficients[3]))

def symmetric(A: Tensor) -> Tensor:
  return torch.mul(torch.add(A, torch.t(A)), 0.5)

# By a function of the regularised Gram matrix that needs no eigenvalues. eps must be positive.
def power_rational(X: Tensor, norm: float, function: str,
    coefficients: List[float]) -> Tuple[Tensor, float]:
  eps = coefficients[1]
  A = torch.div(torch.mm(X, torch.t(X)), norm * norm)
  L = torch.clone(A)
  torch.diagonal(L).add_(eps)
  L.div_(1. + eps)
  if function == "power_coupled":
    R = __torch__.coupled_root(L, coefficients)
  else:
    R = __torch__.fractions_sum(L, coefficients)
  # the weights and mu, from traces instead of eigenvalues
  rank = float(X.size(0))
  if coefficients[2] > 0.:
    inverse = torch.cholesky_inverse(torch.linalg_cholesky(L))
    rank = rank - eps / (1. + eps) * float(torch.trace(inverse))
  D = torch.mm(torch.div(R, norm), X)
  if coefficients[2] < 2.:
    D = torch.mul(D, __torch__.trace_factor(A, L, R, rank, coefficients) / (1. + eps) ** 0.5)
  return D, rank

# For L and R of the spectrum divided by 1 + eps; of this scale of R X, one square root is left over.
def trace_factor(A: Tensor, L: Tensor, R: Tensor, rank: float, coefficients: List[float]) -> float:
  c = coefficients[0]
  q = 2. - 2. * c
  if q < 1e-6:
    diagonal = torch.diagonal(torch.linalg_cholesky(L))
    return float(torch.exp(torch.mean(torch.log(diagonal))))
  if coefficients[2] == 1.:
    mean = float(torch.sum(torch.mul(A, R))) / (1. + coefficients[1]) / rank
  else:
    mean = float(torch.sum(torch.mul(L, R))) / rank
  return mean ** ((2. * c - 1.) / q)

# Freon's map: the directions of G, which are those of G / |G|, times their factors.
def power(G: Tensor, norm: float, function: str, coefficients: List[float]) -> Tensor:
  X = G.to(7)
  noise = __torch__.rounding(G)
  if function == "power_eigh":
    D, rank = __torch__.power_eigh(X, norm, noise, coefficients)
  elif function == "power_svd":
    D, rank = __torch__.power_svd(X, norm, noise, coefficients)
  else:
    D, rank = __torch__.power_rational(X, norm, function, coefficients)
  if coefficients[2] == 2.:
    # The norm that D has: rounding of tiny eigenvalues is in D, but not in their sum.
    D.mul_(rank ** 0.5 / float(torch.linalg_vector_norm(D)))
  return D.to(G.dtype)

# G with singular values of mean square 1.
def normalised(G: Tensor, norm: float) -> Tensor:
  return torch.mul(G, G.size(0) ** 0.5 / norm)

# G without its largest singular values, as many as the coefficient says, the others together of mean
# square 1 over all; zero if those are rounding only.
def truncated(G: Tensor, norm: float, coefficients: List[float]) -> Tensor:
  X = G.to(7)
  k = X.size(0)
  S, U = torch.linalg_eigh(__torch__.product_lower(X, X))
  dropped = torch.slice(U, 1, k - int(coefficients[0]), k)
  D = torch.addmm(X, dropped, torch.mm(torch.t(dropped), X), alpha=-1.)
  left = float(torch.linalg_vector_norm(D)) / norm
  if left * left <= __torch__.rounding(G) * k:
    return torch.zeros_like(G)
  return torch.mul(D, k ** 0.5 / (left * norm)).to(G.dtype)

# U diag(coefficients) V^T; directions of singular value zero stay zero.
def replaced_spectrum(G: Tensor, coefficients: List[float]) -> Tensor:
  U, s, Vh = torch.linalg_svd(G.to(7), False)
  live = torch.gt(torch.mul(s, s), __torch__.rounding(G) * float(torch.max(s)) ** 2)
  spectrum = torch.tensor(coefficients, dtype=7, device=G.device)
  return torch.mm(torch.mul(U, torch.mul(live, spectrum)), Vh).to(G.dtype)
