# How far the singular values of a polar factor are from 1.

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # The largest |s - 1| among the singular values s of the factor P of G, both m x n with m <= n, in
  # the span of the left singular vectors of G whose singular values are at least the hundredth part
  # of the largest.
  def error(self, G: Tensor, P: Tensor) -> float:
    G, P = torch.to(G, 7), torch.to(P, 7)
    squares, U = torch.linalg_eigh(torch.mm(G, torch.t(G)))
    count = int(torch.sum(torch.ge(squares, 1e-4 * float(torch.max(squares)))))
    X = torch.mm(torch.t(torch.narrow(U, 1, G.size(0) - count, count)), P)
    s = torch.sqrt(torch.clamp(torch.linalg_eigvalsh(torch.mm(X, torch.t(X))), 0.))
    return float(torch.max(torch.abs(s - 1.)))
