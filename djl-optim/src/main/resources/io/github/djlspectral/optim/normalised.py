# X with singular values of mean square 1.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  return torch.mul(X, torch.div(X.size(1) ** 0.5, norms))
