package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.util.Pair;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Parameters with an optimizer of their own, see {@link ParameterRouting#withGroup}. */
class GroupsTest {

    private NDManager manager;
    private Block block;
    private Map<String, Parameter> parameters;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
        block =
                new SequentialBlock()
                        .add(Linear.builder().setUnits(5).build())
                        .add(Linear.builder().setUnits(6).build())
                        .add(Linear.builder().setUnits(4).build());
        block.initialize(manager, DataType.FLOAT64, new Shape(1, 3));
        parameters = BlockParameters.byName(block);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private ParameterRouting routing() {
        return ParameterRouting.of(block);
    }

    private static Predicate<Pair<String, Parameter>> named(String part) {
        return named -> named.getKey().contains(part);
    }

    private void step(SpectralOptimizer optimizer) {
        parameters
                .values()
                .forEach(p -> optimizer.update(p.getId(), p.getArray(), p.getArray().onesLike()));
    }

    /** A group has its own rate, momentum and decay, and its state is saved with the others'. */
    @Test
    void hasItsOwnOptimizer() {
        try (DecoupledAdamW adamW = DecoupledAdamW.builder().build();
                Muon muon =
                        Muon.builder()
                                .optRouting(routing().withGroup(named("02"), adamW))
                                .build()) {
            assertThat(muon.toTable()).contains("group of DecoupledAdamW", "group     2 arrays");
            step(muon);
            assertThat(adamW.firstState(parameters.get("02Linear_weight").getId()).step()).isOne();
            assertThat(adamW.firstState(parameters.get("01Linear_bias").getId())).isNull();
            assertThat(muon.parts()).hasSize(3).endsWith(adamW);
        }
    }

    /** As those that are asked for by withSpectral: they have no spectrum. */
    @Test
    void ofASpectralOptimizerLeavesVectorsToTheFallback() {
        try (Kaon kaon = Kaon.builder().build();
                Muon muon =
                        Muon.builder().optRouting(routing().withGroup(named("02"), kaon)).build()) {
            step(muon);
            assertThat(RoutedOptimizerTest.owned(kaon, block)).containsExactly("02Linear_weight");
            assertThat(RoutedOptimizerTest.owned((StatefulOptimizer) muon.getFallback(), block))
                    .contains("02Linear_bias");
            assertThat(muon.toTable()).containsPattern("02Linear_bias .* fallback  type BIAS");
        }
    }

    /** Nothing would ever come to the optimizer, silently. */
    @Test
    void thatIsEmptyIsRefused() {
        try (DecoupledAdamW adamW = DecoupledAdamW.builder().build();
                Kaon kaon = Kaon.builder().build()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> routing().withGroup(named("Embedding"), adamW).toTable())
                    .withMessageStartingWith(
                            "There is no parameter for withGroup of DecoupledAdamW; the names are"
                                    + " [01Linear_bias, ");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> routing().withGroup(named("bias"), kaon).toTable())
                    .withMessageContaining("parameter of rank 2 or more for withGroup of Kaon");
        }
    }

    @Test
    void overlapsWithWhatIsSaidLaterWhichWins() {
        try (DecoupledAdamW adamW = DecoupledAdamW.builder().build();
                Muon muon = Muon.builder().build()) {
            ParameterRouting grouped = routing().withGroup(named("weight"), adamW);
            String id = parameters.get("01Linear_weight").getId();
            assertThat(grouped.withSpectral("01").isSpectral(id)).isTrue();
            assertThat(grouped.withSpectral("01").find(id).group()).isNull();
            assertThat(grouped.withFallback("01").find(id).group()).isNull();
            assertThat(routing().withFallback("01").withGroup(named("01"), muon).find(id).group())
                    .isSameAs(muon);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> grouped.withFallback("weight").toTable())
                    .withMessageContaining("no parameter for withGroup of DecoupledAdamW");
        }
    }

    /** Neither as its own nor for the fallback. */
    @Test
    void doesNotCountAsSpectral() {
        try (DecoupledAdamW adamW = DecoupledAdamW.builder().build();
                Kaon inner = Kaon.builder().optRouting(routing()).build();
                Muon outer =
                        Muon.builder()
                                .optRouting(routing().withGroup(named("01"), adamW))
                                .optFallback(inner)
                                .build()) {
            assertThatIllegalStateException()
                    .as("the only matrix that the fallback would take is the group's")
                    .isThrownBy(() -> step(outer))
                    .withMessageContaining("Kaon, the fallback, has nothing to do");
            ParameterRouting all = routing().withGroup(named("weight"), adamW);
            assertThatIllegalStateException()
                    .isThrownBy(() -> all.isSpectral(parameters.get("01Linear_bias").getId()))
                    .withMessageContaining("No parameter of the block is spectral");
        }
    }

    @Test
    void ofAClosedOptimizerIsRefusedBeforeTheFirstParameterMoves() {
        Kaon kaon = Kaon.builder().build();
        ParameterRouting routing = routing().withGroup(named("02"), kaon);
        try (Muon muon = Muon.builder().optRouting(routing).build()) {
            kaon.close();
            double[] before = parameters.get("01Linear_bias").getArray().toDoubleArray();
            assertThatIllegalStateException()
                    .isThrownBy(() -> step(muon))
                    .withMessageContaining("Kaon was closed");
            assertThat(parameters.get("01Linear_bias").getArray().toDoubleArray())
                    .containsExactly(before);
        }
    }
}
