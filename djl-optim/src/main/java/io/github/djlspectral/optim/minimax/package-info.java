/**
 * Minimax approximations behind the spectral maps, computed in double precision, without DJL.
 * Arguments outside the ranges that are stated for them are refused with an {@link
 * IllegalArgumentException} that names them.
 */
package io.github.djlspectral.optim.minimax;
