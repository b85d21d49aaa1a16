# X without its largest singular values, as many as the number says, the others together of mean square
# 1 over all; zero if those are rounding only.
def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -> Tensor:
  k = X.size(1)
  D = X.to(7)
  S, U = torch.linalg_eigh(__torch__.products_lower(D, D))
  dropped = torch.slice(U, 2, k - int(numbers[0]), k)
  D = torch.baddbmm(D, dropped, torch.bmm(__torch__.transposed(dropped), D), alpha=-1.)
  left = __torch__.frobenius(D)
  share = torch.div(left, norms)
  there = torch.gt(torch.mul(share, share), __torch__.rounding(X) * k)
  return torch.where(there, torch.mul(D, torch.div(k ** 0.5, left)), torch.zeros_like(D)).to(X.dtype)
