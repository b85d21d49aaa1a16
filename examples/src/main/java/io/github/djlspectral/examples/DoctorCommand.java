package io.github.djlspectral.examples;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.util.Platform;
import ai.djl.util.Utils;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.ConvolutionFold;
import io.github.djlspectral.layers.isometry.FixedIsometry;
import io.github.djlspectral.layers.isometry.HouseholderActivation;
import io.github.djlspectral.layers.isometry.OrthogonalConvolution;
import io.github.djlspectral.layers.isometry.OrthogonalLinear;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.PersistentFold;
import io.github.djlspectral.layers.isometry.ResidualFold;
import io.github.djlspectral.layers.isometry.TwoSlopeFold;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Kaon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.TruncatedSgd;
import io.github.djlspectral.optim.extra.CautiousMuon;
import io.github.djlspectral.optim.extra.NorMuon;
import io.github.djlspectral.optim.extra.Scion;
import io.github.djlspectral.optim.extra.SinkGd;
import io.github.djlspectral.optim.extra.SphereMuon;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.torch.Bfloat16;
import io.github.djlspectral.torch.Host;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "doctor",
        description = {
            "Tells what this machine has and what was found of it, compares every kernel on a device"
                    + " with float64 on the CPU, and times the ways to compute an update.",
            "Exit code 1 if a kernel is wrong."
        })
final class DoctorCommand implements Callable<Integer> {

    private static final int RUNS = 5;

    @Option(names = "--device", description = "cpu, gpu, gpu0, gpu1, ... Default: cpu.")
    private String device = "cpu";

    @Option(names = "--side", description = "What is timed is n x n. Default: 768.")
    private int side = 768;

    @Override
    public Integer call() {
        return exitCode(checks());
    }

    int exitCode(List<Check> checks) {
        BadInputException.unless(side >= 1, "--side is %s, but must be at least 1", side);
        describe(System.out);
        Device chosen = Environment.device(device);
        boolean right = compare(checks, chosen, System.out);
        String fastest = time(chosen, System.out);
        String verdict = right ? "every kernel is right" : "A KERNEL IS WRONG: do not train there";
        String line =
                "%nOn %s %s; of the maps to the polar factor, which Muon needs, %s is the fastest.";
        System.out.println(Table.text(line, device, verdict, fastest));
        return right ? 0 : 1;
    }

    private static void describe(PrintStream out) {
        Engine engine = Engine.getEngine("PyTorch");
        Map<String, Object> facts = new LinkedHashMap<>(Environment.versions(engine));
        String folder = Utils.getEnvOrSystemProperty("PYTORCH_LIBRARY_PATH");
        Platform platform = Platform.detectPlatform("pytorch");
        String found = platform.getVersion() + " " + platform.getFlavor() + ", as DJL finds it";
        facts.put("libtorch", folder == null ? found : folder + ", by PYTORCH_LIBRARY_PATH");
        facts.put("GPUs", engine.getGpuCount() + Environment.whyNoGpu());
        facts.put("processors", Runtime.getRuntime().availableProcessors());
        facts.put("threads of an operation", JniUtils.getNumThreads());
        facts.put("bfloat16 products fast on the CPU", Bfloat16.isFast(Device.cpu()));
        facts.forEach((name, value) -> out.println(Table.text("%-34s%s", name, value)));
    }

    /**
     * A kernel, the largest relative difference that is right, and what it computes: the same on
     * all devices and in all precisions but for rounding.
     */
    record Check(String name, double limit, BiFunction<NDManager, DataType, NDList> work) {}

    private static Check map(double limit, SpectralMap map) {
        BiFunction<NDManager, DataType, NDList> work =
                (manager, type) -> new NDList(map.apply(normal(manager, type, 1, 128, 288)));
        return new Check(map.toString(), limit, work);
    }

    /** Of two steps; not of Soap, for whose bases rounding decides among equal eigenvalues. */
    private static Check steps(String name, double limit, Supplier<StatefulOptimizer> optimizer) {
        return new Check(
                name + ", 2 steps",
                limit,
                (manager, type) -> {
                    try (StatefulOptimizer made = optimizer.get()) {
                        NDArray w = normal(manager, type, 1, 288, 128);
                        made.update("w", w, normal(manager, type, 2, 288, 128));
                        made.update("w", w, normal(manager, type, 3, 288, 128));
                        return new NDList(w.sub(normal(manager, type, 1, 288, 128)));
                    }
                });
    }

