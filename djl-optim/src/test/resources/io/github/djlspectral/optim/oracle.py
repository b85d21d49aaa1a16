# Float64 linear algebra for the tests' oracles.
class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # The singular values of G, ascending, and what a map that returned F did to each: u^T F v. By the
  # Gram matrix: exact enough in float64 for s / s_max > 1e-6 and much cheaper than a decomposition.
  def images(self, G: Tensor, F: Tensor) -> Tuple[Tensor, Tensor]:
    X = G.to(7)
    Y = F.to(7)
    if X.size(0) > X.size(1):
      X = torch.t(X)
      Y = torch.t(Y)
    lam, U = torch.linalg_eigh(torch.mm(X, torch.t(X)))
    s = torch.sqrt(torch.clamp(lam, 0.))
    Ut = torch.t(U)
    image = torch.sum(torch.mul(torch.mm(Ut, Y), torch.mm(Ut, X)), 1)
    return (s, torch.div(image, s))

  def spectral_norm(self, G: Tensor) -> float:
    X = G.to(7)
    if X.size(0) > X.size(1):
      X = torch.t(X)
    return float(torch.linalg_eigvalsh(torch.mm(X, torch.t(X)))[-1]) ** 0.5

  # mu (A + eps |G|^2)^(-c) G from the singular value decomposition of G: mu is the mean of
  # (s^2 + eps |G|^2)^(1 - c) to the power (2c - 1)/(2 - 2c), for c = 1 the geometric mean.
  def regularised_power(self, U: Tensor, s: Tensor, Vh: Tensor, c: float, eps: float) -> Tensor:
    L = torch.add(torch.mul(s, s), eps * float(torch.sum(torch.mul(s, s))))
    if c == 1.:
      mu = torch.exp(torch.mul(torch.mean(torch.log(L)), 0.5))
    else:
      mu = torch.pow(torch.mean(torch.pow(L, 1. - c)), (2. * c - 1.) / (2. - 2. * c))
    return torch.mm(torch.mul(U, torch.mul(torch.mul(mu, s), torch.pow(L, -c))), Vh)

  # U, the singular values, descending, and V^T.
  def decompose(self, G: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    return torch.linalg_svd(G.to(7), False)
