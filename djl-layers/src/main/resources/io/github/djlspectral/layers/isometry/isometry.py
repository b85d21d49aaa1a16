# Folds: piecewise-affine layers with an orthogonal Jacobian, for activations x [B, n], a matrix W
# [m, n] with orthonormal rows and a bias b [m].

# The skew-symmetric n x n matrix whose strictly lower triangle is p, row by row.
def skew(p: Tensor, n: int) -> Tensor:
  at = torch.tril_indices(n, n, -1, dtype=4, device=p.device)
  lower = torch.index_put(torch.zeros([n, n], dtype=p.dtype, device=p.device), [at[0], at[1]], p)
  return torch.sub(lower, torch.t(lower))


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
  return torch.sub(x, torch.mm(torch.relu(torch.linear(x, W, b)), W), alpha=2.)

# B^T fold(B x), on the span of the orthonormal rows of B
def fold_within(x: Tensor, B: Tensor, W: Tensor, b: Tensor) -> Tensor:
  return torch.mm(__torch__.fold(torch.linear(x, B), W, b), B)

# x without its part in the span of the rows of B
def without(x: Tensor, B: Tensor) -> Tensor:
  return torch.sub(x, torch.mm(torch.linear(x, B), B))


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # base (I + A)^(-1) (I - A) for skew-symmetric A.
  def cayley(self, p: Tensor, base: Tensor) -> Tensor:
    n = max(base.size(0), base.size(1))
    identity = torch.eye(n, dtype=p.dtype, device=p.device)
    A = __torch__.skew(p, n)
    P = torch.linalg_solve(torch.add(identity, A), torch.sub(identity, A))
    return __torch__.turned(base, P)

  # base exp(A) for skew-symmetric A.
  def exponential(self, p: Tensor, base: Tensor) -> Tensor:
    A = __torch__.skew(p, max(base.size(0), base.size(1)))
    return __torch__.turned(base, torch.linalg_matrix_exp(A))

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

  # Brings the rows of W, or the columns of a tall one, back to orthonormality, in place, by Newton-Schulz
  # steps for the polar factor: each takes an error e of the singular values to 1.5 e^2. Nothing changes
  # if they are already, so that a graph that holds W stays valid. False if the error is too large to
  # converge. Whether W has moved is seen on one fixed vector without a pattern, as W W^T r = r: two
  # products by a vector instead of a Gram matrix. (A tensor's count of changes does not tell: fused
  # optimizer kernels leave it as it is in inference mode.)
  def retract(self, W: Tensor, tolerance: float) -> bool:
    if W.size(0) <= W.size(1):
      X = W
    else:
      X = torch.t(W)
    k = torch.arange(X.size(0), dtype=W.dtype, device=W.device)
    r = torch.cos(torch.mul(k, k))
    moved = torch.sub(torch.mv(X, torch.mv(torch.t(X), r)), r)
    if float(torch.linalg_vector_norm(moved, inf)) <= tolerance:
      return True
    identity = torch.eye(X.size(0), dtype=W.dtype, device=W.device)
    for i in range(8):
      gram = torch.mm(X, torch.t(X))
      error = float(torch.linalg_vector_norm(torch.sub(gram, identity), inf))
      if error <= tolerance:
        return True
      if not error < 1.:
        return False
      half = torch.sub(torch.mul(identity, 1.5), gram, alpha=0.5)
      X.copy_(torch.mm(half, X))
    return True

  # x - 2 W^T relu(W x + b)
  def residual_fold(self, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return __torch__.fold(x, W, b)

  # |W x + b|, with the slope 1 at 0, where that of abs is 0
  def absolute_fold(self, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    z = torch.linear(x, W, b)
    return torch.add(z, torch.relu(torch.neg(z)), alpha=2.)

  # x + tau W^T (sigma(W x + b) - s2 W x), slopes (s1, s2) of sigma, tau = 2 / (s2 - s1)
  def two_slope_fold(self, x: Tensor, W: Tensor, b: Tensor, slopes: Tensor) -> Tensor:
    y = torch.linear(x, W)
    z = torch.add(y, b)
    s1 = slopes[0]
    s2 = slopes[1]
    sigma = torch.where(torch.gt(z, 0.), torch.mul(z, s2), torch.mul(z, s1))
    folded = torch.sub(sigma, torch.mul(y, s2))
    return torch.add(x, torch.mul(torch.mm(folded, W), torch.div(2., torch.sub(s2, s1))))

  # z - 2 relu(n . z) n on pairs z of neighbours, n = (sin t/2, -cos t/2), an angle t for each pair
  def householder_activation(self, x: Tensor, angles: Tensor) -> Tensor:
    half = torch.mul(angles, 0.5)
    n = torch.stack([torch.sin(half), torch.neg(torch.cos(half))], 1)
    pairs = torch.reshape(x, [x.size(0), -1, 2])
    height = torch.relu(torch.sum(torch.mul(pairs, n), [2], True))
    return torch.reshape(torch.sub(pairs, torch.mul(height, n), alpha=2.), [x.size(0), -1])

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
