package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.LayerNorm;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whole steps of a routed optimizer with all its options, against the formulas in plain float64
 * arrays.
 */
class RoutedStepTest {

    private static final Tracker RATES = step -> 0.1f / step;
    private static final Tracker MOMENTA = step -> 1 - 1f / (step + 1);
    private static final Tracker FALLBACK_RATES = step -> 0.01f * step;
    private static final float DECAY = 0.25f;
    private static final float FALLBACK_DECAY = 0.125f;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    /** 40 x 2, too long for a hidden matrix by its shape; norm; 5 x 40; 5 x 5; head 3 x 5. */
    static Block network(NDManager manager) {
        Block block =
                new SequentialBlock()
                        .add(Linear.builder().setUnits(40).build())
                        .add(LayerNorm.builder().build())
                        .add(Activation::tanh)
                        .add(Linear.builder().setUnits(5).build())
                        .add(Linear.builder().setUnits(5).build())
                        .add(Linear.builder().setUnits(3).build());
        block.initialize(manager, DataType.FLOAT64, new Shape(1, 2));
        return block;
    }

    private static DecoupledAdamW adamw() {
        return DecoupledAdamW.builder()
                .optLearningRateTracker(FALLBACK_RATES)
                .optWeightDecays(FALLBACK_DECAY)
                .build();
    }

    /** All options, with rates and momenta that change from step to step. */
    static Muon.Builder muon(ParameterRouting routing) {
        return Muon.builder()
                .optLearningRateTracker(RATES)
                .optMomentumTracker(MOMENTA)
                .optWeightDecays(DECAY)
                .optRouting(routing)
                .optFallback(adamw());
    }

    /** One parameter by the formulas of {@link SpectralOptimizer} and {@link DecoupledAdamW}. */
    private static final class Reference {

        private double[][] w;
        private double[][] m;
        private double[][] v;
        private double[][] lookahead;
        private final boolean decays;
        private int step;

        Reference(NDArray weight) {
            w = PlainMatrix.of(weight);
            m = new double[w.length][w[0].length];
            v = new double[w.length][w[0].length];
            decays = weight.getShape().dimension() >= 2;
        }

        void muonStep(double[][] g, boolean nesterov) {
            double mu = MOMENTA.getNewValue(++step);
            double rate = RATES.getNewValue(step);
            m = PlainMatrix.sum(mu, m, 1 - mu, g);
            lookahead = nesterov ? PlainMatrix.sum(mu, m, 1 - mu, g) : m;
            double scale = Math.sqrt(Math.max(1, (double) w.length / w[0].length));
            w = PlainMatrix.sum(1 - rate * DECAY, w, -rate * scale, PlainMatrix.polar(lookahead));
        }

        void adamwStep(double[][] g) {
            double rate = FALLBACK_RATES.getNewValue(++step);
            double beta1 = 0.9f;
            double beta2 = 0.999f;
            for (int i = 0; i < w.length; i++) {
                for (int j = 0; j < w[i].length; j++) {
                    w[i][j] -= decays ? rate * FALLBACK_DECAY * w[i][j] : 0;
                    m[i][j] = beta1 * m[i][j] + (1 - beta1) * g[i][j];
                    v[i][j] = beta2 * v[i][j] + (1 - beta2) * g[i][j] * g[i][j];
                    double root = Math.sqrt(v[i][j] / (1 - Math.pow(beta2, step)));
                    w[i][j] -= rate * m[i][j] / (1 - Math.pow(beta1, step)) / (root + 1e-8f);
                }
            }
        }
    }

    private static double[][] scaledAndClamped(double[][] g, double factor, double limit) {
        double[][] h = PlainMatrix.sum(factor, g, 0, g);
        for (double[] row : h) {
            for (int j = 0; j < row.length; j++) {
                row[j] = Math.max(-limit, Math.min(limit, row[j]));
            }
        }
        return h;
    }

