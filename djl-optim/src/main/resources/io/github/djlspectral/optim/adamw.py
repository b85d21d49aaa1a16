# AdamW, Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, as
# torch.optim.AdamW computes it:
#
#   w <- (1 - lr decay) w
#   m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
#   w <- w - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

def fused(ws: List[Tensor], gs: List[Tensor], ms: List[Tensor], vs: List[Tensor], step: int,
    lr: float, beta1: float, beta2: float, eps: float, decay: float, rescale: float) -> None:
  t = torch.full([], step, dtype=6, device=ws[0].device)
  steps = annotate(List[Tensor], [])
  for i in range(len(ws)):
    _0 = torch.append(steps, t)
  none = annotate(List[Tensor], [])
  if rescale == 1.:
    torch._fused_adamw_(ws, gs, ms, vs, none, steps, lr=lr, beta1=beta1, beta2=beta2,
        weight_decay=decay, eps=eps, amsgrad=False, maximize=False)
  else:
    scale = torch.full([], 1. / rescale, dtype=6, device=ws[0].device)
    torch._fused_adamw_(ws, gs, ms, vs, none, steps, lr=lr, beta1=beta1, beta2=beta2,
        weight_decay=decay, eps=eps, amsgrad=False, maximize=False, grad_scale=scale)

class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # Updates all w, m, v in place, zeroes the gradients attached to ws and returns True; or changes
  # nothing and returns False if a g, not known to be usable, is not. Where gs are those attached to
  # ws, they may be overwritten before. done, on the CPU, counts the weights, from 0. The fused call is
  # on the lists given: one that changes nothing but elements of lists made here would be removed as
  # dead code.
  def update(self, ws: List[Tensor], gs: List[Tensor], ms: List[Tensor], vs: List[Tensor], step: int,
      lr: float, beta1: float, beta2: float, eps: float, decay: float,
      rescale: float, clip: float, usable: bool, attached: bool, done: Tensor) -> bool:
    for i in range(len(ws)):
      if not __torch__.usable(gs[i], rescale, clip, usable):
        return False
    # The fused kernel walks raw memory and would mix up elements of different strides.
    plain = clip < 0. and (rescale == 1. or (attached and ws[0].dtype == 6))
    for i in range(len(ws)):
      plain = plain and torch.is_contiguous(ws[i]) and torch.is_contiguous(gs[i])
    if plain:
      __torch__.fused(ws, gs, ms, vs, step, lr, beta1, beta2, eps, decay, rescale)
      done.add_(len(ws))
    else:
      for i in range(len(ws)):
        g = torch.contiguous(__torch__.rescaled_and_clipped(gs[i], rescale, clip))
        dense = torch.contiguous(ws[i])
        __torch__.fused([dense], [g], [ms[i]], [vs[i]], step, lr, beta1, beta2, eps, decay, 1.)
        torch.copy_(ws[i], dense)
        done.add_(1)
    for i in range(len(ws)):
      __torch__.zero_gradient(ws[i])
    return True
