# Folds: piecewise-affine layers with an orthogonal Jacobian, for activations x [.., n], a matrix W
# [m, n] with orthonormal rows and a bias b [m].

# I + P - P^T, P the n x n matrix with the entries p.
def shifted_skew(p: Tensor, n: int) -> Tensor:
  P = torch.reshape(p, [n, n])
  identity = torch.eye(n, dtype=p.dtype, device=p.device)
  return torch.sub(torch.add(identity, P), torch.t(P))

# W x + b for x [B, n], W = base (2 S^(-1) - I) with S = I + A, A skew-symmetric. For B less than n two
# factorisations of S are cheaper than to make W and differentiate that.
def cayley_rows(x: Tensor, S: Tensor, base: Tensor, b: Tensor) -> Tensor:
  u = torch.t(torch.linalg_solve(S, torch.t(x)))
  return torch.addmm(b, torch.sub(x, u, alpha=2.), torch.t(base), alpha=-1.)

# -W^T z for z [B, m]
def cayley_columns(z: Tensor, S: Tensor, base: Tensor) -> Tensor:
  t = torch.mm(z, base)
  return torch.sub(t, torch.linalg_solve(S, t, left=False), alpha=2.)

# |z| with the slope 1 at 0, where that of abs is 0
def absolute(z: Tensor) -> Tensor:
  return torch.add(z, torch.relu(torch.neg(z)), alpha=2.)

# A wide base turned by P from the right, base P, or a tall one by P^T from the left: rows, or columns,
# stay orthonormal.
def turned(base: Tensor, P: Tensor) -> Tensor:
  if base.size(0) <= base.size(1):
    W = torch.mm(base, P)
  else:
    W = torch.mm(torch.t(P), base)
  return W

# The columns of V at length 1; a column of zeros stays one. The largest entry goes first, so that
# lengths neither underflow nor overflow.
def unit_columns(V: Tensor) -> Tensor:
  largest = torch.detach(torch.amax(torch.abs(V), [0], True))
  none = torch.eq(largest, 0.)
  scaled = torch.div(V, torch.masked_fill(largest, none, 1.))
  length = torch.linalg_vector_norm(scaled, 2., [0], True)
  return torch.div(scaled, torch.masked_fill(length, none, 1.))

