/** Minimax approximations behind the spectral maps, computed in double precision, without DJL. */
package io.github.djlspectral.optim.minimax;
