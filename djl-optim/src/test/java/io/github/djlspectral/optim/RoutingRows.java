package io.github.djlspectral.optim;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import java.util.stream.Collectors;

/** The rows of routing tables as text, and the layers of which networks are made for them. */
final class RoutingRows {

    private RoutingRows() {}

    /** One line per parameter: name, shape, route and reason. */
    static String rows(ParameterRouting routing) {
        return routing.toTable()
                .lines()
                .skip(1)
                .filter(line -> !line.startsWith("total"))
                .map(line -> line.replaceAll("\\) +\\S+ +(\\S+) +", ") $1: "))
                .map(line -> line.replaceAll(" +", " "))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    static String rows(Block block, Shape... inputs) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            block.initialize(manager, DataType.FLOAT32, inputs);
            return rows(ParameterRouting.of(block));
        }
    }

    /** The rows of weights. */
    static String weights(Block block, Shape... inputs) {
        return rows(block, inputs)
                .lines()
                .filter(row -> !row.contains(": type "))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    static Linear linear(int units) {
        return Linear.builder().setUnits(units).optBias(false).build();
    }

    static Conv2d convolution(int filters, int side) {
        return Conv2d.builder()
                .setFilters(filters)
                .setKernelShape(new Shape(side, side))
                .optPadding(new Shape(side / 2, side / 2))
                .optBias(false)
                .build();
    }
}