# x - 2 W^T relu(W x + b)
def fold(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
  return torch.sub(x, torch.matmul(torch.relu(torch.linear(x, W, b)), W), alpha=2.)

# B^T fold(B x), on the span of the orthonormal rows of B
def fold_within(x: Tensor, B: Tensor, W: Tensor, b: Tensor) -> Tensor:
  return torch.matmul(__torch__.fold(torch.linear(x, B), W, b), B)

# x without its part in the span of the rows of B
def without(x: Tensor, B: Tensor) -> Tensor:
  return torch.sub(x, torch.matmul(torch.linear(x, B), B))

# X or its transpose, whichever has no more rows than columns.
def wide(X: Tensor) -> Tensor:
  if X.size(0) > X.size(1):
    return torch.t(X)
  return X

# |A - I| in the Frobenius norm, 2, or by the largest entry, inf.
def off_identity(A: Tensor, order: float) -> float:
  identity = torch.eye(A.size(0), dtype=A.dtype, device=A.device)
  return float(torch.linalg_vector_norm(torch.sub(A, identity), order))

# Newton-Schulz steps X <- (3 I - X X^T) X / 2 to the polar factor, and whether they have reached it; none
# if X is there within rounding. A step takes an error e of X X^T, in a norm that bounds the spectral one,
# to at most e^2 for e below 1. From further away X is scaled first to singular values of at most 1, for
# none may reach sqrt 3; a small one grows by half with each step.
def newton_schulz(X: Tensor, tolerance: float) -> Tuple[Tensor, bool]:
  A = torch.mm(X, torch.t(X))
  if __torch__.off_identity(A, inf) <= tolerance:
    return X, True
  error = __torch__.off_identity(A, 2.)
  if error >= 1.:
    X = torch.div(X, (1. + error) ** 0.5)
    A = torch.div(A, 1. + error)
    error = __torch__.off_identity(A, 2.)
  identity = torch.eye(A.size(0), dtype=A.dtype, device=A.device)
  for i in range(16):
    X = torch.mm(torch.sub(torch.mul(identity, 1.5), A, alpha=0.5), X)
    if error * error <= tolerance:
      return X, True
    A = torch.mm(X, torch.t(X))
    error = __torch__.off_identity(A, 2.)
  return X, False


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # base (I + A)^(-1) (I - A) for A = P - P^T.
  def cayley(self, p: Tensor, base: Tensor) -> Tensor:
    S = __torch__.shifted_skew(p, max(base.size(0), base.size(1)))
    return __torch__.turned(base, torch.linalg_solve(S, torch.t(S)))

  # base exp(A) for A = P - P^T, in float64: in float32 the exponential is off by up to 3e-5. In float64 it
  # is by up to 1e-11 where the 1-norm lies between 3e-4 and 0.05, so that exp(A + I / 2) is taken.
  def exponential(self, p: Tensor, base: Tensor) -> Tensor:
    n = max(base.size(0), base.size(1))
    P = torch.to(torch.reshape(p, [n, n]), 7)
    half = torch.mul(torch.eye(n, dtype=7, device=p.device), 0.5)
    rotation = torch.linalg_matrix_exp(torch.sub(torch.add(half, P), torch.t(P)))
    rotation = torch.mul(rotation, 0.6065306597126334)  # exp(-1/2)
    return __torch__.turned(base, torch.to(rotation, p.dtype))

  # base times the reflections at the columns of V, in compact form: I - U S^(-1) U^T, U the columns at
  # length 1, S = triu(U^T U, 1) + I / 2. Schreiber and Van Loan, "A storage-efficient WY representation
  # for products of Householder transformations", 1989.
  def householder(self, p: Tensor, base: Tensor) -> Tensor:
    m = min(base.size(0), base.size(1))
    U = __torch__.unit_columns(torch.reshape(p, [-1, m]))
    Ut = torch.t(U)
    half = torch.mul(torch.eye(m, dtype=p.dtype, device=p.device), 0.5)
    S = torch.add(torch.triu(torch.mm(Ut, U), 1), half)
    X = torch.linalg_solve_triangular(S, Ut, upper=True)
    if base.size(0) <= base.size(1):
      W = torch.sub(base, torch.mm(torch.mm(base, U), X))
    else:
      W = torch.sub(base, torch.mm(torch.t(X), torch.mm(Ut, base)))
    return W

  # A number that tells whether W has changed: the sum of its entries, each times another number from 1 to
  # 260. A change of a few rounding errors shows. NaN, which is equal to nothing, if it overflows.
  def fingerprint(self, W: Tensor) -> float:
    r = torch.logspace(0., 1.4142135623730951, W.size(0), dtype=7, device=W.device)
    c = torch.logspace(0., 1., W.size(1), dtype=W.dtype, device=W.device)
    total = float(torch.dot(r, torch.mv(W, c).to(7)))
    return total + 0. * total

  # Makes target, which may be W, the nearest matrix with orthonormal rows, or columns: the polar factor, or
  # W itself if it is orthonormal within rounding. False if rounding hides which is nearest, as for a matrix
  # of less than full rank, or W is not finite.
  def retract(self, W: Tensor, target: Tensor, tolerance: float) -> bool:
    X, converged = __torch__.newton_schulz(__torch__.wide(W), tolerance)
    if not converged:
      if not torch.linalg_vector_norm(W, inf) < inf:
        return False
      U, S, Vh = torch.linalg_svd(__torch__.wide(W).to(7), False)
      if float(torch.min(S)) <= tolerance * float(torch.max(S)):
        return False
      X = torch.mm(U, Vh).to(W.dtype)
    if W.size(0) > W.size(1):
      X = torch.t(X)
    target.copy_(X)
    return True

  # W x, or W x + b, of parameters W, b
  def linear(self, x: Tensor, parameters: List[Tensor]) -> Tensor:
    b: Optional[Tensor] = None
    if torch.len(parameters) > 1:
      b = parameters[1]
    return torch.linear(x, parameters[0], b)

  # x - 2 W^T relu(W x + b)
  def residual_fold(self, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return __torch__.fold(x, W, b)

  # |W x + b|
  def absolute_fold(self, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return __torch__.absolute(torch.linear(x, W, b))

  # x + W^T (2 relu(-W x - b) + s), for any slopes of the activation but for s
  def two_slope_fold(self, x: Tensor, W: Tensor, b: Tensor, s: Tensor) -> Tensor:
    t = torch.add(s, torch.relu(torch.neg(torch.linear(x, W, b))), alpha=2.)
    return torch.add(x, torch.matmul(t, W))

  # The three with W by Cayley, not made.
  def residual_fold_cayley(self, x: Tensor, p: Tensor, base: Tensor, b: Tensor) -> Tensor:
    S = __torch__.shifted_skew(p, base.size(1))
    X = torch.flatten(x, 0, -2)
    z = torch.relu(__torch__.cayley_rows(X, S, base, b))
    return torch.reshape(torch.add(X, __torch__.cayley_columns(z, S, base), alpha=2.), x.size())

  def absolute_fold_cayley(self, x: Tensor, p: Tensor, base: Tensor, b: Tensor) -> Tensor:
    S = __torch__.shifted_skew(p, base.size(1))
    z = __torch__.cayley_rows(torch.flatten(x, 0, -2), S, base, b)
    return torch.reshape(__torch__.absolute(z), x.size())

  def two_slope_fold_cayley(self, x: Tensor, p: Tensor, base: Tensor, b: Tensor, s: Tensor) -> Tensor:
    S = __torch__.shifted_skew(p, base.size(1))
    X = torch.flatten(x, 0, -2)
    z = torch.relu(torch.neg(__torch__.cayley_rows(X, S, base, b)))
    t = torch.add(s, z, alpha=2.)
    return torch.reshape(torch.sub(X, __torch__.cayley_columns(t, S, base)), x.size())

  # z - 2 relu(n . z) n on pairs z of neighbours, n = (sin t/2, -cos t/2), an angle t for each pair
  def householder_activation(self, x: Tensor, angles: Tensor) -> Tensor:
    half = torch.mul(angles, 0.5)
    n = torch.stack([torch.sin(half), torch.neg(torch.cos(half))], 1)
    X = torch.flatten(x, 0, -2)
    pairs = torch.reshape(X, [X.size(0), angles.size(0), 2])
    height = torch.relu(torch.sum(torch.mul(pairs, n), [2], True))
    return torch.reshape(torch.sub(pairs, torch.mul(height, n), alpha=2.), x.size())

  # Layers that fold within the span S of the rows of B. First: what leaves S depends on all of x.
  def persistent_backward(self, x: Tensor, B: Tensor, F: Tensor, f: Tensor, W: Tensor, b: Tensor) -> Tensor:
    rest = torch.relu(torch.linear(x, W, b))
    return torch.add(__torch__.fold_within(x, B, F, f), __torch__.without(rest, B))

  # What is outside S goes anywhere.
  def persistent_forward(self, x: Tensor, B: Tensor, F: Tensor, f: Tensor, W: Tensor, b: Tensor) -> Tensor:
    rest = torch.relu(torch.linear(__torch__.without(x, B), W, b))
    return torch.add(__torch__.fold_within(x, B, F, f), rest)

  # What is outside S stays there.
  def persistent_block_diagonal(self, x: Tensor, B: Tensor, F: Tensor, f: Tensor, W: Tensor, b: Tensor) -> Tensor:
    rest = torch.relu(torch.linear(__torch__.without(x, B), W, b))
    return torch.add(__torch__.fold_within(x, B, F, f), __torch__.without(rest, B))
