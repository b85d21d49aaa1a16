# Polynomials in X X^T and the polar factor, in TorchScript. Joined in front of spectral.py, whose
# notation it shares.

# X <- a X + (b A + c A^2) X, one (a, b, c) per step.
def iterate(X: Tensor, A: Tensor, coefficients: List[float]) -> Tensor:
  for i in range(len(coefficients) // 3):
    if i > 0:
      A = torch.mm(X, torch.t(X))
    B = torch.addmm(A, A, A, beta=coefficients[3 * i + 1], alpha=coefficients[3 * i + 2])
    X = torch.addmm(X, B, X, beta=coefficients[3 * i])
  return X

# The iteration from X = G / |G|_F.
def polynomial(G: Tensor, norm: float, coefficients: List[float]) -> Tensor:
  X = torch.div(G, norm)
  return __torch__.iterate(X, torch.mm(X, torch.t(X)), coefficients)

# The same iteration with a sharper bound: |X X^T|_F^(1/2) >= s_max is at most k^(1/4) s_max.
def polar_polynomial(G: Tensor, coefficients: List[float]) -> Tensor:
  A = torch.mm(G, torch.t(G))
  norm = float(torch.linalg_vector_norm(A))
  return __torch__.iterate(torch.div(G, norm ** 0.5), torch.div(A, norm), coefficients)

# U V^T from the singular value decomposition in float64; directions at the rounding level of the
# input, whose sign is noise, go to zero.
def exact_polar(G: Tensor) -> Tensor:
  U, S, Vh = torch.linalg_svd(G.to(7), False)
  epsilon = 2.3e-16
  if G.dtype == 6:
    epsilon = 1.2e-7
  noise = float(torch.max(S)) * epsilon * max(G.size(0), G.size(1))
  return torch.mm(torch.mul(U, torch.gt(S, noise)), Vh).to(G.dtype)

# The side of the blocks below. 96 to 192 measured alike.
def block_size() -> int:
  return 128

# The lower triangle, and more, of beta A + alpha X Y^T, for a symmetric X Y^T, in blocks of rows: up
# to the diagonal only.
def add_product_lower(A: Tensor, X: Tensor, Y: Tensor, beta: float, alpha: float) -> None:
  k = A.size(0)
  b = __torch__.block_size()
  for i in range((k + b - 1) // b):
    end = min(k, b * (i + 1))
    rows = torch.slice(X, 0, b * i, end)
    block = torch.slice(torch.slice(A, 0, b * i, end), 1, 0, end)
    block.addmm_(rows, torch.t(torch.slice(Y, 0, 0, end)), beta=beta, alpha=alpha)

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

# R with R X the polar factor of X, whose norm is given, and whether rounding let it be computed.
# From A_0 = X X^T / |.|_F and R_0 = I, one (w, v, d) per step, commuting matrices:
#
#   W = (A + d I)^-1,    R <- (w I + v W) R,    A <- (w I + v W)^2 A
#
# As A W = I - d W, the new A takes one symmetric product, W W^T.
def halley(X: Tensor, norm: float, coefficients: List[float]) -> Tuple[Tensor, bool]:
  k = X.size(0)
  A = torch.zeros([k, k], dtype=X.dtype, device=X.device)
  __torch__.add_product_lower(A, X, X, 0., 1. / (norm * norm))
  unit = __torch__.norm_of_lower(A)  # A / unit is meant; it enters where numbers are multiplied
  scale = 1. / (norm * unit ** 0.5)
  R = A
  diagonal = torch.diagonal(A)
  steps = len(coefficients) // 3
  for i in range(steps):
    w = coefficients[3 * i]
    v = coefficients[3 * i + 1]
    d = coefficients[3 * i + 2]
    diagonal.add_(d * unit)
    if d < 0.01:  # the condition number may be 1 + 1 / d
      W, positive = __torch__.cholesky_inverse(torch.t(A))
    else:
      W, positive = __torch__.bordered_inverse(A)
    if not positive:
      return A, False
    if i < steps - 1:
      __torch__.add_product_lower(A, W, W, w * w / unit, -v * v * d * unit * unit)
      A.add_(W, alpha=(v * v - 2. * w * v * d) * unit)
      diagonal.add_(2. * w * v - w * w * d)
    if i == 0:
      R = W.mul_(v * unit * scale)
      torch.diagonal(R).add_(w * scale)
    else:
      product = torch.mul(R, w)
      __torch__.add_product_lower(product, W, R, 1., v)
      __torch__.mirror_lower(product)
      R = product
    unit = 1.
  return R, True
