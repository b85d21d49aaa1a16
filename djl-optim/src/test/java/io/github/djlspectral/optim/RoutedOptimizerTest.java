package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How an optimizer learns which parameters are its own. */
class RoutedOptimizerTest {

    private static final String HIDDEN = "04Linear_weight";

    private Model model;

    @BeforeEach
    void open() {
        model = Model.newInstance("one", "PyTorch");
        model.setBlock(TinyTraining.perceptron(8));
    }

    @AfterEach
    void close() {
        model.close();
    }

    private static DefaultTrainingConfig config() {
        return new DefaultTrainingConfig(Loss.l2Loss())
                .optDevices(Engine.getInstance().getDevices(1));
    }

    /** Trains two steps as a listener; the names of what the optimizer itself has updated. */
    private Set<String> trainedBy(SpectralOptimizer optimizer) {
        TinyTraining training = new TinyTraining(model, optimizer.attachTo(config()));
        training.train(1, 2);
        training.trainer.close();
        return owned(optimizer, model.getBlock());
    }

    /** The names of the parameters that an optimizer has updated. */
    static Set<String> owned(StatefulOptimizer optimizer, Block block) {
        Set<String> names = new TreeSet<>();
        BlockParameters.byName(block)
                .forEach(
                        (name, parameter) -> {
                            if (optimizer.firstState(parameter.getId()) != null) {
                                names.add(name);
                            }
                        });
        return names;
    }

    @Test
    void findsTheBlockOfItsTrainerByItself() {
        try (Muon muon = Muon.builder().build()) {
            DefaultTrainingConfig config = config();
            assertThat(muon.attachTo(config)).isSameAs(config);
            assertThat(config.getOptimizer()).isSameAs(muon);
            assertThat(config.getTrainingListeners()).containsExactly(muon);
            assertThat(muon.toTable()).startsWith("no routing");

            assertThat(trainedBy(muon)).containsExactly("01Linear_weight", HIDDEN);
            assertThat(muon.toTable()).contains("output head (last Linear)");
        }
    }

    @Test
    void aRoutingThatWasGivenStays() {
        ParameterRouting routing =
                ParameterRouting.of(model::getBlock).withFallback("01Linear_weight");
        try (Muon muon = Muon.builder().optRouting(routing).build()) {
            assertThat(trainedBy(muon)).containsExactly(HIDDEN);
        }
    }

    @Test
    void aSpectralFallbackFindsItToo() {
        ParameterRouting routing = ParameterRouting.of(model.getBlock()).withFallback("04Linear");
        try (Muon inner = Muon.builder().build();
                Kaon outer = Kaon.builder().optRouting(routing).optFallback(inner).build()) {
            assertThat(trainedBy(outer)).containsExactly("01Linear_weight");
            assertThat(owned(inner, model.getBlock())).containsExactly(HIDDEN);
            assertThat(owned((StatefulOptimizer) inner.getFallback(), model.getBlock()))
                    .contains("06Linear_weight");
        }
    }

    @Test
    void aSpectralFallbackWithNothingToDoIsRefusedAtTheFirstStep() {
        try (TruncatedSgd inner = TruncatedSgd.builder().build();
                Muon outer = Muon.builder().optFallback(inner).build();
                TinyTraining training = new TinyTraining(model, outer.attachTo(config()))) {
            var before = training.weights();
            assertThatThrownBy(() -> training.train(1, 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("TruncatedSgd, the fallback", "Muon takes every");
            assertThat(owned(outer, model.getBlock())).isEmpty();
            assertThat(training.weights()).usingRecursiveComparison().isEqualTo(before);
        }
    }

    @Test
    void anotherModelIsRefusedByNameAndTheFirstGoesOn() {
        try (Muon muon = Muon.builder().build();
                Model other = Model.newInstance("two", "PyTorch");
                TinyTraining training = new TinyTraining(model, muon.attachTo(config()))) {
            other.setBlock(TinyTraining.perceptron(8));
            DefaultTrainingConfig config = muon.attachTo(config());
            assertThatThrownBy(() -> other.newTrainer(config))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll(
                            "Muon trains another block", "model two", "optRouting");
            training.train(1, 1);
            assertThat(owned(muon, model.getBlock())).containsExactly("01Linear_weight", HIDDEN);
        }
    }

    @Test
    void aReplacedHeadIsKnownToTheNextTrainer() {
        try (Muon muon = Muon.builder().build()) {
            trainedBy(muon);
            SequentialBlock block = (SequentialBlock) model.getBlock();
            block.removeLastBlock();
            block.add(Linear.builder().setUnits(7).build());
            block.add(Linear.builder().setUnits(TinyTraining.OUTPUTS).build());
            assertThat(trainedBy(muon)).contains(HIDDEN, "06Linear_weight");
            assertThat(owned(muon, block)).doesNotContain("07Linear_weight");
        }
    }

    @Test
    void aReplacedHeadIsKnownToARoutingThatWasGiven() {
        ParameterRouting routing =
                ParameterRouting.of(model.getBlock()).withFallback("01Linear_weight");
        try (Muon muon = Muon.builder().optRouting(routing).build()) {
            trainedBy(muon);
            SequentialBlock block = (SequentialBlock) model.getBlock();
            block.replaceLastBlock(Linear.builder().setUnits(TinyTraining.OUTPUTS).build());
            assertThat(trainedBy(muon)).containsExactly(HIDDEN);
            assertThat(owned((StatefulOptimizer) muon.getFallback(), block))
                    .contains("06Linear_weight");
            assertThatThrownBy(() -> routing.isSpectral("uid-0"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("uid-0 is not one of the 8");
        }
    }

    @Test
    void aBlockWithoutHiddenMatricesIsRefusedAtTheFirstStep() {
        model.setBlock(
                new SequentialBlock().add(Linear.builder().setUnits(TinyTraining.OUTPUTS).build()));
        try (Muon muon = Muon.builder().build();
                TinyTraining training = new TinyTraining(model, muon.attachTo(config()))) {
            var before = training.weights();
            assertThatThrownBy(() -> training.train(1, 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("No parameter of the block is spectral", "Linear");
            assertThat(training.weights()).usingRecursiveComparison().isEqualTo(before);
        }
    }

    /** Without a routing all that is known is the shape. */
    @ParameterizedTest
    @CsvSource({
        "1, 9, false",
        "9, 1, false",
        "1, 1, false",
        "0, 9, false",
        "9, 0, false",
        "2, 9, true",
        "2, 32, true",
        "2, 33, false"
    })
    void rowsColumnsAndEmptyArraysAreNoMatrices(int rows, int columns, boolean spectral) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon = Muon.builder().build()) {
            NDArray weight = manager.zeros(new Shape(rows, columns));
            Optimizer owner = muon.owner("w", weight.getShape());
            assertThat(owner).isSameAs(spectral ? muon : muon.getFallback());
        }
    }
}
