# Folds: piecewise-affine layers with an orthogonal Jacobian, for activations x [B, n], a matrix W
# [m, n] with orthonormal rows and a bias b [m].

# The skew-symmetric n x n matrix whose strictly lower triangle is p, row by row.
def skew(p: Tensor, n: int) -> Tensor:
  at = torch.tril_indices(n, n, -1, dtype=4, device=p.device)
  lower = torch.index_put(torch.zeros([n, n], dtype=p.dtype, device=p.device), [at[0], at[1]], p)
  return torch.sub(lower, torch.t(lower))


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # base (I + A)^(-1) (I - A) for skew-symmetric A.
  def cayley(self, p: Tensor, base: Tensor) -> Tensor:
    n = base.size(1)
    identity = torch.eye(n, dtype=p.dtype, device=p.device)
    A = __torch__.skew(p, n)
    return torch.mm(base, torch.linalg_solve(torch.add(identity, A), torch.sub(identity, A)))

  # base exp(A) for skew-symmetric A.
  def exponential(self, p: Tensor, base: Tensor) -> Tensor:
    return torch.mm(base, torch.linalg_matrix_exp(__torch__.skew(p, base.size(1))))

  # Brings the rows of W back to orthonormality, in place, by Newton-Schulz steps for the polar factor:
  # each takes an error e of the singular values to 1.5 e^2. Nothing changes if they are already, so
  # that a graph that holds W stays valid. False if the error is too large to converge.
  def retract(self, W: Tensor, tolerance: float) -> bool:
    identity = torch.eye(W.size(0), dtype=W.dtype, device=W.device)
    for i in range(8):
      gram = torch.mm(W, torch.t(W))
      error = float(torch.linalg_vector_norm(torch.sub(gram, identity), inf))
      if error <= tolerance:
        return True
      if not error < 1.:
        return False
      half = torch.sub(torch.mul(identity, 1.5), gram, alpha=0.5)
      W.copy_(torch.mm(half, W))
    return True

  # x - 2 W^T relu(W x + b)
  def residual_fold(self, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    z = torch.relu(torch.linear(x, W, b))
    return torch.sub(x, torch.mm(z, W), alpha=2.)

  # |W x + b|
  def absolute_fold(self, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return torch.abs(torch.linear(x, W, b))

  # x + tau W^T (sigma(W x + b) - s2 W x), slopes (s1, s2) of sigma, tau = 2 / (s2 - s1)
  def two_slope_fold(self, x: Tensor, W: Tensor, b: Tensor, slopes: Tensor) -> Tensor:
    y = torch.linear(x, W)
    z = torch.add(y, b)
    s1 = slopes[0]
    s2 = slopes[1]
    sigma = torch.where(torch.gt(z, 0.), torch.mul(z, s2), torch.mul(z, s1))
    folded = torch.sub(sigma, torch.mul(y, s2))
    return torch.add(x, torch.mul(torch.mm(folded, W), torch.div(2., torch.sub(s2, s1))))

  # The singular values, descending.
  def singular_values(self, J: Tensor) -> Tensor:
    return torch.linalg_svdvals(J)
