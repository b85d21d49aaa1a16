package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.check;

import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.util.Pair;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Decides which parameters of a block are hidden matrices, for a {@link SpectralOptimizer}, and
 * which go to its fallback. A spectral step is right where a matrix maps one hidden space to
 * another; rows of an embedding or an output head are used one by one, and vectors have no
 * spectrum.
 *
 * <p>The first rule that holds decides:
 *
 * <ol>
 *   <li>what {@link #withSpectral}, {@link #withFallback} and {@link #withGroup} said, the last one
 *       first;
 *   <li>types: only {@link ai.djl.nn.Parameter.Type#WEIGHT} can be spectral. Biases, gains and
 *       running statistics are not maps, and of type {@code OTHER} nothing is known;
 *   <li>shapes: scalars, vectors, 1 x n and n x 1 matrices (trailing dimensions flattened) and
 *       arrays without elements fall back;
 *   <li>embeddings fall back: parameters of an {@link ai.djl.nn.core.AbstractEmbedding}, and those
 *       whose own name or that of the block that holds them contains {@code embed} or is {@code
 *       wte} or {@code wpe}. In {@code embedding_tower.fc.weight} only {@code fc.weight} counts;
 *   <li>stacks of rows fall back, the weights of a {@link ai.djl.nn.core.Multiplication}, and those
 *       of a {@link ai.djl.nn.core.LinearCollection} over several axes;
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
 * <p>Some parameters hold several matrices, each of which has a spectrum of its own: those that a
 * {@link FusedWeights} block tells of, such as query, key and value of a GPT-2, the four gates of
 * an {@link ai.djl.nn.recurrent.LSTM}, the three of a {@link ai.djl.nn.recurrent.GRU}, and a
 * LinearCollection's. {@link #withBlocks} tells of others. The filters of a depthwise convolution
 * are one matrix, a row for each channel: measured, neither AdamW nor a block for each did better
 * everywhere.
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
        this.choices = choices;
    }

    /**
     * An exception from the rules.
     *
     * @param needs what there must be for it to have a say; null: nothing
     * @param counts whether it has a say in a route
     * @param group the optimizer of a group, or null
     */
    private record Choice(
            Predicate<Pair<String, Parameter>> predicate,
            UnaryOperator<Route> effect,
            String needs,
            Predicate<Route> counts,
            Optimizer group) {

        Choice {
            Objects.requireNonNull(predicate, "predicate");
        }

        /** One that changes nothing is a mistake that would train silently otherwise. */
        void requireWork(Collection<Route> routes) {
            Stream<Route> mine = routes.stream().filter(r -> predicate.test(r.named()));
            if (needs != null && mine.noneMatch(counts)) {
                List<String> names = routes.stream().map(Route::name).toList();
                throw new IllegalArgumentException(
                        "There is no %s; the names are %s".formatted(needs, names));
            }
        }
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
        String needs = "parameter of rank 2 or more whose name matches " + nameRegex;
        UnaryOperator<Route> effect = route -> route.asAsked(true);
        return with(new Choice(named(nameRegex), effect, needs, Route::isMatrix, null));
    }

    /**
     * {@return a routing that sends parameters to the spectral optimizer, by predicate} Those of
     * rank 0 and 1, or without elements, stay with the fallback.
     *
     * @param predicate tells by name path and parameter, whose {@code getShape()} is null in a
     *     TorchScript block; its array has the shape
     */
    public ParameterRouting withSpectral(Predicate<Pair<String, Parameter>> predicate) {
        return with(new Choice(predicate, route -> route.asAsked(true), null, null, null));
    }

    /**
     * {@return a routing that sends parameters to the fallback, by name; its first use throws
     * {@link IllegalArgumentException} if no parameter matches}
     *
     * @param nameRegex a regular expression to be found in the name path
     * @throws java.util.regex.PatternSyntaxException if it is not a regular expression
     */
    public ParameterRouting withFallback(String nameRegex) {
        String needs = "parameter whose name matches " + nameRegex;
        UnaryOperator<Route> effect = route -> route.asAsked(false);
        return with(new Choice(named(nameRegex), effect, needs, route -> true, null));
    }

    /**
     * {@return a routing that sends parameters to the fallback, by predicate}
     *
     * @param predicate tells by name path and parameter
     */
    public ParameterRouting withFallback(Predicate<Pair<String, Parameter>> predicate) {
        return with(new Choice(predicate, route -> route.asAsked(false), null, null, null));
    }

    /**
     * Says how many matrices lie side by side along the rows of a parameter, or along its leading
     * axis if that is as long: each is mapped on its own, as if it were a parameter. Heads of an
     * attention layer are an example: {@code withBlocks("attn.c_attn", 3 * heads)}; what is known
     * by itself is said above.
     *
     * @param nameRegex a regular expression to be found in the name path
     * @param blocks the number of matrices, at least 1; 1: it is one matrix
     * @return a routing with this exception; its first use throws {@link IllegalArgumentException}
     *     if no parameter that matches is spectral, or the rows of one cannot be divided so
     * @throws IllegalArgumentException if the number is less than 1
     * @throws java.util.regex.PatternSyntaxException if it is not a regular expression
     */
    public ParameterRouting withBlocks(String nameRegex, int blocks) {
        StatefulOptimizer.require(blocks >= 1, "blocks must be at least 1", blocks);
        String needs = "spectral parameter for withBlocks whose name matches " + nameRegex;
        UnaryOperator<Route> effect = route -> route.ofBlocks(blocks);
        return with(new Choice(named(nameRegex), effect, needs, Route::isMapped, null));
    }

    /**
     * Gives parameters an optimizer of their own, with its own rate, decay and momentum, whatever
     * the rules say. A spectral one gets only those of rank 2 or more. {@link OptimizerState} saves
     * its state with the others'.
     *
     * @param predicate tells by name path and parameter
     * @param optimizer updates them; its own routing and fallback have no say in it. It stays open
     *     when the optimizer with this routing is closed, as others may share it
     * @return a routing with this exception; its first use throws {@link IllegalArgumentException}
     *     if the group is empty, by what was said later too
     */
    public ParameterRouting withGroup(
            Predicate<Pair<String, Parameter>> predicate, Optimizer optimizer) {
        Objects.requireNonNull(optimizer, "optimizer");
        String size = optimizer instanceof SpectralOptimizer ? " of rank 2 or more" : "";
        String name = optimizer.getClass().getSimpleName();
        String needs = "parameter%s for withGroup of %s".formatted(size, name);
        Predicate<Route> counts = route -> route.group() == optimizer;
        return with(new Choice(predicate, route -> route.in(optimizer), needs, counts, optimizer));
    }

    private static Predicate<Pair<String, Parameter>> named(String regex) {
        Pattern pattern = Pattern.compile(regex);
        return named -> pattern.matcher(named.getKey()).find();
    }

    private ParameterRouting with(Choice choice) {
        List<Choice> longer = new ArrayList<>(choices);
        longer.add(choice);
        return new ParameterRouting(block, longer);
    }

    /** The optimizers of groups, each once, in the order in which they were given. */
    List<Optimizer> groups() {
        return choices.stream().map(Choice::group).filter(Objects::nonNull).distinct().toList();
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
                .filter(entry -> !entry.getValue().spectral() && entry.getValue().group() == null)
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
        BlockRoles roles = new BlockRoles(present());
        Map<String, Route> resolved = new LinkedHashMap<>();
        parameters.forEach((name, p) -> resolved.put(p.getId(), decide(roles.route(name, p))));
        choices.forEach(choice -> choice.requireWork(resolved.values()));
        if (parameters.values().stream().allMatch(Parameter::isInitialized)) {
            routes = resolved;
        }
        return resolved;
    }

    private Route decide(Route route) {
        for (Choice choice : choices) { // the last one has the last word
            if (choice.predicate.test(route.named())) {
                route = choice.effect.apply(route);
            }
        }
        return route.requireWholeBlocks();
    }

    /**
     * {@return a table of what goes where, one line per parameter in the order of names: name,
     * shape, number of elements, route and reason; then the totals}
     *
     * @throws IllegalArgumentException if an exception matches no parameter
     * @throws IllegalStateException if the shape of a parameter is not known yet
     */
    public String toTable() {
        return Route.table(routes().values());
    }
}
