# AdamW, Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, as
# torch.optim.AdamW computes it:
#
#   w <- (1 - lr decay) w
#   m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
#   w <- w - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

def fused(ws: List[Tensor], g: Tensor, ms: List[Tensor], vs: List[Tensor], step: int,
    lr: float, beta1: float, beta2: float, eps: float, decay: float) -> None:
  t = torch.full([], step, dtype=6, device=g.device)
  none = annotate(List[Tensor], [])
  torch._fused_adamw_(ws, [torch.contiguous(g)], ms, vs, none, [t], lr=lr, beta1=beta1, beta2=beta2,
      weight_decay=decay, eps=eps, amsgrad=False, maximize=False)

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # Updates w, m, v in place, zeroes the gradient attached to w and returns True; or changes nothing
  # and returns False if g, not known to be finite, or g rescaled is not. The lists hold one tensor
  # each: a call that changes nothing but elements of lists made here would be removed as dead code.
  def update(self, ws: List[Tensor], g: Tensor, ms: List[Tensor], vs: List[Tensor], step: int,
      lr: float, beta1: float, beta2: float, eps: float, decay: float,
      rescale: float, clip: float, finite: bool) -> bool:
    w = ws[0]
    if not finite and not __torch__.is_finite(g, float(torch.linalg_vector_norm(g))):
      return False
    g = __torch__.rescaled_and_clipped(g, rescale, clip)
    if not abs(rescale) <= 1.:  # only then a finite g may have become infinite
      if not __torch__.is_finite(g, float(torch.linalg_vector_norm(g))):
        return False
    # The fused kernel walks raw memory and would mix up elements of different strides.
    if torch.is_contiguous(w):
      __torch__.fused(ws, g, ms, vs, step, lr, beta1, beta2, eps, decay)
    else:
      dense = torch.contiguous(w)
      __torch__.fused([dense], g, ms, vs, step, lr, beta1, beta2, eps, decay)
      torch.copy_(w, dense)
    __torch__.zero_gradient(w)
    return True
