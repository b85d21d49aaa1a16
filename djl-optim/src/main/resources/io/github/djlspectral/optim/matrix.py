# What a map of matrices may use, in TorchScript. Joined in front of it.
#
# Notation of the literature: G is what to map; X is G, wide: no more rows than columns, k x n; A is
# the Gram matrix X X^T; s are singular values. A map is a function of a batch, [batch, k, n], and of
# its Frobenius norms, [batch, 1, 1], that are neither zero nor near the ends of float32's range:
#
#   def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor
#
# or, to save the last product's copy, of two factors of the result,
#
#   def factors(X: Tensor, norms: Tensor, numbers: List[float]) -> Tuple[Tensor, Tensor]
#
# It may overwrite X.

# X or its transpose, whichever has no more rows than columns; and back.
def wide(X: Tensor) -> Tensor:
  if X.size(1) > X.size(2):
    return torch.transpose(X, 1, 2)
  return X

def oriented_as(G: Tensor, X: Tensor) -> Tensor:
  if G.size(1) > G.size(2):
    return torch.transpose(X, 1, 2)
  return X

def transposed(X: Tensor) -> Tensor:
  return torch.transpose(X, 1, 2)

def frobenius(X: Tensor) -> Tensor:
  if X.dtype == 15:
    return torch.linalg_vector_norm(X, 2, [1, 2], True, dtype=6)
  return torch.linalg_vector_norm(X, 2, [1, 2], True)

# What is far below the rounding level, such as the rows of a dead unit, would become denormal in
# float32 products of products, and a CPU takes 40 times as long for those.
def cleaned(X: Tensor, norms: Tensor) -> Tensor:
  if X.dtype == 6 and not ops.prim.is_cuda(X):
    for i in range(X.size(0)):
      G = torch.select(X, 0, i)
      torch.hardshrink(G, 1e-9 * float(torch.select(norms, 0, i)), out=G)
  return X

# The size of a squared singular value, relative to the largest, that is rounding of X alone.
def rounding(X: Tensor) -> float:
  if X.dtype == 6:
    return 1.4e-14 * X.size(2)
  return 2.3e-16 * X.size(1)

# U V^T from the singular value decomposition in float64; directions at the rounding level of the
# input, whose sign is noise, go to zero.
def polar_factor(X: Tensor) -> Tensor:
  U, S, Vh = torch.linalg_svd(X.to(7), False)
  epsilon = 2.3e-16
  if X.dtype == 6:
    epsilon = 1.2e-7
  noise = torch.mul(torch.amax(S, [1], True), epsilon * X.size(2))
  return torch.bmm(torch.mul(U, torch.unsqueeze(torch.gt(S, noise), 1)), Vh).to(X.dtype)

# A <- beta A + alpha X Y of matrix by matrix, for symmetric A and products. Large ones on a CPU up to the
# diagonal only, but not of bfloat16, where a product of all is faster; below 256 the copies take as
# long as they save. A symmetric Y is not to be transposed: what rounding leaves of asymmetry in it
# would grow from product to product.
def add_symmetric(A: Tensor, X: Tensor, Y: Tensor, beta: float, alpha: float) -> Tensor:
  if ops.prim.is_cuda(X) or X.dtype == 15 or X.size(1) < 256:
    return A.baddbmm_(X, Y, beta=beta, alpha=alpha)
  for i in range(X.size(0)):
    P = torch.select(A, 0, i)
    __torch__.add_product_lower(P, torch.select(X, 0, i), torch.select(Y, 0, i), beta, alpha)
    __torch__.mirror_lower(P)
  return A

# X Y of matrix by matrix, symmetric.
def symmetric_product(X: Tensor, Y: Tensor) -> Tensor:
  A = torch.empty([X.size(0), X.size(1), X.size(1)], dtype=X.dtype, device=X.device)
  return __torch__.add_symmetric(A, X, Y, 0., 1.)

def gram(X: Tensor) -> Tensor:
  return __torch__.symmetric_product(X, __torch__.transposed(X))

# b A + c A^2 for the i-th (a, b, c).
def quadratic(A: Tensor, numbers: List[float], i: int) -> Tensor:
  return __torch__.add_symmetric(torch.clone(A), A, A, numbers[3 * i + 1], numbers[3 * i + 2])

