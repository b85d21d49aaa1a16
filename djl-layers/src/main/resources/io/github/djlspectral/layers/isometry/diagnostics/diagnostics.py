
# What is measured with products with a Jacobian. Behind jacobian.py.

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # Whether it was computed in inference mode, so that it has no graph whatever it depends on.
  def is_inference(self, x: Tensor) -> bool:
    return torch.is_inference(x)

  def vjp(self, y: Tensor, x: Tensor, u: Tensor) -> Tensor:
    return __torch__.vjp(y, x, u, False)

  # |J_l^T g| / |g| [L, B], J_l from the input of layer l, an x, to the output y
  def gradient_ratios(self, y: Tensor, xs: List[Tensor], g: Tensor) -> Tensor:
    length = __torch__.lengths(g)
    ratios = annotate(List[Tensor], [])
    found = annotate(List[Optional[Tensor]], [])
    if y.requires_grad:
      found = torch.grad([y], xs, annotate(List[Optional[Tensor]], [g]), True, False, True)
    for i in range(torch.len(xs)):
      ratio = torch.zeros_like(length)
      if y.requires_grad:
        at = found[i]
        if torch.__isnot__(at, None):
          ratio = torch.div(__torch__.lengths(unchecked_cast(Tensor, at)), length)
      ratios = torch.append(ratios, ratio)
    return torch.stack(ratios)

  # What cosines are made from, [3, B] in float64: the sums over probes of a.b, |a|^2, |b|^2
  def products(self, a: Tensor, b: Tensor) -> Tensor:
    p = torch.to(torch.flatten(a, 1), 7)
    q = torch.to(torch.flatten(b, 1), 7)
    pq = torch.sum(torch.mul(p, q), [1])
    pp = torch.sum(torch.mul(p, p), [1])
    qq = torch.sum(torch.mul(q, q), [1])
    return torch.stack([pq, pp, qq])

  # |F(x) - F(y)| / |x - y| of all pairs of rows, in float64
  def distance_ratios(self, y: Tensor, x: Tensor) -> Tensor:
    outputs = torch.pdist(torch.to(torch.flatten(y, 1), 7))
    return torch.div(outputs, torch.pdist(torch.to(torch.flatten(x, 1), 7)))

  # The singular values, descending; NaN if J is not finite, on which decompositions fail.
  def singular_values(self, J: Tensor) -> Tensor:
    if not float(torch.linalg_vector_norm(J, inf)) < inf:
      values = torch.full([min(J.size(0), J.size(1))], nan, dtype=J.dtype, device=J.device)
    else:
      values = torch.linalg_svdvals(J)
    return values

  # max |J^T J - I|, max |J J^T - I|, max |J J^T J - J| in float64
  def deviations(self, J: Tensor) -> Tensor:
    A = torch.to(J, 7)
    rows = torch.mm(A, torch.t(A))
    columns = torch.mm(torch.t(A), A)
    one = torch.eye(rows.size(0), dtype=7, device=A.device)
    other = torch.eye(columns.size(0), dtype=7, device=A.device)
    first = torch.linalg_vector_norm(torch.sub(columns, other), inf)
    second = torch.linalg_vector_norm(torch.sub(rows, one), inf)
    third = torch.linalg_vector_norm(torch.sub(torch.mm(rows, A), A), inf)
    return torch.stack([first, second, third])
