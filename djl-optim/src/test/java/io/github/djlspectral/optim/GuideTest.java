package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The snippets of the module's guide, which are cut out of this file. */
class GuideTest {

    private static final int SAMPLES = 64;

    @TempDir private Path folder;

    private static Block perceptron() {
        return new SequentialBlock()
                .add(Linear.builder().setUnits(16).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(16).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(2).build());
    }

    /** Which of two features is larger. */
    private static Dataset comparisons(NDManager manager) {
        NDArray inputs = manager.randomNormal(new Shape(SAMPLES, 8));
        NDArray labels = inputs.get(":, 0").gt(inputs.get(":, 1")).toType(DataType.INT64, false);
        return new ArrayDataset.Builder()
                .setData(inputs)
                .optLabels(labels)
                .setSampling(16, true)
                .build();
    }

    @Test
    void aLoopOfYourOwn() throws IOException, TranslateException {
        Block block = perceptron();
        Path state = folder.resolve("optimizer.safetensors");
        int epochs = 30;
        // snippet: own-loop
        ParameterRouting routing = ParameterRouting.of(block).withFallback("01Linear_.*");
        WarmupCosineTracker rate =
                WarmupCosineTracker.builder()
                        .setBaseValue(0.02f)
                        .setWarmupSteps(20)
                        .setTotalSteps(4 * epochs)
                        .build();
        Muon muon = Muon.builder().optRouting(routing).optLearningRateTracker(rate).build();
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss()).optOptimizer(muon);
        // end
        try (Model model = Model.newInstance("guide", "PyTorch");
                muon) {
            model.setBlock(block);
            model.getNDManager().getEngine().setRandomSeed(1);
            Dataset dataset = comparisons(model.getNDManager());
            float loss = Float.NaN;
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, 8));
                for (int epoch = 0; epoch < epochs; epoch++) {
                    // snippet: own-loop-step
                    for (Batch batch : trainer.iterateDataset(dataset)) {
                        try (batch;
                                GradientCollector collector = trainer.newGradientCollector()) {
                            NDList predicted = trainer.forward(batch.getData());
                            NDArray l = trainer.getLoss().evaluate(batch.getLabels(), predicted);
                            collector.backward(l);
                            loss = l.getFloat();
                        }
                        OptimizerStep.apply(trainer, muon, 1); // for trainer.step(); clips to 1
                    }
                    // end
                }
                // snippet: state
                OptimizerState.save(muon, block, state);
                OptimizerState.load(muon, block, state); // in another process, built as before
                // end
                assertThat(loss).isLessThan(0.2f);
                assertThat(muon.toTable()).contains("as asked");
            }
        }
    }

    @Test
    void otherSpectra() {
        Block block = perceptron();
        // snippet: freon
        Optimizer freon =
                Freon.builder()
                        .optExponent(2.0 / 3)
                        .optRouting(ParameterRouting.of(block))
                        .optLearningRateTracker(Tracker.fixed(0.05f))
                        .build();
        // end
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Freon owner = (Freon) freon) {
            NDArray matrix = manager.randomNormal(new Shape(6, 4));
            // snippet: map
            NDArray polar = SpectralMap.polar().apply(matrix);
            NDArray cubeRoot = SpectralMap.power(1.0 / 3).apply(matrix); // (G G^T)^(-1/3) G, scaled
            // end
            assertThat(polar.square().sum().getFloat()).isCloseTo(4, within(1e-3f));
            assertThat(cubeRoot.getShape()).isEqualTo(matrix.getShape());
            assertThat(owner.getMap()).hasToString("power(0.6666666666666666)");
        }
    }
}