    private static Check layer(String name, Supplier<Block> layer, long... input) {
        return new Check(
                name + " and gradients",
                1e-4,
                (manager, type) -> {
                    Block block = layer.get();
                    NDArray x = normal(manager, type, 1, input);
                    NDList unit = new NDList(x.div(x.norm(new int[] {-1}, true))); // for a flow
                    return gradients(block, x, store -> block.forward(store, unit, true).head());
                });
    }

    private static NDList gpt2(NDManager manager, DataType type) {
        Gpt2 gpt2 = Gpt2.builder().setConfig(new Gpt2Config(67, 12, 2, 2, 16, 0, true)).build();
        NDArray like = manager.zeros(new Shape(2, 12), type);
        long[] tokens = new Random(1).longs(2 * 13, 0, 67).toArray();
        NDArray x = Host.create(manager, Arrays.copyOf(tokens, 24), like.getShape());
        NDArray y = Host.create(manager, Arrays.copyOfRange(tokens, 2, 26), like.getShape());
        return gradients(gpt2, like, store -> gpt2.loss(store, x, y, true));
    }

    static List<Check> checks() {
        List<Check> checks = new ArrayList<>();
        checks.add(map(1e-3, SpectralMap.newtonSchulz()));
        checks.add(map(0.05, SpectralMap.polar()));
        checks.add(map(0.02, SpectralMap.polar(false)));
        for (double exponent : new double[] {0.25, 0.5, 0.75}) {
            checks.add(map(5e-3, SpectralMap.power(exponent)));
            checks.add(map(5e-3, SpectralMap.power(exponent, 1e-3)));
        }
        checks.add(map(5e-3, SpectralMap.chaotic(5)));
        checks.add(map(1e-3, SpectralMap.randomSpectrum(0.5, 1.5, 1)));
        checks.add(map(1e-3, SpectralMap.truncated(0.1)));
        checks.add(steps("Muon", 0.02, Muon.builder()::build));
        for (Freon.Method way : Freon.Method.values()) {
            Freon.Builder freon = Freon.builder().optMethod(way);
            checks.add(steps("Freon by " + way, 5e-3, freon::build));
        }
        checks.add(steps("Kaon", 5e-3, Kaon.builder()::build));
        checks.add(steps("TruncatedSgd", 5e-3, TruncatedSgd.builder()::build));
        checks.add(steps("NorMuon", 0.02, NorMuon.builder()::build));
        checks.add(steps("CautiousMuon", 0.1, CautiousMuon.builder()::build));
        checks.add(steps("SphereMuon", 0.02, SphereMuon.builder()::build));
        checks.add(steps("Scion", 0.02, Scion.builder()::build));
        checks.add(steps("SinkGd", 1e-3, SinkGd.builder()::build));
        checks.add(steps("DecoupledAdamW", 1e-3, DecoupledAdamW.builder()::build));
        long[] vectors = {5, 12};
        for (Parametrization way : Parametrization.values()) {
            ResidualFold.Builder fold = ResidualFold.builder().setWidth(12).optParametrization(way);
            checks.add(layer("ResidualFold, " + way, fold::build, vectors));
        }
        checks.add(layer("AbsFold", AbsFold.builder().setWidth(12)::build, vectors));
        TwoSlopeFold.Builder slopes = TwoSlopeFold.builder().setWidth(12).setSlopes(0.1, 1);
        checks.add(layer("TwoSlopeFold", slopes::build, vectors));
        OrthogonalLinear.Builder linear = OrthogonalLinear.builder().setUnits(9);
        checks.add(layer("OrthogonalLinear", linear::build, vectors));
        checks.add(layer("HouseholderActivation", HouseholderActivation::new, vectors));
        PersistentFold.Builder persistent = PersistentFold.builder().setWidth(12).setDirections(3);
        checks.add(layer("PersistentFold", persistent::build, vectors));
        checks.add(layer("GroupSort", () -> FixedIsometry.groupSort(4), vectors));
        long[] images = {2, 4, 6, 6};
        ConvolutionFold.Builder folds = ConvolutionFold.builder().setChannels(4).setKernel(3);
        checks.add(layer("ConvolutionFold", folds::build, images));
        OrthogonalConvolution.Builder torus = OrthogonalConvolution.builder().setChannels(4);
        checks.add(layer("OrthogonalConvolution", torus.setFilters(4).setKernel(3)::build, images));
        AttentionFlow.Builder flow = AttentionFlow.builder().setDimension(8).setHeads(2);
        checks.add(layer("AttentionFlow", flow.setSteps(3).setStepSize(0.1)::build, 2, 7, 8));
        checks.add(new Check("Gpt2's loss and gradients", 1e-4, DoctorCommand::gpt2));
        return checks;
    }

