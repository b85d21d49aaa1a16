# What GPT-2's functions for autograd and its hand-written backpropagation share.
#
# Constant $BFLOAT16: matrix products are of float32 or float64 numbers as they are (0), of bfloat16
# numbers (1), or of numbers rounded to bfloat16 that are kept and multiplied in float32 (2), where
# that is faster: a product of two is exact there, as in bfloat16 arithmetic, and sums are float32.
# Type codes: 4 is int64, 6 is float32, 11 is bool, 15 is bfloat16.

# Rounds an operand of a matrix product.
def compute(x: Tensor) -> Tensor:
  if $BFLOAT16 == 0:
    return x
  y = torch.to(x, 15)
  if $BFLOAT16 == 1:
    return y
  return torch.to(y, x.dtype)

# As compute, of a matrix x [n, m]; what is rounded to float32 lies in y, of as many elements or more,
# which may be x.
def operand(x: Tensor, y: Tensor) -> Tensor:
  if $BFLOAT16 != 2:
    return __torch__.compute(x)
  y = torch.view(torch.narrow(torch.flatten(y), 0, 0, torch.numel(x)), torch.size(x))
  # In blocks of rows, so that what lies between the two conversions stays in a cache.
  n = torch.size(x, 0)
  rows = 1 + 1000000 // torch.size(x, 1)
  for i in range((n + rows - 1) // rows):
    size = min(rows, n - i * rows)
    rounded = torch.to(torch.narrow(x, 0, i * rows, size), 15)
    torch.narrow(y, 0, i * rows, size).copy_(rounded)
  return y

# Rows of logits [rows, V] that are held at a time, such that chunks are equal and of at most 52 MB
# in float32 on a CPU, where that is work enough for a product, or 1 GB on a GPU.
def chunk_rows(h: Tensor, vocabulary: int) -> int:
  n = torch.size(h, 0)
  most = max(1, (250000000 if h.is_cuda else 13000000) // vocabulary)
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

