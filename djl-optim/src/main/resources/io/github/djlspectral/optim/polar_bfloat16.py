# In bfloat16; a product's sums and the norms are float32.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  return torch.to(__torch__.polar_polynomial(X, norms, numbers, 15), X.dtype)
