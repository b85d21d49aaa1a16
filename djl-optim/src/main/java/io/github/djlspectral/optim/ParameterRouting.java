package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.check;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Decides which parameters of a block are hidden matrices, for a {@link SpectralOptimizer}, and
 * which go to its fallback. A spectral step is right where a matrix maps one hidden space to
 * another; rows of an embedding or an output head are used one by one, and vectors have no
 * spectrum.
 *
 * <p>The first rule that holds decides:
 *
 * <ol>
 *   <li>what {@link #withSpectral} and {@link #withFallback} said, the last one first;
 *   <li>types: only {@link ai.djl.nn.Parameter.Type#WEIGHT} can be spectral. Biases, gains and
 *       running statistics are not maps, and of type {@code OTHER} nothing is known;
 *   <li>shapes: scalars, vectors, 1 x n and n x 1 matrices (trailing dimensions flattened) and
 *       arrays without elements fall back;
 *   <li>embeddings fall back: parameters of an {@link ai.djl.nn.core.AbstractEmbedding}, and those
 *       whose own name or that of the block that holds them contains {@code embed} or is {@code
 *       wte} or {@code wpe}. In {@code embedding_tower.fc.weight} only {@code fc.weight} counts;
 *   <li>stacks of matrices or rows, the weights of a {@link ai.djl.nn.core.LinearCollection} or
 *       {@link ai.djl.nn.core.Multiplication}, fall back;
 *   <li>output heads fall back: blocks named {@code lm_head}, {@code head} or {@code classifier},
 *       and the Linear, convolution or LinearCollection whose output is the block's: the last layer
 *       with a matrix of a {@link ai.djl.nn.SequentialBlock}, of every branch of a {@link
 *       ai.djl.nn.ParallelBlock} at its end, of the last child of any other block; the last matrix
 *       of a TorchScript block at the end. Other blocks do not tell which of their children reads
 *       which: an earlier child ends with a head too if no layer of a later one has inputs that its
 *       outputs fit, as a whole, in equal parts or, of a convolution, flattened, and if it has as
 *       many inputs or outputs as another head. A block that ends with other matrices, as an
 *       LSTM's, has no head;
 *   <li>all other matrices and convolutions are spectral.
 * </ol>
 *
 * <p>Overrule what {@link #toTable} gets wrong.
 *
 * <p>A routing may be made before the block is initialized, as a training configuration is. It
 * reads the shapes on first use, and keeps what it decided once all parameters have arrays, until
 * it is asked for a parameter that the block did not have, as a replaced head's. Instances are
 * immutable and thread-safe.
 */
public final class ParameterRouting {

    private final Supplier<? extends Block> block;
    private final List<Choice> choices;
    private Map<String, Route> routes;

    private ParameterRouting(Supplier<? extends Block> block, List<Choice> choices) {
        this.block = block;
        this.choices = List.copyOf(choices);
    }

    /**
     * {@return the routing of a block's parameters by the rules above}
     *
     * @param block the block that will be trained, initialized or not
     */
    public static ParameterRouting of(Block block) {
        Objects.requireNonNull(block, "block");
        return of(() -> block);
    }

    /**
     * {@return the routing of a block that is not there yet, such as {@code model::getBlock}}
     *
     * @param block gives the block that will be trained; asked at first use, which throws {@link
     *     IllegalStateException} if it gives null
     */
    public static ParameterRouting of(Supplier<? extends Block> block) {
        return new ParameterRouting(Objects.requireNonNull(block, "block"), List.of());
    }

    /**
     * {@return a routing that sends parameters to the spectral optimizer, by name; its first use
     * throws {@link IllegalArgumentException} if no parameter of rank 2 or more matches} Those of
     * rank 0 and 1, or without elements, that match stay with the fallback.
     *
     * @param nameRegex a regular expression to be found in the name path, such as {@code
     *     01Linear_weight} or {@code h.0.attn.c_attn.weight}
     * @throws java.util.regex.PatternSyntaxException if it is not a regular expression
     */
    public ParameterRouting withSpectral(String nameRegex) {
        return with(Choice.byName(nameRegex, true));
    }

    /**
     * {@return a routing that sends parameters to the spectral optimizer, by predicate} Those of
     * rank 0 and 1, or without elements, stay with the fallback.
     *
     * @param predicate tells by name path and parameter, whose {@code getShape()} is null in a
     *     TorchScript block; its array has the shape
     */
    public ParameterRouting withSpectral(Predicate<Pair<String, Parameter>> predicate) {
        return with(Choice.byPredicate(predicate, true));
    }

    /**
     * {@return a routing that sends parameters to the fallback, by name; its first use throws
     * {@link IllegalArgumentException} if no parameter matches}
     *
     * @param nameRegex a regular expression to be found in the name path
     * @throws java.util.regex.PatternSyntaxException if it is not a regular expression
     */
    public ParameterRouting withFallback(String nameRegex) {
        return with(Choice.byName(nameRegex, false));
    }

    /**
     * {@return a routing that sends parameters to the fallback, by predicate}
     *
     * @param predicate tells by name path and parameter
     */
    public ParameterRouting withFallback(Predicate<Pair<String, Parameter>> predicate) {
        return with(Choice.byPredicate(predicate, false));
    }

    private ParameterRouting with(Choice choice) {
        List<Choice> longer = new ArrayList<>(choices);
        longer.add(choice);
        return new ParameterRouting(block, longer);
    }

    /**
     * {@return whether a parameter goes to the spectral optimizer}
     *
     * @param parameterId the parameter's {@linkplain Parameter#getId id}
     * @throws IllegalArgumentException if the block has no such parameter, or an exception matches
     *     none
     * @throws IllegalStateException if the shape of a parameter is not known yet, or none of the
     *     block's is spectral
     */
    public boolean isSpectral(String parameterId) {
        Map<String, Route> known = routes(parameterId);
        Route route = known.get(parameterId);
        if (route == null) {
            throw new IllegalArgumentException(
                    ("Parameter %s is not one of the %s of the block that this routing was made of;"
                                    + " make it of the block that is trained")
                            .formatted(parameterId, known.size()));
        }
        if (!route.spectral() && known.values().stream().noneMatch(Route::spectral)) {
            throw new IllegalStateException(
                    "No parameter of the block is spectral; say withSpectral(..) for one of these,"
                            + " or train with DecoupledAdamW alone:\n"
                            + toTable());
        }
        return route.spectral();
    }

    /** The parameter with this id and its name path; null if the block has none. */
    Route find(String parameterId) {
        return routes(parameterId).get(parameterId);
    }

    private synchronized Map<String, Route> routes(String parameterId) {
        if (routes != null && !routes.containsKey(parameterId)) {
            routes = null; // a layer was added or replaced, or it is another block's
        }
        return routes();
    }

    /** The parameters that are trained now, by name path. */
    Map<String, Parameter> trained() {
        return BlockParameters.trainable(present());
    }

    /**
     * Whether this routing leaves a parameter to the fallback that is spectral by the other one.
     */
    boolean leavesSpectral(ParameterRouting other) {
        Map<String, Route> others = other.routes();
        return routes().entrySet().stream()
                .filter(entry -> !entry.getValue().spectral())
                .map(entry -> others.get(entry.getKey()))
                .anyMatch(route -> route != null && route.spectral());
    }

    private Block present() {
        Block present = block.get();
        String fault = "The routing's supplier has no block yet; set the model's block first";
        check(present != null, fault);
        return present;
    }

    private synchronized Map<String, Route> routes() {
        if (routes != null) {
            return routes;
        }
        Map<String, Parameter> parameters = BlockParameters.shaped(present());
        choices.forEach(choice -> choice.requireMatch(parameters));
        BlockRoles roles = new BlockRoles(present());
        Map<String, Route> resolved = new LinkedHashMap<>();
        parameters.forEach((name, p) -> resolved.put(p.getId(), decide(name, p, roles)));
        if (parameters.values().stream().allMatch(Parameter::isInitialized)) {
            routes = resolved;
        }
        return resolved;
    }

    private Route decide(String name, Parameter parameter, BlockRoles roles) {
        Pair<String, Parameter> named = new Pair<>(name, parameter);
        for (int i = choices.size() - 1; i >= 0; i--) {
            if (choices.get(i).holds(named)) {
                return new Route(name, parameter, choices.get(i).spectral(), "as asked");
            }
        }
        return roles.route(name, parameter);
    }

    /**
     * {@return a table of what goes where, one line per parameter in the order of names: name,
     * shape, number of elements, route and reason; then the totals}
     *
     * @throws IllegalArgumentException if an exception matches no parameter
     * @throws IllegalStateException if the shape of a parameter is not known yet
     */
    public String toTable() {
        Collection<Route> rows = routes().values();
        List<String[]> table = new ArrayList<>();
        table.add(new String[] {"parameter", "shape", "elements", "route", "reason"});
        for (Route row : rows) {
            String shape = BlockParameters.shape(row.parameter()).toString();
            table.add(cells(row.name(), shape, row.elements(), row.label(), row.reason()));
        }
        for (String route : new String[] {Route.SPECTRAL, Route.FALLBACK, Route.FROZEN}) {
            List<Route> part = rows.stream().filter(row -> row.label().equals(route)).toList();
            long elements = part.stream().mapToLong(Route::elements).sum();
            table.add(cells("total", "", elements, route, part.size() + " arrays"));
        }
        Object[] widths = new Object[4];
        for (int i = 0; i < widths.length; i++) {
            int column = i;
            widths[i] = table.stream().mapToInt(row -> row[column].length()).max().getAsInt();
        }
        String format = String.format(Locale.ROOT, "%%-%ds  %%-%ds  %%%ds  %%-%ds  %%s\n", widths);
        return table.stream()
                .map(row -> String.format(Locale.ROOT, format, (Object[]) row))
                .collect(Collectors.joining());
    }

    private static String[] cells(
            String name, String shape, long elements, String route, String reason) {
        String count = String.format(Locale.ROOT, "%,d", elements);
        return new String[] {name, shape, count, route, reason};
    }

    /** Where one parameter goes, and why. */
    record Route(String name, Parameter parameter, boolean spectral, String reason) {

        static final String SPECTRAL = "spectral";
        static final String FALLBACK = "fallback";
        static final String FROZEN = "frozen";

        /** Read when asked: parameters may be frozen after the routing was made. */
        String label() {
            if (!parameter.requiresGradient()) {
                return FROZEN;
            }
            return spectral ? SPECTRAL : FALLBACK;
        }

        long elements() {
            return BlockParameters.shape(parameter).size();
        }
    }

    /** An exception from the rules; the pattern is null where a predicate was given. */
    private record Choice(
            Pattern pattern, Predicate<Pair<String, Parameter>> predicate, boolean spectral) {

        static Choice byName(String regex, boolean spectral) {
            Pattern pattern = Pattern.compile(regex);
            return new Choice(pattern, pair -> pattern.matcher(pair.getKey()).find(), spectral);
        }

        static Choice byPredicate(Predicate<Pair<String, Parameter>> predicate, boolean spectral) {
            return new Choice(null, Objects.requireNonNull(predicate, "predicate"), spectral);
        }

        boolean holds(Pair<String, Parameter> named) {
            Shape shape = BlockParameters.shape(named.getValue());
            boolean possible = !spectral || shape.dimension() >= 2 && shape.size() > 0;
            return possible && predicate.test(named);
        }

        /** A name that matches nothing is a mistake that would train silently otherwise. */
        void requireMatch(Map<String, Parameter> parameters) {
            if (pattern == null) {
                return;
            }
            boolean found =
                    parameters.entrySet().stream()
                            .anyMatch(e -> holds(new Pair<>(e.getKey(), e.getValue())));
            if (!found) {
                String which = spectral ? " of rank 2 or more" : "";
                throw new IllegalArgumentException(
                        "No parameter%s has a name that matches %s; the names are %s"
                                .formatted(which, pattern, parameters.keySet()));
            }
        }
    }
}
