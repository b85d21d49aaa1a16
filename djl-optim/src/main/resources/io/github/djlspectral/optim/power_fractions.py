# By partial fractions of the regularised Gram matrix, without eigenvalues. eps must be positive.

def diagonal(A: Tensor) -> Tensor:
  return torch.diagonal(A, 0, 1, 2)

# The lower Cholesky factor, or on a GPU, which would have to be waited for to tell that there is none,
# NaN in its place.
def cholesky(A: Tensor) -> Tensor:
  if not ops.prim.is_cuda(A):
    return torch.linalg_cholesky(A)
  C, info = torch.linalg_cholesky_ex(A)
  there = torch.unsqueeze(torch.unsqueeze(torch.eq(info, 0), -1), -1)
  return torch.where(there, C, nan)

# The inverse of positive definite matrices; cholesky_inverse, too, would wait for a GPU.
def inverse(A: Tensor) -> Tensor:
  C = __torch__.cholesky(A)
  if not ops.prim.is_cuda(A):
    return torch.cholesky_inverse(C)
  unit = torch.eye(A.size(-1), dtype=A.dtype, device=A.device)
  V = torch.linalg_solve_triangular(C, unit, upper=False)
  return torch.matmul(torch.transpose(V, -2, -1), V)

# L^(-c) for spectra in (0, 1], w_0 + sum_j w_j / (L + d_j). Numbers from index 3: w_0, d_1, w_1, d_2, ...
def fractions_sum(L: Tensor, numbers: List[float]) -> Tensor:
  R = torch.zeros_like(L)
  terms = (len(numbers) - 4) // 2
  together = 1
  if ops.prim.is_cuda(L):  # as many as 800 MB hold
    together = max(1, 100000000 // torch.numel(L))
  for i in range((terms + together - 1) // together):
    first = i * together
    end = min(terms, first + together)
    shifted = torch.repeat(L, [end - first, 1, 1, 1])
    for j in range(first, end):
      __torch__.diagonal(torch.select(shifted, 0, j - first)).add_(numbers[2 * j + 4])
    inverses = __torch__.inverse(shifted)
    for j in range(first, end):
      R.add_(torch.select(inverses, 0, j - first), alpha=numbers[2 * j + 5])
  __torch__.diagonal(R).add_(numbers[3])
  return R

# mu, from traces instead of eigenvalues, for L and R of the spectrum divided by 1 + eps; of this scale
# of R X, one square root is left over.
def trace_factor(A: Tensor, L: Tensor, R: Tensor, rank: Tensor, numbers: List[float]) -> Tensor:
  c = numbers[0]
  q = 2. - 2. * c
  if q < 1e-6:
    diagonal = __torch__.diagonal(__torch__.cholesky(L))
    return torch.exp(torch.mean(torch.log(diagonal), [1], True))
  if numbers[2] == 1.:
    mean = torch.div(torch.sum(torch.flatten(torch.mul(A, R), 1), [1], True), 1. + numbers[1])
  else:
    mean = torch.sum(torch.flatten(torch.mul(L, R), 1), [1], True)
  return torch.pow(torch.div(mean, rank), (2. * c - 1.) / q)

def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  eps = numbers[1]
  D = torch.div(X.to(7), norms.to(7))
  A = torch.bmm(D, __torch__.transposed(D))
  L = torch.clone(A)
  __torch__.diagonal(L).add_(eps)
  L.div_(1. + eps)
  R = __torch__.fractions_sum(L, numbers)
  rank = torch.full([X.size(0), 1], X.size(1), dtype=7, device=X.device)
  if numbers[2] > 0.:
    traces = torch.sum(__torch__.diagonal(__torch__.inverse(L)), [1], True)
    rank = torch.add(rank, traces, alpha=-eps / (1. + eps))
  D = torch.bmm(R, D)
  if numbers[2] < 2.:
    factor = torch.div(__torch__.trace_factor(A, L, R, rank, numbers), (1. + eps) ** 0.5)
    D = torch.mul(D, torch.unsqueeze(factor, 2))
  return __torch__.power_scaled(X, D, rank, numbers)
