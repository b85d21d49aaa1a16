# The gradient of GPT-2's loss without autograd, for a CPU: both passes by hand, as in llm.c, in memory
# that is allocated once. A large block comes fresh from the system each time, and touching its pages
# for the first time takes longer than filling it. Gradients of weights are added to where they are
# attached, by the product that computes them.
#
# Shapes: n = b t rows of b sequences of t tokens, width C, H heads of size D = C / H, vocabulary V.
# Matrices are [out, in]. Constants: $HEADS, $BIAS (1 or 0), $BFLOAT16 (0 or 2, see common.py).
# Parameters: p[i] is a weight and p[i + 1] its bias, if there are biases.

# y = x W^T + b, x [n, in] an operand, W = p[i].
def linear(x: Tensor, p: List[Tensor], i: int, rounded: Tensor, y: Tensor):
  w = torch.t(__torch__.operand(p[i], rounded))
  if $BIAS == 1:
    torch.addmm(p[i + 1], x, w, out=y)
  else:
    torch.mm(x, w, out=y)

# y = x0 + x W^T + b
def add_linear(x0: Tensor, x: Tensor, p: List[Tensor], i: int, rounded: Tensor, y: Tensor):
  torch.addmm(x0, x, torch.t(__torch__.operand(p[i], rounded)), out=y)
  if $BIAS == 1:
    y.add_(p[i + 1])

# Adds the gradients in W and b; dx becomes that in x.
def linear_backward(dy: Tensor, x: Tensor, p: List[Tensor], i: int, rounded: Tensor, dx: Tensor):
  p[i].grad.addmm_(torch.t(dy), x)
  if $BIAS == 1:
    p[i + 1].grad.add_(torch.sum(dy, [0]))
  torch.mm(dy, __torch__.operand(p[i], rounded), out=dx)

# y = the rows of x [n, C] with mean 0 and variance 1, scaled and shifted, as an operand; m[0]
# becomes their means and m[1] the reciprocals of their deviations, [2, n, 1].
def layer_norm(x: Tensor, p: List[Tensor], i: int, m: Tensor, y: Tensor):
  shift: Optional[Tensor] = None
  if $BIAS == 1:
    shift = p[i + 1]
  z, mean, scale = torch.native_layer_norm(x, [torch.size(x, 1)], p[i], shift, 1e-05)
  torch.select(m, 0, 0).copy_(mean)
  torch.select(m, 0, 1).copy_(scale)
  if $BFLOAT16 == 2:
    __torch__.operand(z, y)
  else:
    y.copy_(z)

# Adds the gradients in scale and shift, and that in x to dx.
def layer_norm_backward(dy: Tensor, x: Tensor, p: List[Tensor], i: int, m: Tensor, dx: Tensor):
  shift: Optional[Tensor] = None
  if $BIAS == 1:
    shift = p[i + 1]
  mean, scale = torch.unbind(m)
  dz, dw, db = torch.native_layer_norm_backward(dy, x, [torch.size(x, 1)], mean, scale, p[i], shift,
      [True, True, $BIAS == 1])
  dx.add_(dz)
  p[i].grad.add_(dw)
  if $BIAS == 1:
    p[i + 1].grad.add_(db)

