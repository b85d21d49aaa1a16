# GPT-2 in float32 or float64, or in bfloat16 with float32 weights, reductions and residual stream.
#
# Shapes: B sequences of T tokens, width C, H heads of size D = C / H, vocabulary V, N = B T rows.
# Matrices are [out, in]. Type codes: 4 is int64, 6 is float32, 11 is bool, 15 is bfloat16.
#
# Constants: $HEADS; $DROPOUT (1 or 0): the last of the parameters p is its probability, a scalar on the
# host; $BIAS (1 or 0): weights of projections and normalisations are followed by a bias; $LORA (1 or 0):
# projections are followed by a low-rank adapter, A [rank, in] and B [out, rank], or two arrays without
# elements where there is none; its product counts $SCALE times.
#
# $BFLOAT16: matrix products are of float32 or float64 numbers as they are (0), of bfloat16 numbers (1),
# or of numbers rounded to bfloat16 that are kept and multiplied in float32 (2), where that is faster: a
# product of two is exact there, as in bfloat16 arithmetic, and sums are float32.

# Rounds an operand of a matrix product.
def compute(x: Tensor) -> Tensor:
  if $BFLOAT16 == 0:
    return x
  y = torch.to(x, 15)
  if $BFLOAT16 == 1:
    return y
  return torch.to(y, x.dtype)

