# Multiples of matrices whose Gram matrices have norms, sums of fourth powers, in the range of float32;
# and their norms. Those of G are given. One matrix on a CPU is mostly returned as it is; several, and
# any on a GPU, are scaled without a number that the host would wait for.
def in_range(G: Tensor, norms: Tensor) -> Tuple[Tensor, Tensor]:
  if G.size(0) == 1 and not ops.prim.is_cuda(G):
    norm = float(norms)
    if norm > 1e-8 and norm < 1e8:
      return G, norms
  largest = torch.amax(torch.abs(G), [1, 2], True)
  inside = torch.logical_and(torch.gt(norms, 1e-8), torch.lt(norms, 1e8))
  asis = torch.logical_or(inside, torch.eq(largest, 0.))
  X = torch.div(G, torch.where(asis, torch.ones_like(norms), largest))
  return X, torch.where(asis, norms, __torch__.frobenius(X))
