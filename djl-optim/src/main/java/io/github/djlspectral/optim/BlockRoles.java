package io.github.djlspectral.optim;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.SymbolBlock;
import ai.djl.nn.convolutional.Convolution;
import ai.djl.nn.convolutional.Deconvolution;
import ai.djl.nn.core.AbstractEmbedding;
import ai.djl.nn.core.Linear;
import ai.djl.nn.core.LinearCollection;
import ai.djl.util.Pair;
import io.github.djlspectral.optim.ParameterRouting.Route;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

    private static final List<Class<?>> LAYERS =
            List.of(
                    Linear.class,
                    LinearCollection.class,
                    Convolution.class,
                    Deconvolution.class,
                    SymbolBlock.class);

    // What holds each parameter, and the end of its name: the names of its holder and its own.
    private final Map<String, Pair<Block, String>> owners = new HashMap<>();
    private final Set<Parameter> heads = new HashSet<>();

    /** Reads the roles from a block whose parameters have shapes. */
    BlockRoles(Block block) {
        visit("", block);
        for (Block layer : heads(block)) {
            List<Parameter> matrices = matrices(layer);
            heads.addAll(matrices.subList(Math.max(0, matrices.size() - 1), matrices.size()));
        }
    }

    /** Notes the owner of each parameter, the first one of those that are shared. */
    private void visit(String name, Block block) {
        for (Pair<String, Parameter> pair : block.getDirectParameters()) {
            String path = name + "." + pair.getKey();
            String end = path.substring(1 + path.lastIndexOf('.', path.lastIndexOf('.') - 1));
            owners.putIfAbsent(pair.getValue().getId(), new Pair<>(block, end));
        }
        block.getChildren().forEach(pair -> visit(pair.getKey(), pair.getValue()));
    }

    /** The layers whose output is the block's output. */
    private static Set<Block> heads(Block block) {
        Set<Block> heads = new HashSet<>();
        if (LAYERS.stream().anyMatch(layer -> layer.isInstance(block))) {
            heads.add(block);
        }
        List<Block> children = block.getChildren().values();
        if (block instanceof ParallelBlock) {
            children.forEach(child -> heads.addAll(heads(child)));
            return heads;
        }
        boolean sequential = block instanceof SequentialBlock;
        int i = children.size() - 1;
        for (boolean passed = false; i >= 0 && heads.isEmpty() && !passed; i--) {
            heads.addAll(heads(children.get(i)));
            passed = sequential && !matrices(children.get(i)).isEmpty();
        }
        for (; !sequential && i >= 0 && isBeside(children.get(i), children.get(i + 1)); i--) {
            heads.add(children.get(i));
        }
        return heads;
    }

    /** The weights with a spectrum, in the block's order. */
    private static List<Parameter> matrices(Block block) {
        return block.getParameters().values().stream()
                .filter(p -> p.getType() == Parameter.Type.WEIGHT)
                .filter(p -> shapeToFallBack(BlockParameters.shape(p)) == null)
                .toList();
    }

    /** Whether the layer cannot feed the next one. */
    private static boolean isBeside(Block layer, Block next) {
        return (next instanceof Linear || next instanceof Convolution)
                && layer.getClass() == next.getClass()
                && weight(layer).get(0) != weight(next).get(1);
    }

    private static Shape weight(Block layer) {
        return BlockParameters.shape(layer.getDirectParameters().get("weight"));
    }

    Route route(String name, Parameter parameter) {
        String reason = reasonToFallBack(name, parameter);
        if (reason != null) {
            return new Route(name, parameter, false, reason);
        }
        boolean matrix = BlockParameters.shape(parameter).dimension() == 2;
        return new Route(name, parameter, true, matrix ? "hidden matrix" : "convolution");
    }

    private String reasonToFallBack(String name, Parameter parameter) {
        if (parameter.getType() != Parameter.Type.WEIGHT) {
            return "type " + parameter.getType();
        }
        String shape = shapeToFallBack(BlockParameters.shape(parameter));
        if (shape != null) {
            return shape;
        }
        Block owner = owners.get(parameter.getId()).getKey();
        String end = owners.get(parameter.getId()).getValue();
        if (owner instanceof AbstractEmbedding || EMBEDDING.matcher(end).find()) {
            return "embedding";
        }
        if (owner instanceof LinearCollection && BlockParameters.shape(parameter).dimension() > 2) {
            return "stack of matrices";
        }
        if (heads.contains(parameter)) {
            boolean script = owner instanceof SymbolBlock;
            String last = script ? "matrix" : owner.getClass().getSimpleName();
            return "output head (last " + last + ")";
        }
        return HEAD.matcher(name).find() ? "output head" : null;
    }

    /** Why an array of this shape has no spectrum to speak of; null if it has. */
    static String shapeToFallBack(Shape shape) {
        if (shape.dimension() < 2) {
            return shape.dimension() == 0 ? "scalar" : "vector";
        }
        long rows = shape.get(0);
        if (shape.size() == 0) {
            return "empty";
        }
        if (rows == 1) {
            return "1 x n";
        }
        return rows == shape.size() ? "n x 1" : null;
    }
}
