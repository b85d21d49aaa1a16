# In bfloat16; a product's sums and the norm are float32.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  B = torch.to(__torch__.cleaned(X, norms).div_(norms), 15)
  B = __torch__.iterate(B, __torch__.quadratic(__torch__.gram(B), numbers, 0), numbers)
  return torch.to(B, X.dtype)
