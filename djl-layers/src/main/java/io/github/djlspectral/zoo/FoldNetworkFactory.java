package io.github.djlspectral.zoo;

import ai.djl.Model;
import ai.djl.nn.Block;
import ai.djl.nn.BlockFactory;
import ai.djl.nn.SequentialBlock;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.ResidualFold;
import io.github.djlspectral.layers.isometry.TwoSlopeFold;
import java.nio.file.Path;
import java.util.Map;

/**
 * Builds a stack of equal folds, layers with an orthogonal Jacobian, from the arguments in a
 * model's metadata: {@code fold} (residual, abs or twoSlope), {@code width}, {@code depth}, {@code
 * parametrization} (a {@link Parametrization}), {@code rows} unless it is the width (not for abs),
 * and {@code slopeBelow} and {@code slopeAbove} for twoSlope. Published models name this class and
 * its arguments, so these names stay.
 */
public final class FoldNetworkFactory implements BlockFactory {

    private static final long serialVersionUID = 1L;

    /** Creates the factory; DJL does it. */
    public FoldNetworkFactory() {}

    @Override
    public Block newBlock(Model model, Path modelPath, Map<String, ?> arguments) {
        int width = new Arguments(arguments, Map.of()).integer("width");
        Arguments values = new Arguments(arguments, Map.of("rows", width));
        double numbers = (double) values.integer("depth") * values.integer("rows") * width;
        Arguments.requireFiles(modelPath, numbers);
        SequentialBlock network = new SequentialBlock();
        for (int i = 0; i < values.integer("depth"); i++) {
            network.add(fold(values));
        }
        return network;
    }

    private static Block fold(Arguments values) {
        int n = values.integer("width");
        int m = values.integer("rows");
        Parametrization way = values.constant("parametrization", Parametrization.class);
        return switch (values.text("fold")) {
            case "residual" ->
                    ResidualFold.builder().setWidth(n).optRows(m).optParametrization(way).build();
            case "abs" -> AbsFold.builder().setWidth(n).optParametrization(way).build();
            case "twoSlope" ->
                    TwoSlopeFold.builder()
                            .setWidth(n)
                            .optRows(m)
                            .setSlopes(values.real("slopeBelow"), values.real("slopeAbove"))
                            .optParametrization(way)
                            .build();
            default -> throw values.illegal("fold", "residual, abs or twoSlope");
        };
    }
}