    private static void assertClose(NDArray actual, double[][] expected, String name) {
        assertThat(actual.toDoubleArray())
                .as(name)
                .containsExactly(PlainMatrix.flat(expected), within(1e-9));
    }

    /** The rules, and their opposite for two matrices. */
    @ParameterizedTest
    @CsvSource({"false,true", "false,false", "true,true"})
    void everyParameterGetsTheStepOfItsRouteAtTheRateAndMomentumOfTheStep(
            boolean swapped, boolean nesterov) {
        Block block = network(manager);
        ParameterRouting routing = ParameterRouting.of(block);
        Set<String> spectral = Set.of("01Linear_weight", "04Linear_weight", "05Linear_weight");
        if (swapped) {
            routing = routing.withFallback("04Linear").withSpectral("06Linear_weight");
            spectral = Set.of("01Linear_weight", "05Linear_weight", "06Linear_weight");
        }
        Map<String, Parameter> parameters = BlockParameters.byName(block);
        Map<String, Reference> references = new HashMap<>();
        parameters.forEach((name, p) -> references.put(name, new Reference(p.getArray())));
        Random random = new Random(3);
        try (DecoupledAdamW fallback = adamw();
                Muon muon = muon(routing).optNesterov(nesterov).optFallback(fallback).build()) {
            for (int step = 1; step <= 4; step++) {
                for (Map.Entry<String, Parameter> entry : parameters.entrySet()) {
                    NDArray weight = entry.getValue().getArray();
                    Reference reference = references.get(entry.getKey());
                    double[][] g =
                            PlainMatrix.gaussian(random, reference.w.length, reference.w[0].length);
                    if (spectral.contains(entry.getKey())) {
                        reference.muonStep(g, nesterov);
                    } else {
                        reference.adamwStep(g);
                    }
                    NDArray gradient = manager.create(PlainMatrix.flat(g), weight.getShape());
                    muon.update(entry.getValue().getId(), weight, gradient);
                    assertClose(weight, reference.w, entry.getKey() + " at step " + step);
                }
            }
        }
    }

    /** Keeps what it sees last, and all the names. */
    static final class Watcher implements UpdateObserver {

        final List<String> names = new ArrayList<>();
        private double[][] momentum;
        private double[][] update;

        @Override
        public boolean wants(int step) {
            return true;
        }

        @Override
        public void observe(
                String parameter, int step, int blocks, NDArray momentum, NDArray update) {
            names.add(parameter + " " + step);
            this.momentum = PlainMatrix.of(momentum);
            this.update = PlainMatrix.of(update);
        }
    }

    static Stream<Arguments> builders() {
        Stream<Named<Supplier<SpectralOptimizer.Builder<?>>>> named =
                Stream.of(
                        Named.of("muon", Muon::builder),
                        Named.of("freon", Freon::builder),
                        Named.of("kaon", Kaon::builder),
                        Named.of("kaon, drawn", () -> Kaon.builder().optRandomSpectrum(5)),
                        Named.of("truncated sgd", TruncatedSgd::builder));
        return named.flatMap(
                builder -> Stream.of(true, false).map(nesterov -> Arguments.of(builder, nesterov)));
    }

