# Attention as a gradient flow of n tokens X on the unit sphere of R^d, under H heads with symmetric
# weights D, for P independent paths at once: X [P, n, d], D [P, H, d, d].
#
# U_ij = exp(<x_i, D x_j>), N_i = sum_j U_ij, w_i = sum_j (U_ij / N_i) D x_j, one per head; P_i removes
# the component along x_i; v_i is the mean over heads of P_i w_i.

# U, in place of its logarithm to save a pass over n^2 numbers; U X and the row sums N, by one product.
def kernel_sums(X: Tensor, D: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
  heads = torch.unsqueeze(X, 1)
  U = torch.exp_(torch.matmul(torch.matmul(heads, D), torch.transpose(heads, -1, -2)))
  ones = torch.ones_like(torch.slice(heads, -1, 0, 1))
  sums = torch.matmul(U, torch.cat([heads, ones], -1))
  d = X.size(-1)
  return (U, torch.slice(sums, -1, 0, d), torch.slice(sums, -1, d, d + 1))

# P w, [P, H, n, d].
def pulls(X: Tensor, D: Tensor, UX: Tensor, N: Tensor) -> Tensor:
  heads = torch.unsqueeze(X, 1)
  W = torch.matmul(torch.div(UX, N), D)
  radial = torch.sum(torch.mul(W, heads), [-1], True)
  return torch.sub(W, torch.mul(radial, heads))

# Per path: the energy sum U / (2 H n^2), the slope mean_i |v_i|^2 / mean_h(n / N_i), and the
# dissipation mean_i <mean_h (N_i / n) P w_i, v_i>. [P, 3]
def measures(N: Tensor, PW: Tensor, v: Tensor) -> Tensor:
  H = N.size(1)
  n = N.size(2)
  energy = torch.div(torch.sum(N, [1, 2, 3]), 2. * H * n * n)
  mobility = torch.squeeze(torch.mean(torch.div(float(n), N), [1]), -1)
  slope = torch.mean(torch.div(torch.sum(torch.mul(v, v), [-1]), mobility), [-1])
  weighted = torch.mean(torch.mul(torch.div(N, float(n)), PW), [1])
  dissipation = torch.mean(torch.sum(torch.mul(weighted, v), [-1]), [-1])
  return torch.stack([energy, slope, dissipation], 1)

# sum_ij U_ij <y_i, F y_j> / (2 H n^2) for symmetric F, from U Y. [P]
def form(Y: Tensor, F: Tensor, UY: Tensor) -> Tensor:
  H = UY.size(1)
  n = UY.size(2)
  terms = torch.mul(torch.matmul(torch.unsqueeze(Y, 1), F), UY)
  return torch.div(torch.sum(terms, [1, 2, 3]), 2. * H * n * n)

# What the Ito correction adds to the energy's drift: sigma^2/4 (<x_i, x_j>^2 + 1) in place of the form.
def ito(X: Tensor, U: Tensor, variance: float) -> Tensor:
  H = U.size(1)
  n = U.size(2)
  K = torch.unsqueeze(torch.matmul(X, torch.transpose(X, -1, -2)), 1)
  terms = torch.mul(U, torch.add(torch.mul(K, K), 1.))
  return torch.mul(torch.sum(terms, [1, 2, 3]), variance / (8. * H * n * n))

def normalised(X: Tensor) -> Tensor:
  return torch.div(X, torch.linalg_vector_norm(X, 2, [-1], True))

# One step of the block, X [B, n, d], D = (W + W^T) / 2 [H, d, d] from the parameter [H d, d]: fused
# attention with queries X D and keys and values X, whose scores never overflow.
def step(X: Tensor, W: Tensor, settings: Tensor) -> Tensor:
  d = X.size(2)
  H = W.size(0) // d
  D = torch.view(W, [H, d, d])
  D = torch.mul(torch.add(D, torch.transpose(D, 1, 2)), 0.5)
  heads = torch.expand(torch.unsqueeze(X, 1), [-1, H, -1, -1])
  Q = torch.mul(torch.matmul(heads, D), torch.div(d ** 0.5, settings[1]))
  M = torch.scaled_dot_product_attention(Q, heads, heads, None, 0., False)
  v = torch.mean(torch.matmul(M, D), [1])
  v = torch.sub(v, torch.mul(torch.sum(torch.mul(v, X), [-1], True), X))
  return __torch__.normalised(torch.sub(X, torch.mul(v, settings[0])))


class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # The largest distance of a token's length from 1; NaN if one is not finite.
  def off_sphere(self, X: Tensor) -> float:
    lengths = torch.linalg_vector_norm(X.to(7), 2, [-1])
    return float(torch.max(torch.abs(torch.sub(lengths, 1.))))

  # X after each step, one per parameter; settings: step size, temperature.
  def flow(self, X: Tensor, weights: List[Tensor], settings: Tensor) -> List[Tensor]:
    states = [X]
    for W in weights:
      states = torch.append(states, __torch__.step(states[-1], W, settings))
    return states

  def last(self, X: Tensor, weights: List[Tensor], settings: Tensor) -> Tensor:
    for W in weights:
      X = __torch__.step(X, W, settings)
    return X

  # mean_i n / N_i of each head. [P, H]
  def mobilities(self, X: Tensor, D: Tensor) -> Tensor:
    U, UX, N = __torch__.kernel_sums(X, D)
    return torch.mean(torch.div(float(X.size(1)), N), [2, 3])

  def measure(self, X: Tensor, D: Tensor) -> Tensor:
    U, UX, N = __torch__.kernel_sums(X, D)
    PW = __torch__.pulls(X, D, UX, N)
    return __torch__.measures(N, PW, torch.mean(PW, [1]))

  # Euler steps of x' = -v and D' = rate (target - D) + sigma dW, one for each target [S, H, d, d], with
  # increments dW [S, P, H, d, d] if the variance sigma^2 is not 0. sums [P, 4] gains, each step, dt
  # times slope, dissipation and the energy's drift at fixed tokens, and the martingale's increment:
  # of the new tokens with the old U, as in the reference program.
  def advance(self, X: Tensor, D: Tensor, sums: Tensor, targets: Tensor, increments: Tensor,
              dt: float, rate: float, variance: float) -> List[Tensor]:
    for s in range(targets.size(0)):
      U, UX, N = __torch__.kernel_sums(X, D)
      PW = __torch__.pulls(X, D, UX, N)
      v = torch.mean(PW, [1])
      F = torch.mul(torch.sub(targets[s], D), rate)
      drift = __torch__.form(X, F, UX)
      if variance != 0.:
        drift = torch.add(drift, __torch__.ito(X, U, variance))
      X = __torch__.normalised(torch.sub(X, v, alpha=dt))
      D = torch.add(D, F, alpha=dt)
      martingale = torch.zeros_like(drift)
      if variance != 0.:
        noise = torch.mul(increments[s], variance ** 0.5)
        martingale = __torch__.form(X, noise, torch.matmul(U, torch.unsqueeze(X, 1)))
        D = torch.add(D, noise)
      local = torch.slice(__torch__.measures(N, PW, v), 1, 1, 3)
      steps = torch.mul(torch.cat([local, torch.unsqueeze(drift, 1)], 1), dt)
      sums = torch.add(sums, torch.cat([steps, torch.unsqueeze(martingale, 1)], 1))
    return [X, D, sums]
