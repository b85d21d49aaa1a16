# A multiple of G whose Gram matrix has a norm, a sum of fourth powers, in the range of float32; and
# its norm. That of G is given.
def in_range(G: Tensor, norms: Tensor) -> Tuple[Tensor, Tensor]:
  norm = float(norms)
  if norm > 1e-8 and norm < 1e8:
    return G, norms
  largest = torch.linalg_vector_norm(G, inf)
  if float(largest) == 0.:
    return G, norms
  X = torch.div(G, largest)
  return X, __torch__.frobenius(X)
