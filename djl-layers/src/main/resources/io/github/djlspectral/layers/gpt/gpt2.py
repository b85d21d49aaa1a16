# GPT-2 in float32 or float64, or in bfloat16 with float32 weights, reductions and residual stream.
#
# Shapes: B sequences of T tokens, width C, H heads of size D = C / H, vocabulary V, N = B T rows.
# Matrices are [out, in]. Constants: $HEADS, $DROPOUT (1 or 0), $BIAS (1 or 0), $BFLOAT16 (see
# common.py). With dropout the last of the parameters p is its probability, a scalar on the host.

# Back to the type of the weights.
def widen(x: Tensor) -> Tensor:
  if $BFLOAT16 == 1:
    return torch.to(x, 6)
  return x

def probability(p: List[Tensor]) -> float:
  if $DROPOUT == 0:
    return 0.
  return float(p[-1])

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

# x W^T + b, with W = p[i] and b = p[i + 1] if there is one.
def linear(x: Tensor, p: List[Tensor], i: int) -> Tensor:
  bias: Optional[Tensor] = None
  if $BIAS == 1:
    bias = torch.to(p[i + 1], 15) if $BFLOAT16 == 1 else p[i + 1]
  return torch.linear(__torch__.compute(x), __torch__.compute(p[i]), bias)

# [B, T, C] -> [B, H, T, D], a view.
def split_heads(x: Tensor) -> Tensor:
  return torch.transpose(torch.unflatten(x, 2, [$HEADS, -1]), 1, 2)