# [n, D H] -> [b, H, t, D], a view.
def heads(x: Tensor, b: int) -> Tensor:
  return torch.transpose(torch.view(x, [b, -1, $HEADS, torch.size(x, 1) // $HEADS]), 1, 2)

# Queries, keys and values of x [n, 3 C], each [b, H, t, D], views.
def split(x: Tensor, b: int) -> Tuple[Tensor, Tensor, Tensor]:
  q, k, v = torch.unbind(torch.view(x, [b, -1, 3, $HEADS, torch.size(x, 1) // (3 * $HEADS)]), 2)
  return torch.transpose(q, 1, 2), torch.transpose(k, 1, 2), torch.transpose(v, 1, 2)

# y [n, C] becomes causal attention of x [n, 3 C], s [n, H] the logarithms of the sums in its softmax.
def attention(x: Tensor, b: int, s: Tensor, y: Tensor):
  q, k, v = __torch__.split(x, b)
  z, l = torch._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0., True)
  __torch__.heads(y, b).copy_(z)
  torch.transpose(torch.view(s, [b, -1, $HEADS]), 1, 2).copy_(l)

# dx becomes the gradient in x, as an operand.
def attention_backward(dy: Tensor, x: Tensor, b: int, s: Tensor, y: Tensor, dx: Tensor):
  q, k, v = __torch__.split(x, b)
  l = torch.transpose(torch.view(s, [b, -1, $HEADS]), 1, 2)
  dq, dk, dv = torch._scaled_dot_product_flash_attention_for_cpu_backward(
      __torch__.heads(dy, b), q, k, v, __torch__.heads(y, b), l, 0., True)
  q, k, v = __torch__.split(dx, b)
  q.copy_(dq)
  k.copy_(dk)
  v.copy_(dv)
  __torch__.operand(dx, dx)

# Returns the sum over the rows of h [n, C], an operand, of -log softmax(h W^T)[y]. Adds its gradient,
# times a factor, in W; dh becomes that in h.
def cross_entropy(h: Tensor, w: Tensor, y: Tensor, factor: float, rounded: Tensor, logits: Tensor,
    dh: Tensor) -> Tensor:
  n = torch.size(h, 0)
  rows = torch.size(logits, 0)
  wc = __torch__.operand(w, rounded)
  total = torch.zeros([], dtype=h.dtype)
  for i in range((n + rows - 1) // rows):
    start = i * rows
    size = min(rows, n - start)
    hi, yi = torch.narrow(h, 0, start, size), torch.narrow(y, 0, start, size)
    z = torch.mm(hi, torch.t(wc), out=torch.narrow(logits, 0, 0, size))
    total.add_(__torch__.softmax_and_loss(z, yi))
    # d loss / d logits is softmax minus one at the target.
    z.scatter_add_(1, yi, torch.full_like(yi, -1, dtype=z.dtype))
    __torch__.operand(z, z)
    torch.mm(z, wc, out=torch.narrow(dh, 0, start, size))
    w.grad.addmm_(torch.t(z), hi, alpha=factor)
  dh.mul_(factor)
  return total

# The workspace's part for n rows.
def first_rows(w: List[Tensor], n: int) -> List[Tensor]:
  x, h, qkv, y, f, g, m, s, dx, dh, wide, logits, slim, rounded = w
  return [torch.narrow(x, 1, 0, n), torch.narrow(h, 1, 0, n), torch.narrow(qkv, 1, 0, n),
      torch.narrow(y, 1, 0, n), torch.narrow(f, 1, 0, n), torch.narrow(g, 1, 0, n),
      torch.narrow(m, 2, 0, n), torch.narrow(s, 1, 0, n), torch.narrow(dx, 0, 0, n),
      torch.narrow(dh, 0, 0, n), torch.narrow(wide, 0, 0, n), logits, slim, rounded]

# From tokens [b, t] to the end of the residual stream.
def forward(tokens: Tensor, p: List[Tensor], w: List[Tensor]):
  x, h, qkv, y, f, g, m, s, dx, dh, wide, logits, slim, rounded = w
  b, k = torch.size(tokens, 0), 1 + $BIAS
  x0 = torch.select(x, 0, 0)
  torch.index_select(p[0], 0, torch.flatten(tokens), out=x0)
  torch.unflatten(x0, 0, [b, -1]).add_(torch.narrow(p[1], 0, 0, torch.size(tokens, 1)))
  for l in range(torch.size(y, 0)):
    i = 2 + 6 * k * l
    x0, x1, x2 = torch.unbind(torch.narrow(x, 0, 2 * l, 3))
    h0, h1 = torch.unbind(torch.narrow(h, 0, 2 * l, 2))
    m0, m1 = torch.unbind(torch.narrow(m, 0, 2 * l, 2))
    ql, sl, yl = torch.select(qkv, 0, l), torch.select(s, 0, l), torch.select(y, 0, l)
    fl, gl = torch.select(f, 0, l), torch.select(g, 0, l)
    __torch__.layer_norm(x0, p, i, m0, h0)
    __torch__.linear(h0, p, i + k, rounded, ql)
    __torch__.attention(ql, b, sl, yl)
    __torch__.add_linear(x0, __torch__.operand(yl, slim[0]), p, i + 2 * k, rounded, x1)
    __torch__.layer_norm(x1, p, i + 3 * k, m1, h1)
    __torch__.linear(h1, p, i + 4 * k, rounded, fl)
    torch.gelu(fl, approximate="tanh", out=gl)
    __torch__.add_linear(x1, __torch__.operand(gl, gl), p, i + 5 * k, rounded, x2)

# From dx, the gradient at the end of the residual stream, to the embeddings.
def backward(tokens: Tensor, p: List[Tensor], w: List[Tensor]):
  x, h, qkv, y, f, g, m, s, dx, dh, wide, logits, slim, rounded = w
  b, k = torch.size(tokens, 0), 1 + $BIAS
  layers = torch.size(y, 0)
  for j in range(layers):
    l = layers - 1 - j
    i = 2 + 6 * k * l
    x0, x1 = torch.unbind(torch.narrow(x, 0, 2 * l, 2))
    h0, h1 = torch.unbind(torch.narrow(h, 0, 2 * l, 2))
    m0, m1 = torch.unbind(torch.narrow(m, 0, 2 * l, 2))
    ql, sl, yl = torch.select(qkv, 0, l), torch.select(s, 0, l), torch.select(y, 0, l)
    fl, gl = torch.select(f, 0, l), torch.select(g, 0, l)
    __torch__.linear_backward(__torch__.operand(dx, slim[0]), gl, p, i + 5 * k, rounded, wide)
    torch.gelu_backward(wide, fl, approximate="tanh", grad_input=wide)
    __torch__.linear_backward(__torch__.operand(wide, wide), h1, p, i + 4 * k, rounded, dh)
    __torch__.layer_norm_backward(dh, x1, p, i + 3 * k, m1, dx)
    __torch__.linear_backward(
        __torch__.operand(dx, slim[0]), __torch__.operand(yl, slim[1]), p, i + 2 * k, rounded, dh)
    dq = torch.view(torch.narrow(torch.flatten(wide), 0, 0, torch.numel(ql)), torch.size(ql))
    __torch__.attention_backward(dh, ql, b, sl, yl, dq)
    __torch__.linear_backward(dq, h0, p, i + k, rounded, dh)
    __torch__.layer_norm_backward(dh, x0, p, i, m0, dx)
  p[0].grad.index_add_(0, torch.flatten(tokens), dx)
  positions = torch.narrow(p[1].grad, 0, 0, torch.size(tokens, 1))
  positions.add_(torch.sum(torch.unflatten(dx, 0, [b, -1]), [0]))

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # Whether each of the parameters has a gradient. An undefined one passes for a tensor.
  def has_gradients(self, p: List[Tensor]) -> bool:
    for w in p:
      if not ops.prim.AutogradAnyNonZero(w.grad):
        return False
    return True

  # 0, or NaN, whose gradient in each of the parameters is 0.
  def zero(self, p: List[Tensor]) -> Tensor:
    sum = torch.zeros([], dtype=p[0].dtype)
    for w in p:
      sum = sum + torch.mul(torch.sum(torch.narrow(torch.flatten(w), 0, 0, 1)), 0.)
    return sum

  # The mean cross-entropy in nats of tokens and targets, int64 [b, t]; adds its gradient, times a
  # factor, to those of the parameters p: wte, wpe, each of the L layers', ln_f. The workspace, for
  # N >= n rows: residual stream x [2 L + 1, N, C], at the beginning of each half layer and at the end;
  # what of it is normalised, h; queries, keys and values [L, N, 3 C]; attention y [L, N, C]; the
  # perceptron before and after GELU, f and g [L, N, 4 C]; m [2 L + 1, 2, N, 1]; s [L, N, H];
  # gradients dx and dh [N, C], wide [N, 4 C]; some rows of logits; and if operands are rounded, two
  # times [N, C] and as much as the largest weight.
  def accumulate(self, tokens: Tensor, targets: Tensor, p: List[Tensor], workspace: List[Tensor],
      factor: float) -> float:
    n, end = torch.numel(tokens), torch.len(p) - 1 - $BIAS
    w = __torch__.first_rows(workspace, n)
    __torch__.forward(tokens, p, w)
    x, h, qkv, y, f, g, m, s, dx, dh, wide, logits, slim, rounded = w
    x0, h0, m0 = torch.select(x, 0, -1), torch.select(h, 0, -1), torch.select(m, 0, -1)
    __torch__.layer_norm(x0, p, end, m0, h0)
    target = torch.reshape(targets, [n, 1])
    total = __torch__.cross_entropy(h0, p[0], target, factor / n, rounded, logits, dh)
    torch.zero_(dx)
    __torch__.layer_norm_backward(dh, x0, p, end, m0, dx)
    __torch__.backward(tokens, p, w)
    return float(total) / n
