# Freon's map, mu (X X^T + e I)^(-c) X. Joined behind matrix.py. All work in float64: a power amplifies
# the rounding of the Gram matrix by the ratio of its largest and smallest eigenvalues, and float32
# would leave nothing of the latter. Numbers: c, eps, kind of mean.

# The factor f of each direction, so that s -> f s is Freon's map, from s^2 with |s| = 1: f = mu L^(-c),
# L = s^2 + eps; and the sum of the weights s^2 / L, which are 1 unless s is below the floor. mu makes
# f independent of the scale of X, with q = 2 - 2c, by the kind of mean:
# 0: mu = |L^(1/2)|^(2c-1), the mean Schatten-q norm over all directions (q = 0: the geometric mean);
# 1: the same mean, each direction by its weight;
# 2: mu = 1, and the caller gives the result the Frobenius norm of the polar factor's, that sum's root.
def power_factors(squares: Tensor, noise: float, numbers: List[float]) -> Tuple[Tensor, Tensor]:
  c = numbers[0]
  eps = numbers[1]
  mean = numbers[2]
  S = torch.clamp(squares, 0.)
  L = torch.add(S, eps)
  live = torch.gt(L, 0.)
  if eps == 0.:
    live = torch.gt(S, torch.mul(torch.amax(S, [1], True), noise))
    L = torch.mul(L, live)
  zero = torch.zeros_like(L)
  f = torch.where(live, torch.pow(L, -c), zero)
  weights = torch.where(live, torch.div(S, L), zero)
  rank = torch.sum(weights, [1], True)
  if mean == 0.:
    weights = torch.ones_like(L)
  if mean < 2.:
    f = torch.mul(f, __torch__.schatten_factor(L, weights, c))
  return f, rank

# (sum w L^(q/2) / sum w)^((2c - 1)/q)
def schatten_factor(L: Tensor, w: Tensor, c: float) -> Tensor:
  q = 2. - 2. * c
  total = torch.sum(w, [1], True)
  counted = torch.gt(w, 0.)
  if q < 1e-6:
    logs = torch.where(counted, torch.mul(w, torch.log(L)), torch.zeros_like(L))
    log_norm = torch.mul(torch.div(torch.sum(logs, [1], True), total), 0.5)
  else:
    powers = torch.where(counted, torch.mul(w, torch.pow(L, 0.5 * q)), torch.zeros_like(L))
    log_norm = torch.div(torch.log(torch.div(torch.sum(powers, [1], True), total)), q)
  return torch.exp(torch.mul(log_norm, 2. * c - 1.))

# D, in the type of X, with the norm that the third kind of mean gives it: the one that D has, as
# rounding of tiny eigenvalues is in D, but not in the sum of weights.
def power_scaled(X: Tensor, D: Tensor, rank: Tensor, numbers: List[float]) -> Tensor:
  if numbers[2] == 2.:
    D.mul_(torch.div(torch.sqrt(torch.unsqueeze(rank, 2)), __torch__.frobenius(D)))
  return D.to(X.dtype)
