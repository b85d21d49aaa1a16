# Products with the Jacobian J = dy/dx of a network, by autograd that leaves the gradients attached to
# parameters alone. Rows of a batch are independent of each other: a product is one for each row, with the
# Jacobian at that row. y must carry the graph to x.

# J^T u, with a graph if wanted; zeros where y does not depend on x
def vjp(y: Tensor, x: Tensor, u: Tensor, graph: bool) -> Tensor:
  product = torch.zeros_like(x)
  if y.requires_grad:
    found = torch.grad([y], [x], annotate(List[Optional[Tensor]], [u]), True, graph, True)
    g = found[0]
    if torch.__isnot__(g, None):
      product = unchecked_cast(Tensor, g)
  return product

# |.| of each row; its derivative at 0 is 0
def lengths(x: Tensor) -> Tensor:
  return torch.linalg_vector_norm(torch.flatten(x, 1), 2, [1])
