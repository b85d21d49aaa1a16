# The same with a sharper bound: |X X^T|_F^(1/2) >= s_max is at most k^(1/4) s_max.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  X = __torch__.cleaned(X, norms)
  A = torch.bmm(X, __torch__.transposed(X))
  norms = __torch__.frobenius(A)
  return __torch__.iterate(torch.div(X, torch.sqrt(norms)), torch.div(A, norms), numbers)