    private static NDArray normal(NDManager manager, DataType type, int seed, long... shape) {
        Random random = new Random(seed);
        double[] values = random.doubles(new Shape(shape).size(), -2, 2).toArray();
        return manager.create(values, new Shape(shape)).toType(type, true);
    }

    /** Returns an output and its parameters' gradients, at values by the parameters' order. */
    private static NDList gradients(
            Block block, NDArray like, Function<ParameterStore, NDArray> forward) {
        NDManager manager = like.getManager();
        DataType type = like.getDataType();
        block.initialize(manager, type, like.getShape());
        NDList trained = new NDList();
        for (Parameter parameter : block.getParameters().values()) {
            NDArray array = parameter.getArray();
            long[] shape = array.getShape().getShape();
            normal(manager, type, trained.size() + 5, shape).mul(0.3).copyTo(array);
            if (parameter.requiresGradient()) {
                array.setRequiresGradient(true);
                trained.add(array);
            }
        }
        NDList results = new NDList();
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            NDArray y = forward.apply(new ParameterStore(manager, false));
            if (!trained.isEmpty()) {
                collector.backward(y.mul(normal(manager, type, 2, y.getShape().getShape())).sum());
            }
            results.add(y.duplicate());
        }
        trained.forEach(array -> results.add(array.getGradient()));
        return results;
    }

    /** Prints a line for each check; returns whether all are right. */
    static boolean compare(List<Check> checks, Device device, PrintStream out) {
        boolean right = true;
        Table table = new Table("kernel", "off float64 on the CPU by", "at most", "");
        for (Check check : checks) {
            double error = error(check, device);
            boolean good = error <= check.limit();
            right &= good;
            String off = Table.text("%.1e", error);
            String limit = Table.text("%.0e", check.limit());
            table.add(check.name(), off, limit, good ? "right" : "WRONG");
        }
        out.println();
        table.markdown().forEach(out::println);
        return right;
    }

    /** The largest difference of an array, relative to it, in the Frobenius norm; NaN with one. */
    private static double error(Check check, Device device) {
        Engine engine = Engine.getEngine("PyTorch");
        try (NDManager exact = engine.newBaseManager(Device.cpu());
                NDManager manager = engine.newBaseManager(device)) {
            NDList expected = check.work().apply(exact, DataType.FLOAT64);
            NDList found = check.work().apply(manager, DataType.FLOAT32);
            double worst = 0;
            for (int i = 0; i < expected.size(); i++) {
                NDArray e = expected.get(i);
                NDArray f = found.get(i).toType(DataType.FLOAT64, true);
                NDArray difference = f.toDevice(e.getDevice(), true).sub(e);
                double off = Host.read(difference.norm(), NDArray::getDouble);
                double all = Host.read(e.norm(), NDArray::getDouble);
                worst = Math.max(worst, off / Math.max(all, Double.MIN_NORMAL));
            }
            return worst;
        }
    }

    /** Prints the times of maps; returns the fastest of the first three, to the polar factor. */
    private String time(Device chosen, PrintStream out) {
        List<SpectralMap> maps =
                List.of(
                        SpectralMap.polar(),
                        SpectralMap.polar(false),
                        SpectralMap.newtonSchulz(),
                        SpectralMap.power(2 / 3.0),
                        SpectralMap.power(2 / 3.0, 1e-3),
                        SpectralMap.truncated(0.05));
        Table table = new Table("map of " + side + " x " + side, "kernel", "ms, median of " + RUNS);
        Map<SpectralMap, Double> times = new LinkedHashMap<>();
        try (NDManager manager = Engine.getEngine("PyTorch").newBaseManager(chosen)) {
            NDArray x = normal(manager, DataType.FLOAT32, 1, side, side);
            for (SpectralMap map : maps) {
                double[] runs = new double[RUNS];
                for (int i = -1; i < RUNS; i++) { // the first compiles
                    long begin = System.nanoTime();
                    try (NDArray y = map.apply(x);
                            NDArray one = y.get(0, 0)) {
                        Host.read(one, NDArray::getFloat); // waits
                    }
                    runs[Math.max(i, 0)] = (System.nanoTime() - begin) * 1e-6;
                }
                times.put(map, Stats.median(runs));
                String kernel = map.kernel(x.getShape(), DataType.FLOAT32, chosen).toString();
                table.add(map, kernel, Table.text("%.2f", times.get(map)));
            }
        }
        out.println();
        table.markdown().forEach(out::println);
        return Collections.min(maps.subList(0, 3), Comparator.comparing(times::get)).toString();
    }
}
