# Between host and device.
class Kernels(Module):
  __parameters__ = []
  __buffers__ = []

  # x to the GPU of another array of its type. Nothing waits: the copy to pinned memory is the host's
  # own, the one from there is queued behind what the GPU has to do, and the engine keeps the pinned
  # memory until it is done.
  def upload(self, x: Tensor, like: Tensor) -> Tensor:
    return torch.to(torch.pin_memory(x), other=like, non_blocking=True)

  # How often x has been changed in place, which the host knows.
  def version(self, x: Tensor) -> float:
    return float(torch._version(x))
