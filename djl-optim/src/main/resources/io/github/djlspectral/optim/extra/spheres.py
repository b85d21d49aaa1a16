# Gives the weight the norm that it had at first, Frobenius's or, of numbers[4] = 1, the spectral norm.
# States: that norm; and the vector of a power iteration, which one step a call keeps up to date.
def after_step(w: Tensor, states: List[Tensor], numbers: List[float]) -> None:
  radius = states[0]
  v = states[1]
  first = numbers[0] == 1. or float(torch.max(radius)) == 0.
  norm = __torch__.frobenius(w)
  if numbers[4] == 1.:
    steps = 1
    if first:
      v.copy_(torch.sum(w, [1], True))
      steps = 100
    for i in range(steps):
      x = torch.bmm(w, torch.transpose(v, 1, 2))
      y = torch.bmm(torch.transpose(x, 1, 2), w)
      v.copy_(torch.div(y, torch.clamp(__torch__.frobenius(y), 1e-30)))
    norm = __torch__.frobenius(torch.bmm(w, torch.transpose(v, 1, 2)))
  if first:
    radius.copy_(norm)
  w.mul_(torch.div(radius, torch.clamp(norm, 1e-30)))
