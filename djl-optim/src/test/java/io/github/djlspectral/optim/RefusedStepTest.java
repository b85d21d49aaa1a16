package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.RoutedStepTest.muon;
import static io.github.djlspectral.optim.RoutedStepTest.network;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.tracker.Tracker;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Steps that are refused: by parameter, step and value, and before anything has changed. */
class RefusedStepTest {

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    /** What clipping makes finite is found too, whichever optimizer it meets, watched or not. */
    @ParameterizedTest
    @CsvSource({
        "05Linear_weight,Infinity,-1,false", "05Linear_weight,-Infinity,-1,false",
        "05Linear_weight,NaN,-1,false", "05Linear_weight,Infinity,0.5,false",
        "05Linear_weight,-Infinity,0.5,false", "05Linear_weight,NaN,0.5,false",
        "05Linear_weight,Infinity,0.5,true", "05Linear_weight,NaN,-1,true",
        "05Linear_bias,Infinity,-1,false", "05Linear_bias,-Infinity,-1,false",
        "05Linear_bias,NaN,-1,false", "05Linear_bias,Infinity,0.5,false",
        "05Linear_bias,-Infinity,0.5,false", "05Linear_bias,NaN,0.5,false"
    })
    void nothingChangesWhereAGradientIsNotFinite(
            String name, double bad, float clip, boolean watched) {
        Block block = network(manager);
        Parameter parameter = BlockParameters.byName(block).get(name);
        NDArray weight = parameter.getArray();
        DecoupledAdamW fallback = DecoupledAdamW.builder().optClipGrad(clip).build();
        RoutedStepTest.Watcher watcher = new RoutedStepTest.Watcher();
        Muon.Builder builder =
                muon(ParameterRouting.of(block)).optFallback(fallback).optClipGrad(clip);
        try (fallback;
                Muon muon = (watched ? builder.optObserver(watcher) : builder).build()) {
            muon.update(parameter.getId(), weight, weight.onesLike());
            StatefulOptimizer owner = name.endsWith("weight") ? muon : fallback;
            double[] before = weight.toDoubleArray();
            double[] state = owner.firstState(parameter.getId()).array(0).toDoubleArray();
            double[] g = weight.onesLike().toDoubleArray();
            g[g.length - 1] = bad;
            NDArray gradient = manager.create(g, weight.getShape());
            assertThatThrownBy(() -> muon.update(parameter.getId(), weight, gradient))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("NaN or infinity at step 2");
            assertThat(weight.toDoubleArray()).containsExactly(before);
            assertThat(owner.firstState(parameter.getId()).array(0).toDoubleArray())
                    .containsExactly(state);
            assertThat(owner.firstState(parameter.getId()).step()).isEqualTo(1);
            assertThat(watcher.names).hasSize(watched ? 1 : 0);
        }
    }

    @Test
    void messagesNameTheParameter() {
        Block block = network(manager);
        Parameter parameter = BlockParameters.byName(block).get("05Linear_weight");
        NDArray weight = parameter.getArray();
        try (Muon muon = muon(ParameterRouting.of(block)).build();
                Kaon outer = Kaon.builder().optFallback(muon).build()) { // no routing of its own
            for (SpectralOptimizer optimizer : List.of(muon, outer)) {
                assertThatThrownBy(
                                () ->
                                        optimizer.update(
                                                parameter.getId(), weight, weight.mul(Double.NaN)))
                        .hasMessageContaining("05Linear_weight")
                        .message()
                        .doesNotContain(parameter.getId());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {-0.125f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void illegalRatesAndMomentaOfATrackerChangeNothing(float bad) {
        Block block = network(manager);
        ParameterRouting routing = ParameterRouting.of(block);
        Tracker rates = step -> step == 1 ? 0.1f : bad;
        DecoupledAdamW fallback = DecoupledAdamW.builder().optLearningRateTracker(rates).build();
        try (fallback;
                Muon byRate =
                        muon(routing).optLearningRateTracker(rates).optFallback(fallback).build();
                Muon byMomentum = muon(routing).optMomentumTracker(rates).build()) {
            for (String name : List.of("05Linear_weight", "05Linear_bias")) {
                assertRefused(
                        byRate, BlockParameters.byName(block).get(name), "learning rate", bad);
            }
            Parameter matrix = BlockParameters.byName(block).get("05Linear_weight");
            assertRefused(byMomentum, matrix, "momentum", bad);
        }
        try (Muon one = muon(routing).optMomentumTracker(Tracker.fixed(1)).build()) {
            NDArray weight = manager.ones(new Shape(5, 5), DataType.FLOAT64);
            Parameter matrix = BlockParameters.byName(block).get("05Linear_weight");
            assertThatThrownBy(() -> one.update(matrix.getId(), weight, weight))
                    .hasMessageContaining("[0, 1)");
        }
    }

    private static void assertRefused(Muon muon, Parameter parameter, String what, float bad) {
        NDArray weight = parameter.getArray();
        muon.update(parameter.getId(), weight, weight.onesLike());
        double[] before = weight.toDoubleArray();
        assertThatThrownBy(() -> muon.update(parameter.getId(), weight, weight.onesLike()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(what, String.valueOf(bad), "step 2");
        assertThat(weight.toDoubleArray()).containsExactly(before);
    }

    @ParameterizedTest
    @CsvSource({"-0.001,3", "-0.000001,3", "NaN,3", "Infinity,3", "-Infinity,3"})
    void aRateThatIsReallyNegativeIsRefusedByStepAndValue(float bad, int step) {
        Tracker tracker = t -> t < step ? 0.02f : bad;
        try (Muon muon = Muon.builder().optLearningRateTracker(tracker).build()) {
            for (Shape shape : List.of(new Shape(6, 4), new Shape(4))) {
                NDArray weight = manager.randomNormal(shape);
                for (int t = 1; t < step; t++) {
                    muon.update(shape.toString(), weight, manager.randomNormal(shape));
                }
                NDArray before = weight.duplicate();
                assertThatThrownBy(() -> muon.update(shape.toString(), weight, before))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContainingAll(
                                "learning rate", "was " + bad, "step " + step, "let the tracker");
                assertThat(weight).isEqualTo(before);
            }
        }
    }
}
