# X without its largest singular values, as many as the number says, the others together of mean square
# 1 over all; zero if those are rounding only.

# Rows that span nearly the same, nearly orthonormal: Y Y^T = C C^T, C^-1 Y. A little is added so that
# there is a factor also where rows depend on each other; zeros where there is none all the same.
def orthonormal(Y: Tensor) -> Tensor:
  A = torch.bmm(Y, __torch__.transposed(Y))
  diagonal = torch.diagonal(A, 0, 1, 2)
  diagonal.add_(torch.add(torch.mul(torch.amax(diagonal, [1], True), 1e-12), 1e-300))
  C, info = torch.linalg_cholesky_ex(A)
  Q = torch.linalg_solve_triangular(C, Y, upper=False)
  return torch.where(torch.reshape(torch.eq(info, 0), [-1, 1, 1]), Q, torch.zeros_like(Q))

# Orthonormal rows that span the eigenvectors of A to the largest eigenvalues, as many as count, and
# whether they do: what A adds to them is far below the distance to the next eigenvalue. By subspace
# iteration on three times as many, for a GPU, where the decomposition of all of A takes some 30 ms:
# all matrices together, in products and small factorizations that nothing waits for, and at the end
# the decomposition of a matrix as small as that.
def dominant(A: Tensor, count: int) -> Tuple[Tensor, bool]:
  b = 3 * count + 8
  rows = torch.unsqueeze(torch.arange(1., b + 1., dtype=7, device=A.device), 1)
  columns = torch.arange(1., A.size(1) + 1., dtype=7, device=A.device)
  Q = torch.repeat(torch.sin(torch.mul(rows, torch.pow(columns, 1.5))), [A.size(0), 1, 1])
  for i in range(90):
    Q = __torch__.orthonormal(torch.bmm(Q, A))
  Q = __torch__.orthonormal(Q)
  B = torch.bmm(Q, A)
  S, W = torch.linalg_eigh(torch.bmm(B, __torch__.transposed(Q)))
  W = __torch__.transposed(torch.slice(W, 2, b - count, b))
  U = torch.bmm(W, Q)
  R = torch.sub(torch.bmm(W, B), torch.mul(torch.unsqueeze(torch.slice(S, 1, b - count, b), 2), U))
  E = torch.sub(torch.bmm(U, __torch__.transposed(U)), torch.eye(count, dtype=7, device=A.device))
  gap = torch.sub(torch.select(S, 1, b - count), torch.select(S, 1, b - count - 1))
  gap = torch.mul(torch.reshape(gap, [-1, 1, 1]), 1e-6)
  found = torch.logical_and(torch.lt(__torch__.frobenius(R), gap),
      torch.lt(__torch__.frobenius(E), 1e-6))
  return U, bool(torch.all(found))

def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  k = X.size(1)
  count = int(numbers[0])
  D = X.to(7)
  A = __torch__.gram(D)
  found = False
  dropped = A
  if ops.prim.is_cuda(A) and 9 * count + 24 < k:
    dropped, found = __torch__.dominant(A, count)
    dropped = __torch__.transposed(dropped)
  if not found:
    S, U = torch.linalg_eigh(A)
    dropped = torch.slice(U, 2, k - count, k)
  D = torch.baddbmm(D, dropped, torch.bmm(__torch__.transposed(dropped), D), alpha=-1.)
  left = __torch__.frobenius(D)
  share = torch.div(left, norms)
  there = torch.gt(torch.mul(share, share), __torch__.rounding(X) * k)
  return torch.where(there, torch.mul(D, torch.div(k ** 0.5, left)), torch.zeros_like(D)).to(X.dtype)
