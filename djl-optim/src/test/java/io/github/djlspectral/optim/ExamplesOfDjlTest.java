package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.modality.nlp.DefaultVocabulary;
import ai.djl.modality.nlp.embedding.TrainableWordEmbedding;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.recurrent.LSTM;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import ai.djl.training.tracker.FixedPerVarTracker;
import ai.djl.translate.TranslateException;
import io.github.djlspectral.torch.ScriptedBody;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Shapes of the programs in DJL's {@code examples} module (read at commit af1d0b8), smallest form,
 * on made-up data. There the configuration is made in a method that does not see the block; what
 * changes is the statement that {@link RoutedOptimizer#attachTo} stands in:
 *
 * <table>
 * <caption>Statements that change</caption>
 * <tr><th>program of DJL</th><th>statements</th><th>shape of it here</th></tr>
 * <tr><td>TrainMnist, TrainAirfoilWithTabNet, TrainTimeSeries, TrainAmazonReviewRanking,
 *     TrainResnetWithCifar10, TrainPikachu, TrainPikachuWithYOLOV3</td>
 *     <td>1: what the method returns</td><td>{@link #perceptron}, {@link #convolutions}</td></tr>
 * <tr><td>TrainMnistWithLSTM, TrainSentimentAnalysis, TrainSeq2Seq</td><td>1: the same</td>
 *     <td>{@link #text}</td></tr>
 * <tr><td>TrainCaptcha</td><td>1: the variable that the method goes on with</td>
 *     <td>{@link #perceptron}</td></tr>
 * <tr><td>TrainWithHpo</td><td>1: what the method returns, once for each trainer</td>
 *     <td>{@link #trainersOneAfterAnother}</td></tr>
 * <tr><td>TrainTicTacToe</td><td>1: what the method returns; its own loop announces the training
 *     again</td><td>{@link #loopOfItsOwn}</td></tr>
 * <tr><td>TrainWithOptimizers</td><td>1: what the method returns</td>
 *     <td>{@link #convolutions}</td></tr>
 * <tr><td>TransferFreshFruit</td><td>1: {@code config.optOptimizer(..)}; the statement before it,
 *     which builds Adam, is then without use</td><td>{@link #frozenTorchScriptBody}</td></tr>
 * <tr><td>TrainBertOnCode, TrainBertOnGoemotions</td><td>1: what the method returns; the statement
 *     before it, which builds Adam, is then without use</td><td>{@link #perceptron}</td></tr>
 * </table>
 *
 * <p>So all 17 change in one statement; in three of them another one is to be deleted. They were
 * read, not run: their data come from DJL's server.
 */
class ExamplesOfDjlTest {

    private static final int SAMPLES = 48;

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(3);
    }

    private static DefaultTrainingConfig configuration() {
        return configuration(Loss.softmaxCrossEntropyLoss());
    }

    private static DefaultTrainingConfig configuration(Loss loss) {
        return Muon.builder()
                .build()
                .attachTo(
                        new DefaultTrainingConfig(loss)
                                .addEvaluator(new Accuracy())
                                .optDevices(Engine.getInstance().getDevices(1))
                                .addTrainingListeners(TrainingListener.Defaults.basic()));
    }

    private static Linear linear(int units) {
        return Linear.builder().setUnits(units).build();
    }

    private static Model model(Block block) {
        Model model = Model.newInstance("example", "PyTorch");
        model.setBlock(block);
        return model;
    }

    /** Trains to tell whether the first column's sum is positive, and checks who updates what. */
    private static void trains(
            Model model, DefaultTrainingConfig config, Shape shape, String... spectral)
            throws IOException, TranslateException {
        NDManager manager = model.getNDManager();
        Shape all = new Shape(SAMPLES).addAll(shape.slice(1));
        NDArray inputs = manager.randomNormal(all);
        NDArray labels = inputs.reshape(SAMPLES, -1).get(":, 0:3").sum(new int[] {1}).gt(0);
        trains(model, config, inputs, labels.toType(DataType.INT64, false), spectral);
    }

    private static void trains(
            Model model,
            DefaultTrainingConfig config,
            NDArray inputs,
            NDArray labels,
            String... spectral)
            throws IOException, TranslateException {
        ArrayDataset data =
                new ArrayDataset.Builder()
                        .setData(inputs)
                        .optLabels(labels)
                        .setSampling(16, false)
                        .build();
        try (Muon muon = (Muon) config.getOptimizer();
                Trainer trainer = model.newTrainer(config)) {
            trainer.initialize(new Shape(1).addAll(inputs.getShape().slice(1)));
            double before = loss(trainer, inputs, labels);
            EasyTrain.fit(trainer, 12, data, null);
            assertThat(loss(trainer, inputs, labels)).isLessThan(0.7 * before);
            assertThat(RoutedOptimizerTest.owned(muon, model.getBlock())).containsExactly(spectral);
            assertThat(muon.toTable()).contains(spectral).doesNotContain("no routing");
        }
    }

    private static double loss(Trainer trainer, NDArray inputs, NDArray labels) {
        NDList output = trainer.evaluate(new NDList(inputs));
        return trainer.getLoss().evaluate(new NDList(labels), output).getFloat();
    }

    private static SequentialBlock network(int outputs) {
        return new SequentialBlock()
                .add(Blocks.batchFlattenBlock())
                .add(linear(16))
                .add(Activation::relu)
                .add(linear(12))
                .add(Activation::relu)
                .add(linear(outputs));
    }

    @Test
    void perceptron() throws IOException, TranslateException {
        try (Model model = model(network(2))) {
            trains(
                    model,
                    configuration(),
                    new Shape(1, 2, 4),
                    "02Linear_weight",
                    "04Linear_weight");
        }
    }

    /** The optimizer is chosen in a method of its own, and set and added like any other. */
    @Test
    void convolutions() throws IOException, TranslateException {
        Block block =
                new SequentialBlock()
                        .add(Conv2d.builder().setFilters(8).setKernelShape(new Shape(3, 3)).build())
                        .add(Activation::relu)
                        .add(Blocks.batchFlattenBlock())
                        .add(linear(12))
                        .add(Activation::relu)
                        .add(linear(2));
        SpectralOptimizer muon = chosen("muon");
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                        .optDevices(Engine.getInstance().getDevices(1))
                        .optOptimizer(muon)
                        .addTrainingListeners(muon);
        try (Model model = model(block)) {
            trains(model, config, new Shape(1, 1, 5, 5), "01Conv2d_weight", "04Linear_weight");
        }
    }

    private static SpectralOptimizer chosen(String name) {
        return switch (name) {
            case "muon" -> Muon.builder().build();
            case "kaon" -> Kaon.builder().build();
            default -> throw new IllegalArgumentException(name);
        };
    }

    @Test
    void text() throws IOException, TranslateException {
        Block block =
                new SequentialBlock()
                        .add(
                                TrainableWordEmbedding.builder()
                                        .setEmbeddingSize(6)
                                        .setVocabulary(
                                                DefaultVocabulary.builder()
                                                        .add(List.of("a", "b", "c"))
                                                        .optUnknownToken()
                                                        .build())
                                        .build())
                        .add(LSTM.builder().setStateSize(8).setNumLayers(1).build())
                        .add(LambdaBlock.singleton(states -> states.mean(new int[] {1})))
                        .add(linear(2));
        try (Model model = model(block)) {
            NDArray words =
                    model.getNDManager().randomInteger(0, 3, new Shape(SAMPLES, 5), DataType.INT64);
            NDArray labels = words.eq(1).sum(new int[] {1}).gt(1).toType(DataType.INT64, false);
            trains(
                    model,
                    configuration(),
                    words,
                    labels,
                    "02LSTM_l_0_h2h_WEIGHT",
                    "02LSTM_l_0_i2h_WEIGHT");
        }
    }

    @Test
    void trainersOneAfterAnother() throws IOException, TranslateException {
        for (int width : new int[] {8, 16}) {
            Block block = new SequentialBlock().add(linear(width)).add(linear(2));
            try (Model model = model(block)) {
                trains(model, configuration(), new Shape(1, 6), "01Linear_weight");
            }
        }
    }

    /** Own learning rates for the body, of which one layer is thawed. */
    @Test
    void frozenTorchScriptBody() {
        try (Model body = ScriptedBody.load(5, 8, 6);
                Model model =
                        model(
                                new SequentialBlock()
                                        .add(body.getBlock())
                                        .add(Activation::relu)
                                        .add(linear(4))
                                        .add(Activation::tanh)
                                        .add(linear(3)))) {
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.l2Loss())
                            .optDevices(Engine.getInstance().getDevices(1));
            FixedPerVarTracker.Builder rates = FixedPerVarTracker.builder().setDefaultValue(0.02f);
            for (Parameter parameter : body.getBlock().getParameters().values()) {
                rates.put(parameter.getId(), 0.002f);
            }
            Muon.builder().optLearningRateTracker(rates.build()).build().attachTo(config);

            Muon muon = (Muon) config.getOptimizer();
            try (TinyTraining training = new TinyTraining(model, config)) {
                body.getBlock().freezeParameters(false, p -> p.getName().startsWith("fc"));
                float[] frozen = values(body, "embedding_tower.0.weight");
                float[] thawed = values(body, "fc.weight");
                training.train(1, 3);
                assertThat(values(body, "embedding_tower.0.weight")).isEqualTo(frozen);
                assertThat(values(body, "fc.weight")).isNotEqualTo(thawed);
                assertThat(RoutedOptimizerTest.owned(muon, model.getBlock()))
                        .containsExactly("01PtSymbolBlock_fc.weight", "03Linear_weight");
                assertThat(
                                RoutedOptimizerTest.owned(
                                        (StatefulOptimizer) muon.getFallback(), model.getBlock()))
                        .containsExactly(
                                "01PtSymbolBlock_fc.bias",
                                "03Linear_bias",
                                "05Linear_bias",
                                "05Linear_weight");
            }
            muon.close();
        }
    }

    private static float[] values(Model body, String name) {
        return body.getBlock().getParameters().get(name).getArray().toFloatArray();
    }

    /** An agent's loop, which announces the training a second time. */
    @Test
    void loopOfItsOwn() {
        DefaultTrainingConfig config = configuration(Loss.l2Loss());
        try (Model model = model(network(3));
                TinyTraining training = new TinyTraining(model, config);
                Muon muon = (Muon) config.getOptimizer()) {
            training.trainer.notifyListeners(l -> l.onTrainingBegin(training.trainer));
            training.train(1, 2);
            assertThat(RoutedOptimizerTest.owned(muon, model.getBlock()))
                    .containsExactly("02Linear_weight", "04Linear_weight");
        }
    }

    /** A generator and its critic, each with a trainer and an optimizer, in one loop. */
    @Test
    void twoTrainersInOneLoop() {
        DefaultTrainingConfig making = configuration();
        DefaultTrainingConfig judging = configuration();
        try (Model maker = model(network(4));
                Model critic = model(network(2));
                Muon first = (Muon) making.getOptimizer();
                Muon second = (Muon) judging.getOptimizer();
                Trainer made = maker.newTrainer(making);
                Trainer judged = critic.newTrainer(judging)) {
            made.initialize(new Shape(1, 4));
            judged.initialize(new Shape(1, 4));
            for (int step = 0; step < 4; step++) {
                Trainer turn = step % 2 == 0 ? judged : made;
                try (NDManager scope = maker.getNDManager().newSubManager();
                        GradientCollector collector = turn.newGradientCollector()) {
                    NDList noise = new NDList(scope.randomNormal(new Shape(6, 4)));
                    NDList verdict = judged.forward(made.forward(noise));
                    NDArray labels = scope.full(new Shape(6), step % 2, DataType.INT64);
                    collector.backward(turn.getLoss().evaluate(new NDList(labels), verdict));
                }
                turn.step();
                OptimizerStep.discard(turn == made ? judged : made);
            }
            String[] hidden = {"02Linear_weight", "04Linear_weight"};
            assertThat(RoutedOptimizerTest.owned(first, maker.getBlock())).containsExactly(hidden);
            assertThat(RoutedOptimizerTest.owned(second, critic.getBlock()))
                    .containsExactly(hidden);
        }
    }
}
