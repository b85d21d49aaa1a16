# Singular values for diagnostics.

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # The singular values of G, trailing dimensions flattened, divided by its largest magnitude, in
  # descending order, and that magnitude last: one float64 vector of k + 1 numbers. If the magnitude
  # is NaN or infinite it is alone, since decompositions of such matrices fail or do not end.
  #
  # By the Gram matrix: 1.3 times (768 x 768) to 9 times (768 x 3072) as fast as the singular value
  # decomposition without vectors, and in float64 it resolves what float32 input can: the eigenvalues
  # are wrong by a few 1e-16 of the largest, singular values by a few 1e-8. Dividing first keeps
  # squares in the range of float64.
  def singular_values(self, G: Tensor) -> Tensor:
    X = torch.to(torch.flatten(G, 1), 7)
    largest = torch.linalg_vector_norm(X, inf)
    if not float(largest) < inf:
      return torch.reshape(largest, [1])
    if float(largest) == 0.:
      return torch.zeros([min(X.size(0), X.size(1)) + 1], dtype=7, device=X.device)
    X = torch.div(X, largest)
    if X.size(0) > X.size(1):
      X = torch.t(X)
    squares = torch.linalg_eigvalsh(torch.mm(X, torch.t(X)))
    s = torch.flip(torch.sqrt(torch.clamp(squares, 0.)), [0])
    return torch.cat([s, torch.reshape(largest, [1])])
