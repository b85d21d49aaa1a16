# Convolutions of images x [B, c, H, W] by a kernel K [m, c, k, k] whose circular convolution has
# orthonormal rows (or columns, if m > c), a bias b [m], and the making of such kernels.

# K [a, b, m, c] after one factor P + (I - P) z, P = R^T R the projection onto the orthonormal rows of R,
# z the shift by one along dimension 0 or 1, at whose beginning or end the paddings add a zero.
def lengthened(K: Tensor, R: Tensor, begin: List[int], end: List[int]) -> Tensor:
  KP = torch.matmul(torch.matmul(K, torch.t(R)), R)
  moved = torch.constant_pad_nd(torch.sub(K, KP), begin)
  return torch.add(moved, torch.constant_pad_nd(KP, end))

# W [m, c] with orthonormal rows and k - 1 factors (R, R') [floor(c/2), c], one of each pair along each
# dimension: [k, k, m, c].
def block_convolution(weights: List[Tensor]) -> Tensor:
  K = torch.unsqueeze(torch.unsqueeze(weights[0], 0), 0)
  for i in range((torch.len(weights) - 1) // 2):
    K = __torch__.lengthened(K, weights[2 * i + 1], [0, 0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 1])
    K = __torch__.lengthened(K, weights[2 * i + 2], [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1])
  return K

# x continued at both ends of a dimension by what is at the other end; faster backward than torch.pad.
def continued(x: Tensor, dim: int, before: int, after: int) -> Tensor:
  n = x.size(dim)
  return torch.cat([torch.narrow(x, dim, n - before, before), x, torch.narrow(x, dim, 0, after)], dim)


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # [m, c, k, k], m <= c
  def kernel(self, weights: List[Tensor]) -> Tensor:
    return torch.contiguous(torch.permute(__torch__.block_convolution(weights), [2, 3, 0, 1]))

  # [c, m, k, k], m <= c: the kernel of the transposed map.
  def expanding_kernel(self, weights: List[Tensor]) -> Tensor:
    K = torch.permute(__torch__.block_convolution(weights), [3, 2, 0, 1])
    return torch.contiguous(torch.flip(K, [2, 3]))

  # x - 2 K^T relu(K x + b), K at all places where it lies within the image, $STRIDE apart
  def fold(self, x: Tensor, K: Tensor, b: Tensor) -> Tensor:
    z = torch.relu_(torch.conv2d(x, K, b, [$STRIDE, $STRIDE]))
    rows = (x.size(2) - K.size(2)) % $STRIDE
    columns = (x.size(3) - K.size(3)) % $STRIDE
    y = torch.conv_transpose2d(z, K, None, [$STRIDE, $STRIDE], [0, 0], [rows, columns])
    return torch.sub(x, y, alpha=2.)

  # K x + b on the torus
  def circular(self, x: Tensor, K: Tensor, b: Tensor) -> Tensor:
    before = (K.size(2) - 1) // 2
    after = K.size(2) // 2
    y = __torch__.continued(__torch__.continued(x, 2, before, after), 3, before, after)
    return torch.conv2d(y, K, b)

  # K x + b for disjoint patches
  def patches(self, x: Tensor, K: Tensor, b: Tensor) -> Tensor:
    return torch.conv2d(x, K, b, [K.size(2), K.size(3)])