# Rows of logits [rows, V] that are held at a time, such that chunks are equal and of at most 208 MB in
# float32 on a CPU, where the head's matrix is prepared for a product anew for each, or 1 GB on a GPU.
def chunk_rows(h: Tensor, vocabulary: int) -> int:
  n = torch.size(h, 0)
  most = max(1, (250000000 if h.is_cuda else 52000000) // vocabulary)
  chunks = (n + most - 1) // most
  return (n + chunks - 1) // chunks

# For rows of logits z [n, V] and targets y [n, 1]: the sum of -log softmax(z)[y]. z becomes
# softmax(z).
def softmax_and_loss(z: Tensor, y: Tensor) -> Tensor:
  zy = torch.gather(z, 1, y)
  m = torch.amax(z, [1], True)
  torch.softmax(z, 1, None, out=z)  # rows are read before they are written
  # The largest probability is exp(m - logsumexp(z)) and at least 1 / V, so its logarithm is exact.
  return torch.sum(m - torch.log(torch.amax(z, [1], True)) - zy)

# Back to the type of the weights.
def widen(x: Tensor) -> Tensor:
  if $BFLOAT16 == 1:
    return torch.to(x, 6)
  return x

def host_number(x: Tensor) -> float:
  return float(x)  # of the host: nothing to wait for

def probability(p: List[Tensor]) -> float:
  if $DROPOUT == 0:
    return 0.
  return __torch__.host_number(p[-1])

def dropout(x: Tensor, p: List[Tensor]) -> Tensor:
  if $DROPOUT == 0:
    return x
  return torch.dropout(x, __torch__.probability(p), True)

# Normalises the rows to mean 0 and variance 1, then scales and shifts; p[i] is the scale, p[i + 1]
# the shift if there is one.
def layer_norm(x: Tensor, p: List[Tensor], i: int) -> Tensor:
  shift: Optional[Tensor] = None
  if $BIAS == 1:
    shift = p[i + 1]
  return torch.layer_norm(x, [torch.size(x, -1)], p[i], shift, 1e-05)

# x W^T + b, with W = p[i] and b = p[i + 1] if there is one, and what the adapter adds.
def linear(x: Tensor, p: List[Tensor], i: int) -> Tensor:
  bias: Optional[Tensor] = None
  if $BIAS == 1:
    bias = torch.to(p[i + 1], 15) if $BFLOAT16 == 1 else p[i + 1]
  xc = __torch__.compute(x)
  y = torch.linear(xc, __torch__.compute(p[i]), bias)
  if $LORA == 1:
    a, b = p[i + 1 + $BIAS], p[i + 2 + $BIAS]
    if torch.numel(a) > 0:
      narrow = __torch__.compute(torch.linear(xc, __torch__.compute(a)))
      y.add_(torch.linear(narrow, __torch__.compute(b)), alpha=$SCALE)
  return y

# The arrays of a normalisation, and of a projection.
def norm_size() -> int:
  return 1 + $BIAS

def linear_size() -> int:
  return 1 + $BIAS + 2 * $LORA

# [B, T, C] -> [B, H, T, D], a view.
def split_heads(x: Tensor) -> Tensor:
  return torch.transpose(torch.unflatten(x, 2, [$HEADS, -1]), 1, 2)

def attention(x: Tensor, p: List[Tensor], i: int) -> Tensor:
  q, k, v = torch.chunk(__torch__.linear(x, p, i), 3, 2)
  y = torch.scaled_dot_product_attention(
      __torch__.split_heads(q), __torch__.split_heads(k), __torch__.split_heads(v),
      None, __torch__.probability(p), True)
  y = torch.flatten(torch.transpose(y, 1, 2), 2)
  return __torch__.dropout(__torch__.linear(y, p, i + __torch__.linear_size()), p)

# Runs of sequences whose attention is one call, of rows of a cache beside each other and, unless
# lengths may be mixed, of one length; on a CPU what a mask hides takes longer than another call. Of
# each run: its first sequence, how many there are, the largest length, whether that is that of all.
def runs(rows: List[int], lengths: List[int], mixed: bool) -> List[Tuple[int, int, int, bool]]:
  all: List[Tuple[int, int, int, bool]] = []
  first = 0
  for b in range(1, torch.len(rows) + 1):
    ends = b == torch.len(rows)
    if not ends:
      alike = mixed or lengths[b] == lengths[first]
      ends = rows[b] != rows[b - 1] + 1 or not alike
    if ends:
      most = max(lengths[first:b])
      torch.append(all, (first, b - first, most, min(lengths[first:b]) == most))
      first = b
  return all

# Writes x [B, H, t, D] to y [B, H, capacity, D] at positions [B, t], which are start and on if start
# is not negative.
def write(x: Tensor, y: Tensor, positions: Tensor, start: int):
  if start >= 0:
    torch.narrow(y, 2, start, torch.size(x, 2)).copy_(x)
  else:
    rows = torch.arange(torch.size(x, 0), dtype=4, device=x.device)
    index: List[Optional[Tensor]] = [torch.unsqueeze(rows, 1), positions]
    x = torch.to(torch.transpose(x, 1, 2), y.dtype)
    torch.index_put_(torch.transpose(y, 1, 2), index, x)

# As attention, of the t newest tokens of each sequence, x [B, t, C], to all of its own so far. Their
# keys and values go to the sequence's row of the layer's cache [2, rows, H, capacity, D], which holds
# those of its tokens before, at positions [B, t]. mask [B, 1, t, n] says which positions
# are seen; the others hold numbers, whatever they are.
def cached_attention(x: Tensor, p: List[Tensor], i: int, cache: Tensor,
    positions: Tensor, mask: Tensor, rows: List[int],
    runs: List[Tuple[int, int, int, bool]]) -> Tensor:
  q, k, v = torch.chunk(__torch__.linear(x, p, i), 3, 2)
  q, k, v = __torch__.split_heads(q), __torch__.split_heads(k), __torch__.split_heads(v)
  t = torch.size(x, 1)
  y: List[Tensor] = []
  for run in range(torch.len(runs)):
    first, size, most, even = runs[run]
    keys, values = torch.unbind(torch.narrow(cache, 1, rows[first], size))
    start = most if even else -1
    at = torch.narrow(positions, 0, first, size)
    __torch__.write(torch.narrow(k, 0, first, size), keys, at, start)
    __torch__.write(torch.narrow(v, 0, first, size), values, at, start)
    seen: Optional[Tensor] = None
    if not even or (t > 1 and most > 0):
      seen = torch.narrow(torch.narrow(mask, 0, first, size), 3, 0, most + t)
    torch.append(y, torch.scaled_dot_product_attention(
        torch.narrow(q, 0, first, size),
        torch.to(torch.narrow(keys, 2, 0, most + t), q.dtype),
        torch.to(torch.narrow(values, 2, 0, most + t), q.dtype),
        seen, 0., t > 1 and seen is None))
  heads = torch.flatten(torch.transpose(torch.cat(y), 1, 2), 2)
  return __torch__.linear(heads, p, i + __torch__.linear_size())

def mlp(x: Tensor, p: List[Tensor], i: int) -> Tensor:
  h = torch.gelu(__torch__.linear(x, p, i), approximate="tanh")
  return __torch__.dropout(__torch__.linear(h, p, i + __torch__.linear_size()), p)

# Adds factor a b to sum, or replaces it; sum is not bfloat16, whatever a and b are. On a CPU a product
# in bfloat16 is one of some rows at a time, so that what is widened stays in the cache.
def add_product(sum: Tensor, a: Tensor, b: Tensor, factor: float, replace: bool):
  if $BFLOAT16 != 1:
    torch.addmm(sum, a, b, beta=0 if replace else 1, alpha=factor, out=sum)
    return
  n = torch.size(sum, 0)
  rows = n if sum.is_cuda else max(1, 4000000 // torch.size(sum, 1))
  for i in range((n + rows - 1) // rows):
    start = i * rows
    size = min(rows, n - start)
    some = torch.narrow(sum, 0, start, size)
    product = torch.mm(torch.narrow(a, 0, start, size), b)
    if replace:
      some.copy_(product.mul_(factor))
    else:
      some.add_(product, alpha=factor)

# The head's matrix [V, C] as an operand of products. On a GPU it gets rows of zeros up to a multiple
# of 64, without which the tensor cores of a product of 50,257 columns are not reached; the logits'
# product then has as many columns, zeros, to be left out.
def head(w: Tensor) -> Tensor:
  wc = __torch__.compute(w)
  if ops.prim.is_cuda(w):
    wc = torch.constant_pad_nd(wc, [0, 0, 0, -torch.size(w, 0) % 64])
  return wc

# For logits z [n, V or more], as head gives them, targets y [n, 1] and V: the sum of -log softmax(z)[y].
# If the gradient is asked for, z becomes that in the logits, softmax minus one at the target, rounded as
# operands are. On a GPU in one pass over the rows, and the target's own difference is formed before
# rounding; on a CPU some rows at a time, which stay in its cache.
def loss_of(z: Tensor, y: Tensor, v: int, type: int, gradient: bool) -> Tensor:
  if ops.prim.is_cuda(z):
    logs = torch.log_softmax(torch.narrow(z, 1, 0, v), 1, type)
    target = torch.gather(logs, 1, y)
    if gradient:
      dz = torch.exp(logs, out=torch.narrow(z, 1, 0, v))
      dz.scatter_(1, y, torch.to(torch.expm1(target), z.dtype))
    return -torch.sum(target)
  total = torch.zeros([], dtype=type)
  n = torch.size(z, 0)
  rows = min(n, max(1, 2000000 // v))
  wider = torch.empty([rows if $BFLOAT16 == 1 else 0, v], dtype=type)
  for i in range((n + rows - 1) // rows):
    start = i * rows
    size = min(rows, n - start)
    zi, yi = torch.narrow(z, 0, start, size), torch.narrow(y, 0, start, size)
    p = torch.copy_(torch.narrow(wider, 0, 0, size), zi) if $BFLOAT16 == 1 else zi
    total.add_(__torch__.softmax_and_loss(p, yi))
    if gradient:
      p.scatter_add_(1, yi, torch.full_like(yi, -1, dtype=type))
      if $BFLOAT16 > 0:
        zi.copy_(torch.to(p, 15))
  return total

# The sum over the rows of h [N, C] of -log softmax(h W^T)[y] and its gradient in h, without keeping more
# than some rows of logits. Its gradient in W, times a factor, is added to dw, or replaces it; there is
# none without elements. Nothing here is recorded for autograd.
def cross_entropy(h: Tensor, w: Tensor, y: Tensor, dw: Tensor, factor: float, replace: bool) -> Tuple[Tensor, Tensor]:
  n, v = torch.size(h, 0), torch.size(w, 0)
  rows = __torch__.chunk_rows(h, v)
  hc, wc = __torch__.compute(h), __torch__.head(w)
  # One buffer for all chunks: a large block comes fresh from the system each time, and touching its
  # pages for the first time takes longer than filling it.
  logits = torch.empty([rows, torch.size(wc, 0)], dtype=wc.dtype, device=h.device)
  dh = torch.empty_like(h)
  total = torch.zeros([], dtype=h.dtype, device=h.device)
  for i in range((n + rows - 1) // rows):
    start = i * rows
    size = min(rows, n - start)
    hi, yi = torch.narrow(hc, 0, start, size), torch.narrow(y, 0, start, size)
    z = torch.mm(hi, torch.t(wc), out=torch.narrow(logits, 0, 0, size))
    total.add_(__torch__.loss_of(z, yi, v, h.dtype, True))
    __torch__.add_product(torch.narrow(dh, 0, start, size), z, wc, 1., True)
    if torch.numel(dw) > 0:
      dz = torch.t(torch.narrow(z, 1, 0, v))
      __torch__.add_product(dw, dz, hi, factor, replace and i == 0)
  return total, dh

# The normalised rows of x [B, T, C], of all or of those chosen. The graph keeps a copy of their numbers,
# which on a CPU lie in a buffer of Java's.
def normalised(x: Tensor, p: List[Tensor], rows: Tensor) -> Tensor:
  x = torch.flatten(x, 0, 1)
  if torch.numel(rows) > 0:
    x = torch.index_select(x, 0, torch.clone(rows))
  return __torch__.layer_norm(x, p, 0)

# What the gradient of w is added to, zeros at first, or nothing if w has none. An undefined gradient
# passes for a tensor.
def gradient_of(w: Tensor) -> Tensor:
  if not w.requires_grad:
    return torch.empty([0], dtype=w.dtype, device=w.device)
  if not ops.prim.AutogradAnyNonZero(w.grad):
    torch.backward(torch.mul(torch.sum(torch.narrow(torch.flatten(w), 0, 0, 1)), 0.))
  return w.grad

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # Token plus position embeddings: tokens int64 [B, T], p wte [V, C], wpe [context, C] -> [B, T, C].
  def embed(self, tokens: Tensor, p: List[Tensor]) -> Tensor:
    # A sparse gradient touches the rows of N tokens; a dense one would be another V x C array.
    rows = torch.embedding(p[0], tokens, -1, False, True)
    return __torch__.dropout(rows + torch.narrow(p[1], 0, 0, torch.size(tokens, 1)), p)

  # One transformer layer, x [B, T, C] -> [B, T, C]; p is ln_1, c_attn, attn.c_proj, ln_2, c_fc,
  # mlp.c_proj, each a weight, followed by what the constants say.
  def layer(self, x: Tensor, p: List[Tensor]) -> Tensor:
    n, m = __torch__.norm_size(), __torch__.linear_size()
    x = x + __torch__.attention(__torch__.layer_norm(x, p, 0), p, n)
    return x + __torch__.mlp(__torch__.layer_norm(x, p, n + 2 * m), p, 2 * n + 2 * m)

  # The normalised stream x [B, T, C], or its chosen rows -> [m, C]; p is ln_f and wte. Without logits
  # the gradient of wte would be sparse, which optimizers do not take: that of no element is not.
  def hidden(self, x: Tensor, p: List[Tensor], rows: Tensor) -> Tensor:
    h = __torch__.normalised(x, p, rows) + torch.sum(torch.narrow(p[-1], 0, 0, 0))
    return h if torch.numel(rows) > 0 else torch.view_as(h, x)

  # Logits of the chosen rows of x [B, T, C], or all -> [m, V]; p is ln_f and wte.
  def logits(self, x: Tensor, p: List[Tensor], rows: Tensor) -> Tensor:
    h = __torch__.compute(__torch__.normalised(x, p, rows))
    return __torch__.widen(torch.linear(h, __torch__.compute(p[-1])))

  # Logits of the token after the t newest tokens of each sequence, int64 [B, t] -> [B, V]. All
  # parameters p: wte, wpe, each layer's, ln_f. cache is [layers, 2, ..], of which sequence b has
  # rows[b] and in it lengths[b] tokens; for mixed see runs.
  def decode(self, tokens: Tensor, p: List[Tensor], cache: Tensor, rows: List[int],
      lengths: List[int], mixed: bool) -> Tensor:
    n, m = __torch__.norm_size(), __torch__.linear_size()
    t = torch.size(tokens, 1)
    starts = torch.unsqueeze(torch.tensor(lengths, dtype=4, device=tokens.device), 1)
    positions = starts + torch.arange(t, dtype=4, device=tokens.device)
    seen = torch.arange(max(lengths) + t, dtype=4, device=tokens.device)
    mask = torch.le(seen, torch.unsqueeze(torch.unsqueeze(positions, 1), 3))
    runs = __torch__.runs(rows, lengths, mixed)
    x = torch.embedding(p[0], tokens) + torch.embedding(p[1], positions)
    size = 2 * n + 4 * m
    for layer in range((torch.len(p) - 2 - n) // size):
      i = 2 + size * layer
      h = __torch__.layer_norm(x, p, i)
      x = x + __torch__.cached_attention(h, p, i + n, torch.select(cache, 0, layer), positions, mask,
          rows, runs)
      x = x + __torch__.mlp(__torch__.layer_norm(x, p, i + n + 2 * m), p, i + 2 * n + 2 * m)
    h = __torch__.compute(__torch__.layer_norm(torch.select(x, 1, -1), p, torch.len(p) - n))
    return __torch__.widen(torch.linear(h, __torch__.compute(p[0])))

  # Mean cross-entropy in nats of the chosen rows of x [B, T, C], or all, targets int64 [m] -> []; p is
  # ln_f and wte.
  def loss(self, x: Tensor, p: List[Tensor], targets: Tensor, rows: Tensor) -> Tensor:
    w = p[-1]
    h = __torch__.normalised(x, p, rows)
    dw = torch.empty_like(w) if w.requires_grad else torch.empty([0])
    y = torch.unsqueeze(targets, 1)
    total, dh = __torch__.cross_entropy(torch.detach(h), torch.detach(w), y, dw, 1., True)
    # A function of h and w that has these gradients, less its value.
    gh = torch.dot(torch.flatten(h), torch.flatten(dh))
    total = total + (gh - torch.detach(gh))
    if w.requires_grad:
      gw = torch.dot(torch.flatten(w), torch.flatten(dw))
      total = total + (gw - torch.detach(gw))
    return total / torch.size(h, 0)

  # The same, which adds its gradient, times a factor, to those of all leaves. That in W goes there from
  # the products: autograd would make an array of it, scale that and add it.
  def backward_of_loss(self, x: Tensor, p: List[Tensor], targets: Tensor, rows: Tensor, factor: Tensor) -> Tensor:
    w = p[-1]
    h = __torch__.normalised(x, p, rows)
    n = torch.size(h, 0)
    f = __torch__.host_number(factor) / n
    dw = __torch__.gradient_of(w)
    y = torch.unsqueeze(targets, 1)
    total, dh = __torch__.cross_entropy(torch.detach(h), torch.detach(w), y, dw, f, False)
    if h.requires_grad:
      torch.backward(h, dh.mul_(f))
    return total / n

  # Adds the gradient in all leaves of y, given that in y.
  def backward(self, y: Tensor, dy: List[Tensor]) -> Tensor:
    torch.backward(y, dy[0])
    return dy[0]

  def seed(self, seed: int):
    torch.manual_seed(seed)

  # As loss, without gradients.
  def evaluate(self, x: Tensor, p: List[Tensor], targets: Tensor, chosen: Tensor) -> Tensor:
    v = torch.size(p[-1], 0)
    h = __torch__.normalised(x, p, chosen)
    n = torch.size(h, 0)
    y = torch.unsqueeze(targets, 1)
    hc, wc = __torch__.compute(h), __torch__.head(p[-1])
    rows = __torch__.chunk_rows(h, torch.size(wc, 0))
    total = torch.zeros([], dtype=h.dtype, device=h.device)
    for i in range((n + rows - 1) // rows):
      start = i * rows
      size = min(rows, n - start)
      z = torch.mm(torch.narrow(hc, 0, start, size), torch.t(wc))
      total.add_(__torch__.loss_of(z, torch.narrow(y, 0, start, size), v, h.dtype, False))
    return total / n

  # Adds what an adapter adds to the weight itself.
  def merge(self, w: Tensor, a: Tensor, b: Tensor):
    w.addmm_(b, a, alpha=$SCALE)
