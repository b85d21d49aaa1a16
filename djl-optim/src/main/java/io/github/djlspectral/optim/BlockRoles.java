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
import ai.djl.nn.core.Multiplication;
import ai.djl.nn.recurrent.GRU;
import ai.djl.nn.recurrent.LSTM;
import ai.djl.util.Pair;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
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

    private static final List<Class<?>> LAYERS =
            List.of(
                    Linear.class,
                    LinearCollection.class,
                    Convolution.class,
                    Deconvolution.class,
                    SymbolBlock.class);

    private final Map<String, Place> owners = new HashMap<>();
    private final List<Parameter> heads;

    /**
     * What holds a parameter.
     *
     * @param name the parameter's own name there
     * @param end the end of its name path: the names of its holder and its own
     */
    private record Place(Block block, String name, String end) {}

    /** Reads the roles from a block whose parameters have shapes. */
    BlockRoles(Block block) {
        visit("", block);
        heads = heads(block);
    }

    /** Notes the owner of each parameter, the first one of those that are shared. */
    private void visit(String name, Block block) {
        for (Pair<String, Parameter> pair : block.getDirectParameters()) {
            String path = name + "." + pair.getKey();
            String end = path.substring(1 + path.lastIndexOf('.', path.lastIndexOf('.') - 1));
            Place place = new Place(block, pair.getKey(), end);
            owners.putIfAbsent(pair.getValue().getId(), place);
        }
        block.getChildren().forEach(pair -> visit(pair.getKey(), pair.getValue()));
    }

    /** The weights of the layers whose output is the block's output. */
    private static List<Parameter> heads(Block block) {
        List<Parameter> heads = new ArrayList<>();
        List<Block> children = new ArrayList<>(block.getChildren().values());
        children.removeIf(child -> weights(child).isEmpty());
        if (block instanceof ParallelBlock) {
            children.forEach(child -> heads.addAll(heads(child)));
        } else if (!children.isEmpty()) {
            heads.addAll(heads(children.get(children.size() - 1)));
            if (!(block instanceof SequentialBlock)) {
                addUnread(children, heads);
            }
        } else if (LAYERS.stream().anyMatch(layer -> layer.isInstance(block))) {
            List<Parameter> own = weights(block);
            heads.addAll(own.subList(Math.max(0, own.size() - 1), own.size()));
        }
        return heads;
    }

    /**
     * Adds the heads of earlier children, of a block that does not tell which child reads which.
     */
    private static void addUnread(List<Block> children, List<Parameter> heads) {
        List<Parameter> later = new ArrayList<>();
        List<Parameter> unread = new ArrayList<>();
        for (int i = children.size() - 2; i >= 0; i--) {
            later.addAll(weights(children.get(i + 1)));
            List<Parameter> ends = heads(children.get(i));
            ends.removeIf(weight -> later.stream().anyMatch(reader -> canRead(reader, weight)));
            unread.addAll(ends);
        }
        int found;
        do { // each may have others beside it
            List<Parameter> beside = new ArrayList<>(unread);
            beside.removeIf(w -> heads.stream().noneMatch(h -> isBeside(w, h)));
            found = beside.size();
            unread.removeAll(beside);
            heads.addAll(beside);
        } while (found > 0);
    }

    /** Whether a layer fits another's output: whole, in equal parts, or a convolution's flat. */
    private static boolean canRead(Parameter reader, Parameter weight) {
        Shape in = BlockParameters.shape(reader);
        Shape out = BlockParameters.shape(weight);
        boolean flat = in.dimension() == 2 && out.dimension() > 2;
        return out.get(0) % in.get(1) == 0 || flat && in.get(1) % out.get(0) == 0;
    }

    private static boolean isBeside(Parameter weight, Parameter head) {
        Shape one = BlockParameters.shape(weight);
        Shape other = BlockParameters.shape(head);
        return one.get(0) == other.get(0) || one.get(1) == other.get(1);
    }

    /** The weights of rank 2 or more, in the block's order. */
    private static List<Parameter> weights(Block block) {
        return block.getParameters().values().stream()
                .filter(p -> p.getType() == Parameter.Type.WEIGHT)
                .filter(p -> BlockParameters.shape(p).dimension() > 1)
                .filter(p -> BlockParameters.shape(p).size() > 0)
                .toList();
    }

    Route route(String name, Parameter parameter) {
        Place place = owners.get(parameter.getId());
        Shape shape = BlockParameters.shape(parameter);
        boolean collection = place.block() instanceof LinearCollection;
        boolean stack = collection && shape.dimension() == 3;
        int blocks = shape.dimension() < 2 ? 1 : fused(place);
        if (stack) {
            blocks = Math.toIntExact(shape.get(0));
        }
        String many = blocks > 1 ? "hidden matrices" : "hidden matrix";
        String reason = shape.dimension() == 2 || stack ? many : "convolution";
        String fallback = reasonToFallBack(name, parameter);
        String why = fallback == null ? reason : fallback;
        return new Route(name, parameter, fallback == null, why, blocks, collection, null);
    }

    /** The number of matrices along the rows of a parameter. */
    private static int fused(Place place) {
        if (place.block() instanceof FusedWeights fused) {
            return fused.matrices(place.name());
        }
        return place.block() instanceof LSTM ? 4 : place.block() instanceof GRU ? 3 : 1;
    }

    private String reasonToFallBack(String name, Parameter parameter) {
        if (parameter.getType() != Parameter.Type.WEIGHT) {
            return "type " + parameter.getType();
        }
        String shape = shapeToFallBack(BlockParameters.shape(parameter));
        if (shape != null) {
            return shape;
        }
        Block owner = owners.get(parameter.getId()).block();
        String end = owners.get(parameter.getId()).end();
        if (owner instanceof AbstractEmbedding || EMBEDDING.matcher(end).find()) {
            return "embedding";
        }
        int rank = BlockParameters.shape(parameter).dimension();
        if (owner instanceof Multiplication && rank > 2
                || owner instanceof LinearCollection && rank > 3) {
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