# X <- a X + (b A + c A^2) X, one (a, b, c) per step, A the Gram matrix of X; the first one's b A + c A^2
# is given.
def iterate(X: Tensor, B: Tensor, numbers: List[float]) -> Tensor:
  for i in range(len(numbers) // 3):
    if i > 0:
      B = __torch__.quadratic(__torch__.gram(X), numbers, i)
    X = torch.baddbmm(X, B, X, beta=numbers[3 * i])
  return X

# The same of X divided by |(X X^T)^2|_F^(1/4), which is at least s_max and at most k^(1/8) s_max, by
# products of numbers of a type.
def polar_polynomial(X: Tensor, norms: Tensor, numbers: List[float], type: int) -> Tensor:
  X = __torch__.cleaned(X, norms).div_(norms)
  A = __torch__.gram(torch.to(X, type))
  S = __torch__.symmetric_product(A, A)
  size = torch.sqrt(__torch__.frobenius(S))
  B = torch.mul(A, torch.mul(torch.reciprocal(size), numbers[1]))
  B.add_(torch.mul(S, torch.mul(torch.pow(size, -2), numbers[2])))
  X = torch.to(X.div_(torch.sqrt(size)), type)
  return __torch__.iterate(X, torch.to(B, type), numbers)

# The side of the blocks below. 96 to 192 measured alike.
def block_size() -> int:
  return 128

# The lower triangle, and more, of beta A + alpha X Y, for a symmetric X Y, in blocks of rows: up to the
# diagonal only.
def add_product_lower(A: Tensor, X: Tensor, Y: Tensor, beta: float, alpha: float) -> None:
  k = A.size(0)
  b = __torch__.block_size()
  for i in range((k + b - 1) // b):
    end = min(k, b * (i + 1))
    rows = torch.slice(X, 0, b * i, end)
    block = torch.slice(torch.slice(A, 0, b * i, end), 1, 0, end)
    block.addmm_(rows, torch.slice(Y, 1, 0, end), beta=beta, alpha=alpha)

# Copies the blocks below the diagonal to those above.
def mirror_lower(A: Tensor) -> None:
  k = A.size(0)
  b = __torch__.block_size()
  for i in range((k - 1) // b):
    start = b * (i + 1)
    above = torch.slice(torch.slice(A, 0, 0, start), 1, start, start + b)
    above.copy_(torch.t(torch.slice(torch.slice(A, 0, start, start + b), 1, 0, start)))

# |A|_F of a symmetric matrix that add_product_lower has made from zeros, with whole diagonal blocks.
def norm_of_lower(A: Tensor) -> float:
  norm = torch.linalg_vector_norm(A)
  squares = torch.mul(torch.mul(norm, norm), 2.)
  b = __torch__.block_size()
  for i in range((A.size(0) + b - 1) // b):
    rows = torch.slice(A, 0, b * i, b * (i + 1))
    norm = torch.linalg_vector_norm(torch.slice(rows, 1, b * i, b * (i + 1)))
    squares = torch.addcmul(squares, norm, norm, value=-1.)
  return float(torch.sqrt(squares))

# The inverse of a positive definite matrix, of which the upper triangle is read, and whether there
# is one. A factor with a zero on its diagonal must not be inverted: that throws.
def cholesky_inverse(A: Tensor) -> Tuple[Tensor, bool]:
  U, info = torch.linalg_cholesky_ex(A, upper=True)  # faster than the other triangle
  if int(info) != 0:
    return U, False
  return torch.cholesky_inverse(U, True), True

# The same from the lower triangle by bordering, most of which is products: with V the inverse of
# the leading block, B the rows below it and C the block beside them, S = C - B V B^T, T = S^-1,
#
#   [ .   B^T ]^-1   [ V + (B V)^T T (B V)   . ]
#   [ B   C   ]    = [        -T (B V)       T ]
#
# The error of V, which grows with its norm, is all in S, where a factorization would cancel it: A
# must be well conditioned. With a condition number of 7000 a matrix of ones came out 10% too large.
def bordered_inverse(A: Tensor) -> Tuple[Tensor, bool]:
  k = A.size(0)
  b = __torch__.block_size()
  W = torch.empty_like(A)
  for i in range((k + b - 1) // b):
    start = b * i
    end = min(k, start + b)
    rows = torch.slice(A, 0, start, end)
    B = torch.slice(rows, 1, 0, start)
    above = torch.slice(W, 0, 0, start)
    below = torch.slice(W, 0, start, end)
    V = torch.slice(above, 1, 0, start)
    Y = torch.mm(B, V)
    S = torch.addmm(torch.slice(rows, 1, start, end), Y, torch.t(B), alpha=-1.)
    T, positive = __torch__.cholesky_inverse(S)
    if not positive:
      return W, False
    Z = torch.slice(below, 1, 0, start)
    Z.addmm_(T, Y, beta=0., alpha=-1.)
    V.addmm_(torch.t(Y), Z, alpha=-1.)
    torch.slice(above, 1, start, end).copy_(torch.t(Z))
    torch.slice(below, 1, start, end).copy_(T)
  return W, True

