package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.recurrent.LSTM;
import ai.djl.nn.transformer.TransformerEncoderBlock;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.loss.Loss;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every optimizer in DJL's own loop, with DJL's own blocks, at the defaults; AdamW at 0.01. */
class EasyTrainTest {

    private static final int SAMPLES = 64;
    private static final int STEPS = 5;
    private static final int FEATURES = 8;

    static Stream<Arguments> runs() {
        List<Named<Supplier<Block>>> models =
                List.of(
                        Named.of("perceptron", EasyTrainTest::perceptron),
                        Named.of("lstm", EasyTrainTest::lstm),
                        Named.of("transformer", EasyTrainTest::transformer));
        List<Named<Function<ParameterRouting, StatefulOptimizer>>> optimizers =
                List.of(
                        Named.of("muon", routing -> Muon.builder().optRouting(routing).build()),
                        Named.of("freon", routing -> Freon.builder().optRouting(routing).build()),
                        Named.of("kaon", routing -> Kaon.builder().optRouting(routing).build()),
                        Named.of(
                                "truncated sgd",
                                routing -> TruncatedSgd.builder().optRouting(routing).build()),
                        Named.of("adamw", routing -> adamw()));
        return models.stream()
                .flatMap(
                        model ->
                                optimizers.stream()
                                        .map(optimizer -> Arguments.of(model, optimizer)));
    }

    private static DecoupledAdamW adamw() {
        return DecoupledAdamW.builder().optLearningRateTracker(Tracker.fixed(0.01f)).build();
    }

    private static Block perceptron() {
        return new SequentialBlock()
                .add(Blocks.batchFlattenBlock())
                .add(Linear.builder().setUnits(24).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(24).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(2).build());
    }

    private static Block lstm() {
        return new SequentialBlock()
                .add(LSTM.builder().setStateSize(12).setNumLayers(1).build())
                .add(mean())
                .add(Linear.builder().setUnits(2).build());
    }

    private static Block transformer() {
        return new SequentialBlock()
                .add(new TransformerEncoderBlock(FEATURES, 2, 16, 0f, Activation::relu))
                .add(mean())
                .add(Linear.builder().setUnits(2).build());
    }

    private static Block mean() {
        return LambdaBlock.singleton(array -> array.mean(new int[] {1}));
    }

    @ParameterizedTest
    @MethodSource("runs")
    void theLossFalls(
            Supplier<Block> blocks, Function<ParameterRouting, StatefulOptimizer> optimizers)
            throws IOException, TranslateException {
        Engine.getEngine("PyTorch").setRandomSeed(2);
        try (Model model = Model.newInstance("easy", "PyTorch")) {
            Block block = blocks.get();
            model.setBlock(block);
            NDManager manager = model.getNDManager();
            // whether the first feature rises: a linear question, blurred by the others
            NDArray inputs = manager.randomNormal(new Shape(SAMPLES, STEPS, FEATURES));
            NDArray labels = inputs.get(":, :, 0").sum(new int[] {1}).gt(0);
            NDArray classes = labels.toType(DataType.INT64, false);
            ArrayDataset data =
                    new ArrayDataset.Builder()
                            .setData(inputs)
                            .optLabels(classes)
                            .setSampling(16, true)
                            .build();
            try (StatefulOptimizer optimizer = optimizers.apply(ParameterRouting.of(block));
                    Trainer trainer =
                            model.newTrainer(
                                    new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                            .optOptimizer(optimizer))) {
                trainer.initialize(new Shape(1, STEPS, FEATURES));
                double before = loss(trainer, inputs, classes);
                EasyTrain.fit(trainer, 40, data, null);
                double after = loss(trainer, inputs, classes);
                assertThat(after).isLessThan(before / 2);
            }
        }
    }

    private static double loss(Trainer trainer, NDArray inputs, NDArray labels) {
        NDList output = trainer.evaluate(new NDList(inputs));
        return trainer.getLoss().evaluate(new NDList(labels), output).getFloat();
    }
}
