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