def attention(x: Tensor, p: List[Tensor], i: int, stride: int) -> Tensor:
  q, k, v = torch.chunk(__torch__.linear(x, p, i), 3, 2)
  y = torch.scaled_dot_product_attention(
      __torch__.split_heads(q), __torch__.split_heads(k), __torch__.split_heads(v),
      None, __torch__.probability(p), True)
  y = torch.flatten(torch.transpose(y, 1, 2), 2)
  return __torch__.dropout(__torch__.linear(y, p, i + stride), p)

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
def cached_attention(x: Tensor, p: List[Tensor], i: int, stride: int, cache: Tensor,
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
  return __torch__.linear(torch.flatten(torch.transpose(torch.cat(y), 1, 2), 2), p, i + stride)

def mlp(x: Tensor, p: List[Tensor], i: int, stride: int) -> Tensor:
  h = torch.gelu(__torch__.linear(x, p, i), approximate="tanh")
  return __torch__.dropout(__torch__.linear(h, p, i + stride), p)

# Adds a b to sum, or replaces it; sum is not bfloat16, whatever a and b are.
def add_product(sum: Tensor, a: Tensor, b: Tensor, replace: bool):
  if $BFLOAT16 != 1 and replace:
    torch.mm(a, b, out=sum)
  elif $BFLOAT16 != 1:
    sum.addmm_(a, b)
  elif replace:
    sum.copy_(torch.mm(a, b))
  else:
    sum.add_(torch.mm(a, b))

# The head's matrix [V, C] as an operand of products. On a GPU it gets rows of zeros up to a multiple
# of 64, without which the tensor cores of a product of 50,257 columns are not reached; the logits'
# product then has as many columns, zeros, to be left out.
def head(w: Tensor) -> Tensor:
  wc = __torch__.compute(w)
  if ops.prim.is_cuda(w):
    wc = torch.constant_pad_nd(wc, [0, 0, 0, -torch.size(w, 0) % 64])
  return wc

# For logits z [n, V or more], as head gives them, targets y [n, 1] and V: the sum of -log softmax(z)[y].
# On a GPU in one pass over the rows.
def loss_of(z: Tensor, y: Tensor, v: int, type: int) -> Tensor:
  if ops.prim.is_cuda(z):
    z = torch.log_softmax(torch.narrow(z, 1, 0, v), 1, type)
    return -torch.sum(torch.gather(z, 1, y))
  return __torch__.softmax_and_loss(torch.to(z, type), y)

# The same, and its gradient in the logits, softmax minus one at the target, as an operand with z's
# columns: where z was, on a GPU, in whose type the target's own difference is formed before rounding.
def loss_and_gradient(z: Tensor, y: Tensor, v: int, type: int) -> Tuple[Tensor, Tensor]:
  if ops.prim.is_cuda(z):
    logs = torch.log_softmax(torch.narrow(z, 1, 0, v), 1, type)
    target = torch.gather(logs, 1, y)
    dz = torch.exp(logs, out=torch.narrow(z, 1, 0, v))
    dz.scatter_(1, y, torch.to(torch.expm1(target), z.dtype))
    return -torch.sum(target), __torch__.operand(z, z)
  p = torch.to(z, type)
  loss = __torch__.softmax_and_loss(p, y)
  p.scatter_add_(1, y, torch.full_like(y, -1, dtype=type))
  return loss, __torch__.operand(p, p)

# Sum over the rows of h [N, C] of -log softmax(h W^T)[y], and its gradients in h and W, without
# keeping more than some rows of logits. Nothing here is recorded for autograd.
def cross_entropy(h: Tensor, w: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
  n, v = torch.size(h, 0), torch.size(w, 0)
  rows = __torch__.chunk_rows(h, v)
  hc, wc = __torch__.compute(h), __torch__.head(w)
  # One buffer for all chunks: a large block comes fresh from the system each time, and touching its
  # pages for the first time takes longer than filling it.
  logits = torch.empty([rows, torch.size(wc, 0)], dtype=wc.dtype, device=h.device)
  dh, dw = torch.empty_like(h), torch.empty_like(wc, dtype=w.dtype)
  total = torch.zeros([], dtype=h.dtype, device=h.device)
  for i in range((n + rows - 1) // rows):
    start = i * rows
    size = min(rows, n - start)
    hi, yi = torch.narrow(hc, 0, start, size), torch.narrow(y, 0, start, size)
    z = torch.mm(hi, torch.t(wc), out=torch.narrow(logits, 0, 0, size))
    loss, dz = __torch__.loss_and_gradient(z, yi, v, h.dtype)
    total.add_(loss)
    __torch__.add_product(torch.narrow(dh, 0, start, size), dz, wc, True)
    __torch__.add_product(dw, torch.t(dz), hi, i == 0)
  return total, dh, torch.narrow(dw, 0, 0, v)

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # Token plus position embeddings: tokens int64 [B, T], p wte [V, C], wpe [context, C] -> [B, T, C].
  def embed(self, tokens: Tensor, p: List[Tensor]) -> Tensor:
    # A sparse gradient touches the rows of N tokens; a dense one would be another V x C array.
    rows = torch.embedding(p[0], tokens, -1, False, True)
    return __torch__.dropout(rows + torch.narrow(p[1], 0, 0, torch.size(tokens, 1)), p)

  # One transformer layer, x [B, T, C] -> [B, T, C]; p is ln_1, c_attn, attn.c_proj, ln_2, c_fc,
  # mlp.c_proj, each a weight, followed by its bias if the model has biases.
  def layer(self, x: Tensor, p: List[Tensor]) -> Tensor:
    n = 1 + $BIAS
    x = x + __torch__.attention(__torch__.layer_norm(x, p, 0), p, n, n)
    return x + __torch__.mlp(__torch__.layer_norm(x, p, 3 * n), p, 4 * n, n)

  # Logits, x [B, T, C] -> [B, T, V]; p is ln_f and wte.
  def logits(self, x: Tensor, p: List[Tensor]) -> Tensor:
    h = __torch__.compute(__torch__.layer_norm(x, p, 0))
    return __torch__.widen(torch.linear(h, __torch__.compute(p[-1])))

  # Logits of the token after the t newest tokens of each sequence, int64 [B, t] -> [B, V]. All
  # parameters p: wte, wpe, each layer's, ln_f. cache is [layers, 2, ..], of which sequence b has
  # rows[b] and in it lengths[b] tokens; for mixed see runs.
  def decode(self, tokens: Tensor, p: List[Tensor], cache: Tensor, rows: List[int],
      lengths: List[int], mixed: bool) -> Tensor:
    n = 1 + $BIAS
    t = torch.size(tokens, 1)
    starts = torch.unsqueeze(torch.tensor(lengths, dtype=4, device=tokens.device), 1)
    positions = starts + torch.arange(t, dtype=4, device=tokens.device)
    seen = torch.arange(max(lengths) + t, dtype=4, device=tokens.device)
    mask = torch.le(seen, torch.unsqueeze(torch.unsqueeze(positions, 1), 3))
    runs = __torch__.runs(rows, lengths, mixed)
    x = torch.embedding(p[0], tokens) + torch.embedding(p[1], positions)
    for layer in range((torch.len(p) - 2 - n) // (6 * n)):
      i = 2 + 6 * n * layer
      h = __torch__.layer_norm(x, p, i)
      x = x + __torch__.cached_attention(h, p, i + n, n, torch.select(cache, 0, layer), positions,
          mask, rows, runs)
      x = x + __torch__.mlp(__torch__.layer_norm(x, p, i + 3 * n), p, i + 4 * n, n)
    h = __torch__.compute(__torch__.layer_norm(torch.select(x, 1, -1), p, torch.len(p) - n))
    return __torch__.widen(torch.linear(h, __torch__.compute(p[0])))

  # Mean cross-entropy in nats, x [B, T, C], targets int64 [B, T] -> []; p is ln_f and wte.
  def loss(self, x: Tensor, p: List[Tensor], targets: Tensor) -> Tensor:
    w = p[-1]
    n = torch.numel(targets)
    h = torch.reshape(__torch__.layer_norm(x, p, 0), [n, -1])
    y = torch.reshape(targets, [n, 1])
    total, dh, dw = __torch__.cross_entropy(torch.detach(h), torch.detach(w), y)
    # A function of h and w that has these gradients, less its value.
    gh = torch.dot(torch.flatten(h), torch.flatten(dh))
    gw = torch.dot(torch.flatten(w), torch.flatten(dw))
    return (total + (gh - torch.detach(gh)) + (gw - torch.detach(gw))) / n

  # As loss, without gradients.
  def evaluate(self, x: Tensor, p: List[Tensor], targets: Tensor) -> Tensor:
    n, v = torch.numel(targets), torch.size(p[-1], 0)
    h = torch.reshape(__torch__.layer_norm(x, p, 0), [n, -1])
    y = torch.reshape(targets, [n, 1])
    hc, wc = __torch__.compute(h), __torch__.head(p[-1])
    rows = __torch__.chunk_rows(h, torch.size(wc, 0))
    total = torch.zeros([], dtype=h.dtype, device=h.device)
    for i in range((n + rows - 1) // rows):
      start = i * rows
      size = min(rows, n - start)
      z = torch.mm(torch.narrow(hc, 0, start, size), torch.t(wc))
      total.add_(__torch__.loss_of(z, torch.narrow(y, 0, start, size), v, h.dtype))
    return total / n
