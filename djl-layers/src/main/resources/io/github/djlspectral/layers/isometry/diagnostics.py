# Products with the Jacobian J = dy/dx of a network, by autograd that leaves the gradients attached to
# parameters alone, and what is measured with them. Rows of a batch are independent of each other: a
# product is one for each row, with the Jacobian at that row. y must carry the graph to x.

# J^T u, with a graph if wanted; zeros where y does not depend on x
def vjp(y: Tensor, x: Tensor, u: Tensor, graph: bool) -> Tensor:
  product = torch.zeros_like(x)
  if y.requires_grad:
    found = torch.grad([y], [x], annotate(List[Optional[Tensor]], [u]), True, graph, True)
    g = found[0]
    if torch.__isnot__(g, None):
      product = unchecked_cast(Tensor, g)
  return product

# A place for any u, and J^T u as a function of it: its derivative by u is J
def transposed(y: Tensor, x: Tensor) -> List[Tensor]:
  u = torch.requires_grad_(torch.zeros_like(y))
  return [u, __torch__.vjp(y, x, u, True)]

# J v with a graph
def jvp(y: Tensor, x: Tensor, v: Tensor) -> Tensor:
  t = __torch__.transposed(y, x)
  return __torch__.vjp(t[1], t[0], v, True)

# |.| of each row; its derivative at 0 is 0
def lengths(x: Tensor) -> Tensor:
  return torch.linalg_vector_norm(torch.flatten(x, 1), 2, [1])

# |M - I|_F^2 of a square matrix
def off_identity(M: Tensor) -> Tensor:
  return torch.sum(torch.square(torch.sub(M, torch.eye(M.size(0), dtype=M.dtype, device=M.device))))

# |W W^T - I|_F^2, or |W^T W - I|_F^2 if W has more rows than columns
def gram_error(W: Tensor) -> Tensor:
  if W.size(0) <= W.size(1):
    error = __torch__.off_identity(torch.mm(W, torch.t(W)))
  else:
    error = __torch__.off_identity(torch.mm(torch.t(W), W))
  return error

# |K * K - delta|_F^2, the correlations of all pairs of output channels at all shifts, or of input
# channels if there are more outputs than inputs
def correlation_error(kernel: Tensor) -> Tensor:
  if kernel.size(0) <= kernel.size(1):
    K = kernel
  else:
    K = torch.transpose(kernel, 0, 1)
  h = K.size(2) - 1
  w = K.size(3) - 1
  correlation = torch.conv2d(K, K, None, [1, 1], [h, w])
  # delta: 1 where a channel meets itself unshifted, |C - delta|^2 = |C|^2 - 2 tr C_0 + m. The centre
  # is subtracted, not the traces of large numbers.
  centre = torch.select(torch.select(correlation, 3, w), 2, h)
  elsewhere = torch.clone(correlation)
  torch.fill_(torch.select(torch.select(elsewhere, 3, w), 2, h), 0.)
  return torch.add(torch.sum(torch.square(elsewhere)), __torch__.off_identity(centre))


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # Whether it was computed in inference mode, so that it has no graph whatever it depends on.
  def is_inference(self, x: Tensor) -> bool:
    return torch.is_inference(x)

  def vjp(self, y: Tensor, x: Tensor, u: Tensor) -> Tensor:
    return __torch__.vjp(y, x, u, False)

  # (|J^T u| / |u| - 1)^2 [B]
  def backward_penalty(self, y: Tensor, x: Tensor, u: Tensor) -> Tensor:
    pulled = __torch__.lengths(__torch__.vjp(y, x, u, True))
    return torch.square(torch.sub(torch.div(pulled, __torch__.lengths(u)), 1.))

  # |J^T J v - v|^2 [B]
  def gram_penalty(self, y: Tensor, x: Tensor, v: Tensor) -> Tensor:
    back = __torch__.vjp(y, x, __torch__.jvp(y, x, v), True)
    return torch.square(__torch__.lengths(torch.sub(back, v)))

  # (|F(x + s) - F(x)| / t - 1)^2 [B], y both outputs, one after the other, t = |s|
  def difference_penalty(self, y: Tensor, t: Tensor) -> Tensor:
    halves = torch.chunk(y, 2)
    moved = __torch__.lengths(torch.sub(halves[1], halves[0]))
    return torch.square(torch.sub(torch.div(moved, t), 1.))

  def mean_times(self, penalties: Tensor, factor: Tensor) -> Tensor:
    return torch.mul(torch.mean(penalties), factor)

  def gram_errors(self, Ws: List[Tensor], factor: Tensor) -> Tensor:
    total = __torch__.gram_error(Ws[0])
    for i in range(torch.sub(torch.len(Ws), 1)):
      total = torch.add(total, __torch__.gram_error(Ws[torch.add(i, 1)]))
    return torch.mul(total, factor)

  def correlation_errors(self, Ks: List[Tensor], factor: Tensor) -> Tensor:
    total = __torch__.correlation_error(Ks[0])
    for i in range(torch.sub(torch.len(Ks), 1)):
      total = torch.add(total, __torch__.correlation_error(Ks[torch.add(i, 1)]))
    return torch.mul(total, factor)

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
