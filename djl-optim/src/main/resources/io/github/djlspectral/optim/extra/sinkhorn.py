# Rows and columns in turn get a root mean square of 1; rows and columns of zeros stay zero.
def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -> Tensor:
  X = torch.div(U, torch.clamp(torch.amax(torch.abs(U), [1, 2], True), 1e-37))
  for i in range(int(numbers[4])):
    for axis in range(2):
      rms = torch.sqrt(torch.mean(torch.mul(X, X), [2 - axis], True))
      X = torch.div(X, torch.add(rms, torch.eq(rms, 0.)))
  return X
