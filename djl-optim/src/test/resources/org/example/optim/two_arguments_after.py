def after_map(U: Tensor, w: Tensor) -> Tensor:
  return U
