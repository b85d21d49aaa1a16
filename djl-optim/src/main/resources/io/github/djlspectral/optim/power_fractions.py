# By partial fractions of the regularised Gram matrix, without eigenvalues. eps must be positive.

def diagonal(A: Tensor) -> Tensor:
  return torch.diagonal(A, 0, 1, 2)

# L^(-c) for spectra in (0, 1], w_0 + sum_j w_j / (L + d_j). Numbers from index 3: w_0, d_1, w_1, d_2, ...
def fractions_sum(L: Tensor, numbers: List[float]) -> Tensor:
  R = torch.zeros_like(L)
  for j in range((len(numbers) - 4) // 2):
    shifted = torch.clone(L)
    __torch__.diagonal(shifted).add_(numbers[2 * j + 4])
    R.add_(torch.cholesky_inverse(torch.linalg_cholesky(shifted)), alpha=numbers[2 * j + 5])
  __torch__.diagonal(R).add_(numbers[3])
  return R

# mu, from traces instead of eigenvalues, for L and R of the spectrum divided by 1 + eps; of this scale
# of R X, one square root is left over.
def trace_factor(A: Tensor, L: Tensor, R: Tensor, rank: Tensor, numbers: List[float]) -> Tensor:
  c = numbers[0]
  q = 2. - 2. * c
  if q < 1e-6:
    diagonal = __torch__.diagonal(torch.linalg_cholesky(L))
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
    inverse = torch.cholesky_inverse(torch.linalg_cholesky(L))
    traces = torch.sum(__torch__.diagonal(inverse), [1], True)
    rank = torch.add(rank, traces, alpha=-eps / (1. + eps))
  D = torch.bmm(R, D)
  if numbers[2] < 2.:
    factor = torch.div(__torch__.trace_factor(A, L, R, rank, numbers), (1. + eps) ** 0.5)
    D = torch.mul(D, torch.unsqueeze(factor, 2))
  return __torch__.power_scaled(X, D, rank, numbers)
