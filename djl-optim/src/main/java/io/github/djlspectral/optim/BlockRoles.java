package io.github.djlspectral.optim;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.AbstractEmbedding;
import ai.djl.nn.core.Linear;
import io.github.djlspectral.optim.ParameterRouting.Route;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;

/** What the parameters of a block are for, by the rules of {@link ParameterRouting}. */
final class BlockRoles {

    // A part of a name begins at the start, after a dot (Hugging Face) or after the number that DJL
    // puts before the names of child blocks.
    private static final String PART = "(?:^|[.\\d])";
    private static final Pattern EMBEDDING =
            Pattern.compile("(?i:embed)|" + PART + "(?:wte|wpe)(?![A-Za-z])");
    private static final Pattern HEAD =
            Pattern.compile(PART + "(?:lm_head|head|classifier)[._][^._]+$");

    private final Map<String, Block> owners;
    private final Block lastLinear;

    private BlockRoles(Map<String, Block> owners, Block lastLinear) {
        this.owners = owners;
        this.lastLinear = lastLinear;
    }

    static BlockRoles of(Block block) {
        Map<String, Block> owners = new HashMap<>();
        return new BlockRoles(owners, visit(block, owners, null));
    }

    /** Notes the owner of each parameter, depth first, and returns the last Linear so far. */
    private static Block visit(Block block, Map<String, Block> owners, Block lastLinear) {
        Block last = block instanceof Linear ? block : lastLinear;
        block.getDirectParameters().values().forEach(p -> owners.put(p.getId(), block));
        for (Block child : block.getChildren().values()) {
            last = visit(child, owners, last);
        }
        return last;
    }

    Route route(String name, Parameter parameter) {
        Shape shape = parameter.getShape();
        String reason = reasonToFallBack(name, parameter, owners.get(parameter.getId()));
        if (reason != null) {
            return new Route(name, parameter, false, reason);
        }
        return new Route(
                name, parameter, true, shape.dimension() > 2 ? "convolution" : "hidden matrix");
    }

    private String reasonToFallBack(String name, Parameter parameter, Block owner) {
        if (parameter.getType() != Parameter.Type.WEIGHT) {
            return "type " + parameter.getType();
        }
        String shape = vector(parameter.getShape());
        if (shape != null) {
            return shape;
        }
        if (owner instanceof AbstractEmbedding || EMBEDDING.matcher(name).find()) {
            return "embedding";
        }
        if (owner != null && owner == lastLinear) {
            return "output head (last Linear)";
        }
        return HEAD.matcher(name).find() ? "output head" : null;
    }

    private static String vector(Shape shape) {
        if (shape.dimension() < 2) {
            return shape.dimension() == 0 ? "scalar" : "vector";
        }
        long rows = shape.get(0);
        return rows == 1 || rows == shape.size() ? "1 x n" : null;
    }
}
