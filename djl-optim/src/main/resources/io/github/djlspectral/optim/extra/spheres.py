# Gives the weight the norm that it had at first, Frobenius's or, of numbers[4] = 1, the spectral norm.
# States: that norm; and the vector of a power iteration, which one step a call keeps up to date. A
# weight may have been zero at first: a GPU, which would wait for that, makes do with one step then.
def after_step(w: Tensor, states: List[Tensor], numbers: List[float]) -> None:
  radius = states[0]
  v = states[1]
  first = numbers[-1] == 1. or (not ops.prim.is_cuda(w) and float(torch.max(radius)) == 0.)
  norm = __torch__.frobenius(w)
  if numbers[4] == 1.:
    steps = 1
    if first:
      steps = 100
    v.copy_(torch.where(torch.eq(__torch__.frobenius(v), 0.), torch.sum(w, [1], True), v))
    for i in range(steps):
      x = torch.bmm(w, torch.transpose(v, 1, 2))
      y = torch.bmm(torch.transpose(x, 1, 2), w)
      v.copy_(torch.div(y, torch.clamp(__torch__.frobenius(y), 1e-30)))
    norm = __torch__.frobenius(torch.bmm(w, torch.transpose(v, 1, 2)))
  radius.copy_(torch.where(torch.eq(radius, 0.), norm, radius))
  w.mul_(torch.div(radius, torch.clamp(norm, 1e-30)))
