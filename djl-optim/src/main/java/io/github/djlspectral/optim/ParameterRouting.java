package io.github.djlspectral.optim;

import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;

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
 *   <li>shapes: scalars, vectors and 1 x n matrices (trailing dimensions flattened) fall back;
 *   <li>embeddings fall back: parameters of DJL's embedding blocks, and names that contain {@code
 *       embed} or have a part {@code wte} or {@code wpe};
 *   <li>the output head falls back: the last {@link ai.djl.nn.core.Linear} of the block in the
 *       order of its children, and blocks named {@code lm_head}, {@code head} or {@code
 *       classifier}. Say {@link #withSpectral} if the last Linear is not a head;
 *   <li>all other matrices and convolutions are spectral.
 * </ol>
 *
 * <p>A routing may be made before the block is initialized, as a training configuration is. It
 * reads the shapes on first use and keeps what it decided. Instances are immutable and thread-safe.
 */
public final class ParameterRouting {

    private final Block block;
    private final List<Choice> choices;
    private Map<String, Route> routes;

    private ParameterRouting(Block block, List<Choice> choices) {
        this.block = block;
        this.choices = List.copyOf(choices);
    }

    /**
     * Routes the parameters of a block by the rules above.
     *
     * @param block the block that will be trained, initialized or not
     * @return the routing
     */
    public static ParameterRouting of(Block block) {
        return new ParameterRouting(block, List.of());
    }

    /**
     * Sends parameters to the spectral optimizer, by name. Those of rank 0 and 1 that match stay
     * with the fallback.
     *
     * @param nameRegex a regular expression to be found in the name path, such as {@code
     *     01Linear_weight} or {@code h.0.attn.c_attn.weight}
     * @return a routing with this exception; its first use throws {@link IllegalArgumentException}
     *     if no parameter of rank 2 or more matches
     * @throws java.util.regex.PatternSyntaxException if it is not a regular expression
     */
    public ParameterRouting withSpectral(String nameRegex) {
        return with(Choice.byName(nameRegex, true));
    }

    /**
     * Sends parameters to the spectral optimizer, by predicate. Those of rank 0 and 1 stay with the
     * fallback.
     *
     * @param predicate tells by name path and parameter
     * @return a routing with this exception
     */
    public ParameterRouting withSpectral(Predicate<Pair<String, Parameter>> predicate) {
        return with(Choice.byPredicate(predicate, true));
    }

    /**
     * Sends parameters to the fallback, by name.
     *
     * @param nameRegex a regular expression to be found in the name path
     * @return a routing with this exception; its first use throws {@link IllegalArgumentException}
     *     if no parameter matches
     * @throws java.util.regex.PatternSyntaxException if it is not a regular expression
     */
    public ParameterRouting withFallback(String nameRegex) {
        return with(Choice.byName(nameRegex, false));
    }

    /**
     * Sends parameters to the fallback, by predicate.
     *
     * @param predicate tells by name path and parameter
     * @return a routing with this exception
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
     * Tells whether a parameter goes to the spectral optimizer.
     *
     * @param parameterId the parameter's {@linkplain Parameter#getId id}
     * @return whether it is spectral
     * @throws IllegalArgumentException if the block has no such parameter, or an exception matches
     *     none
     * @throws IllegalStateException if the block is not initialized
     */
    public boolean isSpectral(String parameterId) {
        return route(parameterId).spectral();
    }

    /** The parameter with this id and its name path; null if the block has none. */
    Route find(String parameterId) {
        return routes().get(parameterId);
    }

    /** The parameters that are trained now, by name path. */
    Map<String, Parameter> trained() {
        Map<String, Parameter> trained = new LinkedHashMap<>();
        for (Route route : routes().values()) {
            if (route.parameter().requiresGradient()) {
                trained.put(route.name(), route.parameter());
            }
        }
        return trained;
    }

    private Route route(String parameterId) {
        Route route = routes().get(parameterId);
        if (route == null) {
            throw new IllegalArgumentException(
                    "Parameter "
                            + parameterId
                            + " is not one of the "
                            + routes().size()
                            + " of the block that this routing was made of; make it of the block"
                            + " that is trained");
        }
        return route;
    }

    private synchronized Map<String, Route> routes() {
        if (routes == null) {
            routes = resolve();
        }
        return routes;
    }

    private Map<String, Route> resolve() {
        Map<String, Parameter> parameters = BlockParameters.byName(block);
        choices.forEach(choice -> choice.requireMatch(parameters));
        BlockRoles roles = BlockRoles.of(block);
        Map<String, Route> resolved = new LinkedHashMap<>();
        parameters.forEach(
                (name, parameter) ->
                        resolved.put(parameter.getId(), decide(name, parameter, roles)));
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
     * Describes what goes where, one line per parameter in the order of names: name, shape, number
     * of elements, route and reason; then the totals.
     *
     * @return the table, lines ending in a line feed
     * @throws IllegalArgumentException if an exception matches no parameter
     * @throws IllegalStateException if the block is not initialized
     */
    public String toTable() {
        Collection<Route> rows = routes().values();
        List<String[]> cells = new ArrayList<>();
        cells.add(new String[] {"parameter", "shape", "elements", "route", "reason"});
        rows.forEach(row -> cells.add(row.cells()));
        for (String route : new String[] {Route.SPECTRAL, Route.FALLBACK, Route.FROZEN}) {
            List<Route> part = rows.stream().filter(row -> row.label().equals(route)).toList();
            long elements = part.stream().mapToLong(Route::elements).sum();
            cells.add(
                    new String[] {
                        "total",
                        "",
                        String.format(Locale.ROOT, "%,d", elements),
                        route,
                        part.size() + " arrays"
                    });
        }
        return align(cells);
    }

    private static String align(List<String[]> rows) {
        int[] widths = new int[rows.get(0).length];
        for (String[] row : rows) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row[i].length());
            }
        }
        String format =
                "%-" + widths[0] + "s  %-" + widths[1] + "s  %" + widths[2] + "s  %-" + widths[3]
                        + "s  %s\n";
        StringBuilder table = new StringBuilder();
        for (String[] row : rows) {
            table.append(String.format(Locale.ROOT, format, (Object[]) row));
        }
        return table.toString();
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
            return parameter.getShape().size();
        }

        String[] cells() {
            return new String[] {
                name,
                parameter.getShape().toString(),
                String.format(Locale.ROOT, "%,d", elements()),
                label(),
                reason
            };
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
            return new Choice(null, predicate, spectral);
        }

        boolean holds(Pair<String, Parameter> named) {
            boolean possible = !spectral || named.getValue().getShape().dimension() >= 2;
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
                throw new IllegalArgumentException(
                        "No parameter"
                                + (spectral ? " of rank 2 or more" : "")
                                + " has a name that matches "
                                + pattern
                                + "; the names are "
                                + parameters.keySet());
            }
        }
    }
}
