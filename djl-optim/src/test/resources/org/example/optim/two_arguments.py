def mapped(X: Tensor, norms: Tensor) -> Tensor:
  return torch.div(X, norms)
