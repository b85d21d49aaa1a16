# Odd polynomials of X / |X|_F, three numbers for each: a X + (b A + c A^2) X.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  X = __torch__.cleaned(X, norms).div_(norms)
  return __torch__.iterate(X, __torch__.quadratic(__torch__.gram(X), numbers, 0), numbers)
