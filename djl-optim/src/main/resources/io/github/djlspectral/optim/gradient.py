# What every optimizer step does with a gradient. Joined in front of the optimizers' own source.

# Whether all elements of g, whose Euclidean norm is given, are finite. The norm is ten times faster
# on a CPU than the largest magnitude, which decides where squares overflow.
def is_finite(g: Tensor, norm: float) -> bool:
  if norm < inf:
    return True
  return float(torch.linalg_vector_norm(g, inf)) < inf

# rescale g, each element clamped to [-clip, clip] unless clip is negative.
def rescaled_and_clipped(g: Tensor, rescale: float, clip: float) -> Tensor:
  if rescale != 1.:
    g = torch.mul(g, rescale)
  if clip >= 0.:
    g = torch.clamp(g, -clip, clip)
  return g

# Whether an optimizer can use g: that is known, or it is finite, and so it is rescaled and clipped.
def usable(g: Tensor, rescale: float, clip: float, known: bool) -> bool:
  if known:
    return True
  if not __torch__.is_finite(g, float(torch.linalg_vector_norm(g))):
    return False
  if abs(rescale) <= 1.:  # else a finite g may have become infinite
    return True
  g = __torch__.rescaled_and_clipped(g, rescale, clip)
  return __torch__.is_finite(g, float(torch.linalg_vector_norm(g)))

# Zeroes the gradient attached to a weight. Before the first backward pass it is undefined, but the
# compiler takes it for always present and drops a comparison with None.
def zero_gradient(w: Tensor) -> None:
  if ops.prim.AutogradAnyNonZero(w.grad):
    torch.zero_(w.grad)