    /** With rescaling and clipping: the gradient that enters is not the one given. */
    @ParameterizedTest
    @MethodSource("builders")
    void theObserverSeesWhatMovesTheWeight(
            Supplier<SpectralOptimizer.Builder<?>> builders, boolean nesterov) {
        Block block = network(manager);
        Parameter parameter = BlockParameters.byName(block).get("05Linear_weight");
        NDArray weight = parameter.getArray();
        Reference reference = new Reference(weight);
        Random random = new Random(4);
        Watcher watcher = new Watcher();
        SpectralOptimizer.Builder<?> builder = builders.get();
        builder.optLearningRateTracker(RATES);
        builder.optMomentumTracker(MOMENTA);
        builder.optWeightDecays(DECAY);
        builder.optRouting(ParameterRouting.of(block));
        builder.optObserver(watcher);
        builder.setRescaleGrad(0.5f);
        builder.optClipGrad(0.4f);
        builder.optNesterov(nesterov);
        try (StatefulOptimizer optimizer = built(builder)) {
            for (int step = 1; step <= 3; step++) {
                double[][] g = PlainMatrix.gaussian(random, 5, 5);
                double[][] before = PlainMatrix.of(weight);
                reference.muonStep(scaledAndClamped(g, 0.5, 0.4f), nesterov);
                NDArray gradient = manager.create(PlainMatrix.flat(g), weight.getShape());
                optimizer.update(parameter.getId(), weight, gradient);
                assertThat(PlainMatrix.flat(watcher.momentum))
                        .containsExactly(PlainMatrix.flat(reference.lookahead), within(1e-12));
                double rate = RATES.getNewValue(step);
                double[][] moved = PlainMatrix.sum(1 - rate * DECAY, before, -rate, watcher.update);
                assertThat(weight.toDoubleArray())
                        .containsExactly(PlainMatrix.flat(moved), within(1e-9));
                if (optimizer instanceof Muon) {
                    assertClose(weight, reference.w, "step " + step);
                }
            }
        }
        assertThat(watcher.names)
                .containsExactly("05Linear_weight 1", "05Linear_weight 2", "05Linear_weight 3");
    }

    static StatefulOptimizer built(StatefulOptimizer.Builder<?> builder) {
        if (builder instanceof DecoupledAdamW.Builder adamW) {
            return adamW.build();
        } else if (builder instanceof Muon.Builder muon) {
            return muon.build();
        } else if (builder instanceof Freon.Builder freon) {
            return freon.build();
        } else if (builder instanceof Kaon.Builder kaon) {
            return kaon.build();
        }
        return ((TruncatedSgd.Builder) builder).build();
    }

    @Test
    void closeFreesTheStateOfTheOptimizerAndOfItsDefaultFallback() {
        Block block = network(manager);
        List<NDArray> state = new ArrayList<>();
        try (Muon muon = Muon.builder().optRouting(ParameterRouting.of(block)).build()) {
            for (Parameter parameter : BlockParameters.byName(block).values()) {
                NDArray weight = parameter.getArray();
                muon.update(parameter.getId(), weight, weight.onesLike());
                for (StatefulOptimizer part : muon.parts()) {
                    for (int k = 0; k < part.states(new Shape(1, 1), null).size(); k++) {
                        if (part.firstState(parameter.getId()) != null) {
                            state.add(part.firstState(parameter.getId()).array(k));
                        }
                    }
                }
            }
            assertThat(state).hasSize(3 + 2 * 7).allMatch(array -> array.getManager().isOpen());
        }
        assertThat(state).noneMatch(array -> array.getManager().isOpen());
    }

    @Test
    void aScopeAroundAStepFreesNeitherStateNorWeight() {
        Block block = network(manager);
        Map<String, Parameter> parameters = BlockParameters.byName(block);
        try (Muon muon = muon(ParameterRouting.of(block)).build()) {
            for (String name : List.of("05Linear_weight", "05Linear_bias")) {
                NDArray weight = parameters.get(name).getArray();
                Reference reference = new Reference(weight);
                for (int step = 1; step <= 3; step++) {
                    double[][] g =
                            PlainMatrix.gaussian(
                                    new Random(step), reference.w.length, reference.w[0].length);
                    try (NDArray gradient = manager.create(PlainMatrix.flat(g), weight.getShape());
                            NDScope scope = new NDScope()) {
                        scope.suppressNotUsedWarning();
                        muon.update(parameters.get(name).getId(), weight, gradient);
                    }
                    if (name.endsWith("weight")) {
                        reference.muonStep(g, true);
                    } else {
                        reference.adamwStep(g);
                    }
                    assertClose(weight, reference.w, name);
                }
            }
        }
    }
}
