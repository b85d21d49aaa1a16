# U diag(numbers) V^T, k numbers for each matrix; directions of singular value zero stay zero.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  U, S, Vh = torch.linalg_svd(X.to(7), False)
  squares = torch.mul(S, S)
  live = torch.gt(squares, torch.mul(torch.amax(squares, [1], True), __torch__.rounding(X)))
  spectra = torch.reshape(torch.tensor(numbers, dtype=7, device=X.device), [X.size(0), X.size(1)])
  factors = torch.unsqueeze(torch.mul(live, spectra), 1)
  return torch.bmm(torch.mul(U, factors), Vh).to(X.dtype)
