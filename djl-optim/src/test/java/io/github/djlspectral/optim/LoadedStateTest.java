package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.OptimizerStateTest.adamw;
import static io.github.djlspectral.optim.OptimizerStateTest.states;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** States that were read and not yet used, and steps that begin after one that failed. */
class LoadedStateTest {

    private static final Device NOWHERE = Device.of("nowhere", 1);

    @TempDir private Path directory;

    private Path saved(TinyTraining tiny, DecoupledAdamW optimizer, String name)
            throws IOException {
        Path file = directory.resolve(name);
        OptimizerState.save(optimizer, tiny.block(), file);
        return file;
    }

    @Test
    void anUnusedStateIsReplacedByALaterFileAndDroppedByRetain() throws IOException {
        try (DecoupledAdamW part = adamw();
                TinyTraining frozen = new TinyTraining(part);
                DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer)) {
            tiny.train(1, 2);
            Path all = saved(tiny, optimizer, "all");
            BlockParameters.byName(frozen.block()).get("01Linear_weight").freeze(true);
            frozen.train(1, 1);
            Path some = saved(frozen, part, "some");
            OptimizerState.load(optimizer, tiny.block(), all);
            OptimizerState.load(optimizer, tiny.block(), some);
            Parameter absent = BlockParameters.byName(tiny.block()).get("01Linear_weight");
            assertThat(optimizer.firstState(absent.getId())).isNull();
            tiny.train(3, 3);
            assertThat(optimizer.firstState(absent.getId()).step()).isEqualTo(1);

            OptimizerState.load(optimizer, tiny.block(), all);
            assertThatThrownBy(() -> saved(frozen, optimizer, "other"))
                    .hasMessageContaining("8 parameters that this block does not have");
            OptimizerState.retain(optimizer, frozen.block());
            assertThat(optimizer.firstState(absent.getId())).isNull();
            saved(frozen, optimizer, "other");
        }
    }

    @Test
    void retainDropsTheStatesOfTheFallbackToo() {
        try (Muon muon = Muon.builder().build();
                TinyTraining tiny = new TinyTraining(muon);
                TinyTraining other = new TinyTraining(adamw())) {
            tiny.train(1, 1);
            OptimizerState.retain(muon, other.block());
            for (Parameter parameter : BlockParameters.byName(tiny.block()).values()) {
                assertThat(muon.parts())
                        .allMatch(part -> part.firstState(parameter.getId()) == null);
            }
        }
    }

    /** The engine has no such device: what tries to go there fails. */
    @Test
    void anUnusedStateGoesToTheDeviceThatAsksFirstAndToNoOther() throws IOException {
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer)) {
            tiny.train(1, 3);
            OptimizerState.load(optimizer, tiny.block(), saved(tiny, optimizer, "state"));
            Parameter first = BlockParameters.byName(tiny.block()).get("01Linear_weight");
            assertThat(optimizer.state(first.getId(), first.getArray()).step()).isEqualTo(3);
            assertThatThrownBy(() -> optimizer.state(first.getId(), elsewhere(first.getArray())))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("resumed on one device only");
            Parameter second = BlockParameters.byName(tiny.block()).get("04Linear_weight");
            assertThatThrownBy(() -> optimizer.state(second.getId(), elsewhere(second.getArray())))
                    .isNotInstanceOf(IllegalStateException.class);
        }
    }

    private static NDArray elsewhere(NDArray array) {
        return (NDArray)
                Proxy.newProxyInstance(
                        NDArray.class.getClassLoader(),
                        new Class<?>[] {NDArray.class},
                        (proxy, method, arguments) ->
                                method.getName().equals("getDevice")
                                        ? NOWHERE
                                        : method.invoke(array, arguments));
    }

    @Test
    void aStateFitsOneShapeAndOneType() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            ParameterState state =
                    new ParameterState(
                            manager.zeros(new Shape(2, 3)), 1, manager.zeros(new Shape(2, 3)));
            assertThat(state.fits(manager.ones(new Shape(2, 3)))).isTrue();
            assertThat(state.fits(manager.ones(new Shape(3, 2)))).isFalse();
            assertThat(state.fits(manager.ones(new Shape(2, 3), DataType.FLOAT64))).isFalse();
        }
    }

    /** What was found finite before a failure is looked at again after it. */
    @Test
    void aStepThatFailsOnTheWayEndsItsRound() {
        try (Model model = Model.newInstance("routed", "PyTorch")) {
            model.setBlock(TinyTraining.perceptron(8));
            String[] failing = new String[1];
            try (Muon muon =
                            Muon.builder()
                                    .optRouting(ParameterRouting.of(model.getBlock()))
                                    .optLearningRateTracker(
                                            (id, step) -> id.equals(failing[0]) ? -1 : 0.1f)
                                    .build();
                    TinyTraining tiny = new TinyTraining(model, muon)) {
                List<Parameter> matrices =
                        Stream.of("01Linear_weight", "04Linear_weight")
                                .map(BlockParameters.byName(tiny.block())::get)
                                .toList();
                failing[0] = matrices.get(1).getId();
                tiny.backward(1);
                TinyTraining.update(muon, matrices.get(0));
                assertThatThrownBy(() -> TinyTraining.update(muon, matrices.get(1)))
                        .hasMessageContaining("learning rate");
                tiny.poison("06Linear_weight", Float.NaN);
                Parameter bias = BlockParameters.byName(tiny.block()).get("06Linear_bias");
                float[] before = bias.getArray().toFloatArray();
                assertThatThrownBy(() -> TinyTraining.update(muon, bias))
                        .hasMessageContaining("06Linear_weight contains NaN or infinity");
                assertThat(bias.getArray().toFloatArray()).containsExactly(before);
            }
        }
    }

    @Test
    void aRunContinuesOnOneDeviceAndTheFirstOneIsSaved() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                DecoupledAdamW optimizer = adamw()) {
            NDArray w = manager.ones(new Shape(3));
            ParameterState zero = new ParameterState(w, 4);
            ParameterState one = new ParameterState(w, 5);
            assertThat(ParameterStates.first(Map.of(Device.gpu(1), one, Device.gpu(0), zero)))
                    .containsSame(zero);
            NDArray elsewhere = elsewhere(w);
            optimizer.update("w", w, w);
            // as on two devices from the start: it tries to, and this engine has no such device
            assertThatThrownBy(() -> optimizer.state("w", elsewhere))
                    .isNotInstanceOf(IllegalStateException.class);
            optimizer.update("w", w, w);
            assertThatThrownBy(() -> optimizer.state("w", elsewhere))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(
                            "lies on [" + w.getDevice() + "] and has made more than one step")
                    .hasMessageContaining("not on nowhere(1)");
        }
    }

    @Test
    void aScopeAroundTheLoadingFreesNothing() throws IOException {
        try (DecoupledAdamW first = adamw();
                TinyTraining tiny = new TinyTraining(first);
                DecoupledAdamW second = adamw();
                TinyTraining other = new TinyTraining(second)) {
            tiny.train(1, 2);
            Path file = saved(tiny, first, "state");
            List<Object> states = states(first, tiny.block());
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                OptimizerState.load(second, other.block(), file);
            }
            assertThat(states(second, other.block())).containsExactlyElementsOf(states);
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                OptimizerState.load(second, other.block(), file);
                other.train(3, 3);
            }
            assertThat(second.states.ids()).hasSize(8);
            other.train(4, 4);
        }
    }
}
