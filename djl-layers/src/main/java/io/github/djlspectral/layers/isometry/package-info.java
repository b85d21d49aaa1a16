/**
 * Layers whose Jacobian is orthogonal almost everywhere, and the means to check them. Arguments
 * outside the ranges that are stated for them are refused with an {@link IllegalArgumentException}
 * that names them.
 *
 * <table>
 * <caption>The layers</caption>
 * <tr><th>on</th><th>n to n, orthogonal</th><th>wider, isometric; or narrower, co-isometric</th></tr>
 * <tr><td>vectors [.., n]</td>
 *     <td>{@link io.github.djlspectral.layers.isometry.ResidualFold} x - 2 W^T relu(W x + b),
 *     {@link io.github.djlspectral.layers.isometry.AbsFold} |V x + b|,
 *     {@link io.github.djlspectral.layers.isometry.TwoSlopeFold} of leaky ReLU and the like,
 *     {@link io.github.djlspectral.layers.isometry.HouseholderActivation} of angles that are
 *     learnt</td>
 *     <td>{@link io.github.djlspectral.layers.isometry.OrthogonalLinear} Q x + b</td></tr>
 * <tr><td>images [B, c, H, W]</td>
 *     <td>{@link io.github.djlspectral.layers.isometry.ConvolutionFold} x - 2 K^T relu(K x + b)</td>
 *     <td>{@link io.github.djlspectral.layers.isometry.OrthogonalConvolution} K x + b</td></tr>
 * <tr><td>both</td>
 *     <td>{@link io.github.djlspectral.layers.isometry.FixedIsometry}, without parameters: absolute
 *     values, MaxMin, GroupSort, space to depth, ..</td>
 *     <td>{@link io.github.djlspectral.layers.isometry.FixedIsometry}: concatenated ReLU; maximum and
 *     scaled pooling</td></tr>
 * <tr><td>a subspace of [.., n]</td>
 *     <td>{@link io.github.djlspectral.layers.isometry.PersistentFold}, an ordinary ReLU layer on
 *     the rest</td><td></td></tr>
 * </table>
 */
package io.github.djlspectral.layers.isometry;
