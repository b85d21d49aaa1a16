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

# r(A) X, r(x) = w_0 + sum_j w_j / (x + d_j) an approximation of x^(-1/2) on (0, 1]. The spectrum of
# A / |A|_F lies in [0, 1]. Coefficients: w_0, d_1, w_1, d_2, w_2, ...
def partial_fractions(G: Tensor, coefficients: List[float]) -> Tensor:
  A = torch.mm(G, torch.t(G))
  norm = float(torch.linalg_vector_norm(A))
  A.div_(norm)
  R = torch.zeros_like(A)
  diagonal = torch.diagonal(A)
  shift = 0.
  for j in range(len(coefficients) // 2):
    d = coefficients[2 * j + 1]
    diagonal.add_(d - shift)
    shift = d
    L, info = torch.linalg_cholesky_ex(A)
    if int(info) != 0:  # rounding of a huge, nearly singular A exceeded the shift
      return __torch__.exact_polar(G)
    R.add_(torch.cholesky_inverse(L), alpha=coefficients[2 * j + 2])
  torch.diagonal(R).add_(coefficients[0])
  return torch.mm(R.div_(norm ** 0.5), G)

