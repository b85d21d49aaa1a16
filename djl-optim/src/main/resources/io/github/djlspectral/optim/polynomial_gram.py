# The same as R X / |X|_F by k x k products, all of polynomials in A = X X^T / |X|_F^2, hence symmetric:
#
#   Q = a I + b A + c A^2,    R <- R Q,    A <- Q^2 A
#
# Each step multiplies the rounding of A's zeros by a^2. So after five A is made anew, from R X.
def factors(X: Tensor, norms: Tensor, numbers: List[float]) -> Tuple[Tensor, Tensor]:
  X = __torch__.cleaned(X, norms).div_(norms)
  A = __torch__.gram(X)
  R = A
  steps = len(numbers) // 3
  for i in range(steps):
    Q = __torch__.quadratic(A, numbers, i)
    torch.diagonal(Q, 0, 1, 2).add_(numbers[3 * i])
    if i % 5 == 0:
      R = Q
    else:
      R = __torch__.symmetric_product(R, Q)
    if i + 1 < steps:
      if i % 5 == 4:
        X = torch.bmm(R, X)
        A = __torch__.gram(X)
      else:
        A = __torch__.symmetric_product(__torch__.symmetric_product(A, Q), Q)
  return R, X
