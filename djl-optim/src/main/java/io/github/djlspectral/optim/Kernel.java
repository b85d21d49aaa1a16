package io.github.djlspectral.optim;

import io.github.djlspectral.torch.TorchScript;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A native computation of a {@link SpectralMap}: a TorchScript file and the numbers it is called
 * with. The file defines one function of a batch X of matrices, {@code [batch, k, n]} with k at
 * most n, float32 or float64, and of their Frobenius norms, {@code [batch, 1, 1]}, none of them
 * zero:
 *
 * <pre>
 * def mapped(X: Tensor, norms: Tensor, numbers: List[float]) -&gt; Tensor:
 *   return torch.div(X, norms)
 * </pre>
 *
 * <p>Matrices of very small or very large norm come on another scale, so that products of them are
 * in the range of float32: a map whose result depends on the scale says {@code def in_range(G:
 * Tensor, norms: Tensor) -&gt; Tuple[Tensor, Tensor]: return G, norms}.
 *
 * <p>It returns the mapped matrices in the shape and type of X, which it may overwrite, or throws.
 * Defined as {@code factors}, it returns a tuple {@code (R, X)} instead, whose product {@code R X}
 * then goes straight into the weight. Functions of {@code matrix.py} are at hand as {@code
 * __torch__.name}. The dialect is that of serialized TorchScript, see {@link TorchScript}.
 *
 * <p>The file is compiled with the optimizer's step around it, once per device, on first use.
 * Immutable and thread-safe.
 */
public final class Kernel {

    private static final Map<String, String> OWN = new ConcurrentHashMap<>();
    private static final Map<List<String>, TorchScript> SCRIPTS = new ConcurrentHashMap<>();

    private final String name;
    private final String source;
    private final double[] numbers;
    private final int each; // the numbers of one matrix; 0: they are those of every matrix

    private Kernel(String name, String source, int each, double... numbers) {
        this.each = each;
        this.name = name;
        this.source = source;
        this.numbers = numbers;
    }

    /**
     * Reads a computation from a resource.
     *
     * @param owner the class beside which the file lies
     * @param file the name of the file, such as {@code cubic.py}
     * @param numbers what it is called with
     * @return the computation, not yet compiled
     * @throws java.io.UncheckedIOException if there is no such resource or it cannot be read
     * @throws IllegalArgumentException if it defines neither {@code mapped} nor {@code factors}
     */
    public static Kernel of(Class<?> owner, String file, double... numbers) {
        String source = TorchScript.source(owner, file);
        if (!source.contains("def mapped(") && !source.contains("def factors(")) {
            throw new IllegalArgumentException(
                    "%s beside %s must define a function mapped(X, norms, numbers) or factors(X, norms, numbers)"
                            .formatted(file, owner.getName()));
        }
        return new Kernel(file.replaceFirst("\\.py$", ""), source, 0, numbers.clone());
    }

    /** One of this package's own. */
    static Kernel named(String name, double... numbers) {
        String file = name + ".py";
        boolean power = name.startsWith("power_");
        String source = OWN.computeIfAbsent(name, n -> power ? own("power.py", file) : own(file));
        return new Kernel(name, source, 0, numbers);
    }

    /** The computation of so many matrices: one if they have the same numbers. */
    static Kernel joined(List<Kernel> all) {
        Kernel first = all.get(0);
        StatefulOptimizer.check(
                all.stream().allMatch(first::differsInNumbersOnly),
                "A map gives %s for one draw and others for other draws; only the values of the"
                        + " numbers may differ",
                first);
        if (all.stream().allMatch(k -> Arrays.equals(k.numbers, first.numbers))) {
            return first;
        }
        double[] numbers = all.stream().flatMapToDouble(k -> Arrays.stream(k.numbers)).toArray();
        return new Kernel(first.name, first.source, first.numbers.length, numbers);
    }

    private boolean differsInNumbersOnly(Kernel other) {
        return source.equals(other.source) && numbers.length == other.numbers.length;
    }

    int each() {
        return each;
    }

    double[] numbers() {
        return numbers;
    }

    String name() {
        return name;
    }

    /** Returns the step around this computation and what an optimizer adds to it. */
    TorchScript script(String hooks) {
        return SCRIPTS.computeIfAbsent(
                List.of(source, hooks),
                both ->
                        TorchScript.of(
                                hooks.isEmpty() ? name : name + " with an optimizer's hooks",
                                join(hooks)));
    }

    /** The source of the step. */
    String join(String hooks) {
        boolean changes = hooks.contains("def after_map(");
        boolean factors = source.contains("def factors(");
        return own("gradient.py", "matrix.py")
                + source
                + (source.contains("def in_range(") ? "" : own("in_range.py"))
                + (factors && changes ? own("mapped.py") : "")
                + own(factors && !changes ? "product.py" : "update.py")
                + hooks
                + own(changes ? "hooks.py" : "no_hooks.py")
                + (hooks.contains("def after_step(") ? "" : own("no_after_step.py"))
                + own("step.py");
    }

    private static String own(String... files) {
        return TorchScript.source(Kernel.class, files);
    }

    /** Returns the name of the file and how many numbers it is called with. */
    @Override
    public String toString() {
        return numbers.length == 0 ? name : name + "(" + numbers.length + ")";
    }
}
