package io.github.djlspectral.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.TrainingDivergedException;
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
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.util.Pair;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.spark.LocalWorker.Share;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("spark")
class LocalUpdatesTest {

    private static final OuterStep TAKE_THE_MEAN = new OuterStep(1, 0);

    private static JavaSparkContext context;

    @TempDir Path folder;

    @BeforeAll
    static void begin() {
        SparkConf conf =
                new SparkConf()
                        .setMaster("local[2]")
                        .setAppName("test")
                        .set("spark.ui.enabled", "false")
                        .set("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
                        .set("spark.driver.host", "127.0.0.1");
        context = new JavaSparkContext(conf);
    }

    @AfterAll
    static void end() {
        context.close();
    }

    /** Makes a perceptron's optimizer; sent to executors. */
    interface Choice extends java.io.Serializable, Supplier<Optimizer> {}

    private static Loss loss() {
        return Loss.softmaxCrossEntropyLoss();
    }

    static Model model() {
        return model(16);
    }

    static Model model(int units) {
        return model(units, Device.cpu());
    }

    private static Model model(Device device) {
        return model(16, device);
    }

    private static Model model(int units, Device device) {
        Model model = Model.newInstance("mlp", device, "PyTorch");
        SequentialBlock block = new SequentialBlock();
        for (int i = 0; i < 2; i++) {
            block.add(Linear.builder().setUnits(units).build()).add(Activation::relu);
        }
        model.setBlock(block.add(Linear.builder().setUnits(2).build()));
        return model;
    }

    static LocalWorker worker(Share share, Optimizer optimizer) {
        return worker(share, optimizer, model());
    }

    static LocalWorker worker(Share share, Optimizer optimizer, Model model) {
        DefaultTrainingConfig config = new DefaultTrainingConfig(loss());
        Trainer trainer =
                model.newTrainer(
                        optimizer instanceof Muon muon
                                ? muon.attachTo(config)
                                : config.optOptimizer(optimizer));
        trainer.initialize(new Shape(1, 8));
        return LocalWorker.of(share, trainer, optimizer, (step, m) -> batch(m));
    }

    static LocalWorker.Factory factory(Choice choice) {
        return share -> worker(share, choice.get());
    }

    private static LocalWorker.Factory muon() {
        return factory(() -> Muon.builder().build());
    }

    static Pair<NDList, NDList> batch(NDManager manager) {
        NDArray data = manager.randomNormal(new Shape(32, 8)); // of the step and the worker
        NDArray labels = data.get(":, 0").gt(data.get(":, 1")).toType(DataType.INT64, false);
        return new Pair<>(new NDList(data), new NDList(labels));
    }

    static Block initialised(Model model) {
        Block block = model.getBlock();
        block.initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1, 8));
        float[][] pieces = Weights.read(block, 64);
        Random random = new Random(7);
        for (float[] piece : pieces) {
            for (int i = 0; i < piece.length; i++) {
                piece[i] = (float) random.nextGaussian() * 0.3f;
            }
        }
        Weights.write(block, pieces);
        return block;
    }

    static float[] numbers(Block block) {
        return Weights.read(block, 1 << 20)[0];
    }

    LocalUpdates updates(Block block, LocalWorker.Factory factory, int workers, OuterStep outer) {
        return new LocalUpdates(context, block, factory, workers, outer, uri(folder), 100);
    }

    static String uri(Path folder) {
        return folder.toUri().toString();
    }

    /** What a worker makes of weights in steps, without Spark: an oracle. */
    private static float[] alone(LocalWorker worker, float[] weights, int from, int to) {
        Weights.write(worker.block(), new float[][] {weights});
        for (int step = from; step <= to; step++) {
            worker.step(step);
        }
        return numbers(worker.block());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void oneWorkerIsTrainingOnOneMachine(int innerSteps) {
        List<Choice> choices =
                List.of(
                        () -> Muon.builder().build(),
                        () -> Freon.builder().build(),
                        () -> DecoupledAdamW.builder().build());
        for (Choice choice : choices) {
            try (Model model = model();
                    LocalWorker worker = worker(share(0, 1), choice.get())) {
                Block block = initialised(model);
                float[] expected = alone(worker, numbers(block), 1, 4);
                try (LocalUpdates updates = updates(block, factory(choice), 1, TAKE_THE_MEAN)) {
                    while (updates.step() < 4) {
                        updates.round(innerSteps);
                    }
                    assertThat(numbers(block)).isEqualTo(expected);
                }
            }
        }
    }

    @Test
    void guide() {
        String folder = uri(this.folder);
        try (Model model = model()) {
            Block block = initialised(model);
            // snippet: on-spark
            LocalWorker.Factory factory =
                    share -> {
                        Model own = model(share.device()); // with a block like the driver's
                        Muon muon = Muon.builder().build();
                        DefaultTrainingConfig config = new DefaultTrainingConfig(loss());
                        config.optDevices(new Device[] {share.device()});
                        Trainer trainer = own.newTrainer(muon.attachTo(config));
                        trainer.initialize(new Shape(1, 8));
                        return LocalWorker.of(
                                share, trainer, muon, (step, scratch) -> batch(scratch));
                    };
            OuterStep outer = new OuterStep(0.7, 0.9);
            try (LocalUpdates updates =
                    new LocalUpdates(context, block, factory, 4, outer, folder)) {
                updates.restore(); // what an earlier process has saved
                while (updates.step() < 60) {
                    updates.round(30); // each worker makes 30 steps
                    updates.save(2); // and two checkpoints are kept
                }
            }
            // end
            NDManager manager = model.getNDManager();
            Pair<NDList, NDList> unseen = batch(manager);
            NDList found =
                    block.forward(new ParameterStore(manager, false), unseen.getKey(), false);
            assertThat(loss().evaluate(unseen.getValue(), found).getFloat()).isLessThan(0.3f);
        }
    }

    private static Share share(int worker, int workers) {
        return new Share(worker, workers, 0, Device.cpu());
    }

    @Test
    void roundsAreWhatTheFormulaSays() {
        List<LocalWorker> alone = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            alone.add(worker(share(i, 3), Muon.builder().build()));
        }
        try (Model model = model();
                LocalUpdates updates =
                        updates(initialised(model), muon(), 3, new OuterStep(0.7, 0.9))) {
            float[] weights = numbers(model.getBlock());
            double[] velocity = new double[weights.length];
            for (int round = 0; round < 4; round++) {
                double[] change = new double[weights.length];
                for (LocalWorker worker : alone) {
                    float[] after = alone(worker, weights, 3 * round + 1, 3 * round + 3);
                    for (int i = 0; i < change.length; i++) {
                        change[i] += ((double) after[i] - weights[i]) / 3;
                    }
                }
                for (int i = 0; i < change.length; i++) {
                    velocity[i] = 0.9 * velocity[i] + change[i];
                    weights[i] = (float) (weights[i] + 0.7 * (change[i] + 0.9 * velocity[i]));
                }
                LocalUpdates.Round found = updates.round(3);
                float[] actual = numbers(model.getBlock());
                for (int i = 0; i < weights.length; i++) {
                    assertThat((double) actual[i]).isCloseTo(weights[i], within(1e-6));
                }
                weights = actual;
                assertThat(found.steps()).hasSize(3).allMatch(steps -> steps.size() == 3);
                assertThat(found.waiting()).isBetween(0.0, 1.0);
            }
            assertThat(updates.step()).isEqualTo(12);
        } finally {
            alone.forEach(LocalWorker::close);
        }
    }

    private static org.assertj.core.data.Offset<Double> within(double most) {
        return org.assertj.core.data.Offset.offset(most);
    }

    @Test
    void goesOnFromACheckpointToTheBit() throws IOException {
        float[] undisturbed = train(muon(), 4);
        assertThat(checkpoints()).containsExactly("step-0000000006", "step-0000000008");
        assertThatThrownBy(() -> train(muon(), 1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("has checkpoints of another training, [step-0000000006, ");
        for (String old : checkpoints()) {
            AtomicFiles.deleteAll(folder.resolve(old));
        }
        train(muon(), 2);
        assertThat(train(muon(), 4)).isEqualTo(undisturbed);
    }

    /** Makes rounds of two steps until there are so many, from the newest checkpoint on. */
    private float[] train(LocalWorker.Factory factory, int rounds) {
        OuterStep outer = new OuterStep(0.7, 0.9);
        try (Model model = model();
                LocalUpdates updates = updates(initialised(model), factory, 3, outer)) {
            boolean known = rounds == 4 && updates.restore();
            assertThat(updates.step()).isEqualTo(known ? 4 : 0);
            while (updates.step() < 2 * rounds) {
                updates.round(2);
                updates.save(2);
            }
            return numbers(model.getBlock());
        }
    }

    private List<String> checkpoints() throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void piecesOfAnotherSizeAreRefused() {
        OuterStep outer = new OuterStep(0.7, 0.9);
        try (Model model = model()) {
            Block block = initialised(model);
            try (LocalUpdates updates = updates(block, muon(), 2, outer)) {
                updates.save(1);
            }
            try (LocalUpdates updates =
                    new LocalUpdates(context, block, muon(), 2, outer, uri(folder), 99)) {
                assertThatThrownBy(updates::restore)
                        .hasMessageContaining("its pieces have 100 numbers, not 99");
            }
        }
    }

    @Test
    void newestCheckpointIsTaken() {
        try (Model model = model()) {
            Block block = initialised(model);
            float[] saved;
            try (LocalUpdates updates = updates(block, muon(), 2, TAKE_THE_MEAN)) {
                assertThat(updates.restore()).isFalse();
                updates.save(1);
                updates.round(1);
                updates.save(2);
                saved = numbers(block);
                updates.round(1);
            }
            try (LocalUpdates updates = updates(block, muon(), 2, TAKE_THE_MEAN)) {
                assertThat(updates.restore()).isTrue();
                assertThat(updates.step()).isEqualTo(1);
                assertThat(numbers(block)).isEqualTo(saved);
            }
        }
    }

    @Test
    void otherModelOrWorkersAreRefused() {
        try (Model model = model();
                Model other = Model.newInstance("other", Device.cpu(), "PyTorch")) {
            try (LocalUpdates updates = updates(initialised(model), muon(), 2, TAKE_THE_MEAN)) {
                updates.round(1);
                updates.save(1);
            }
            float[] before = numbers(initialised(model));
            try (LocalUpdates updates = updates(model.getBlock(), muon(), 3, TAKE_THE_MEAN)) {
                assertThatThrownBy(updates::restore)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("step-0000000001: it has 2 workers, here are 3");
                assertThat(updates.step()).isZero();
            }
            assertThat(numbers(model.getBlock())).isEqualTo(before);
            other.setBlock(Linear.builder().setUnits(3).build());
            initialised(other);
            try (LocalUpdates updates = updates(other.getBlock(), muon(), 2, TAKE_THE_MEAN)) {
                assertThatThrownBy(updates::restore)
                        .hasMessageContaining(
                                "of its parameters others are [01Linear_weight (16, 8)");
                assertThatThrownBy(() -> updates.restore(7)).hasMessageContaining("Cannot take up");
            }
        }
    }

    @Test
    void damagedFilesAreRefused() throws IOException {
        try (Model model = model()) {
            try (LocalUpdates updates = updates(initialised(model), muon(), 2, TAKE_THE_MEAN)) {
                updates.round(1);
                updates.save(1);
            }
            Path place = folder.resolve("step-0000000001");
            damage(place.resolve("worker-1.safetensors"));
            try (LocalUpdates updates = updates(model.getBlock(), muon(), 2, TAKE_THE_MEAN)) {
                updates.restore();
                float[] before = numbers(model.getBlock());
                assertThatThrownBy(() -> updates.round(1))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageStartingWith(
                                "After step 1: worker 1 of 2: Cannot load the optimizer state")
                        .hasMessageEndingWith(
                                "what is saved in " + uri(folder) + " has not changed");
                assertThat(numbers(model.getBlock())).isEqualTo(before);
            }
            damage(place.resolve("outer.safetensors"));
            try (LocalUpdates updates = updates(model.getBlock(), muon(), 2, TAKE_THE_MEAN)) {
                assertThatThrownBy(updates::restore).hasMessageContaining("Cannot take up");
            }
        }
    }

    private static void damage(Path file) throws IOException {
        Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 3] ^= 16;
        Files.write(file, bytes);
    }

    @Test
    void divergenceOfOneWorkerIsTold() {
        LocalWorker.Factory one =
                share -> {
                    long at = share.worker() == 1 ? 4 : 99;
                    return failing(share, at, new TrainingDivergedException("The loss is NaN"));
                };
        try (Model model = model();
                LocalUpdates updates = updates(initialised(model), one, 3, TAKE_THE_MEAN)) {
            updates.round(2);
            updates.save(1);
            float[] before = numbers(model.getBlock());
            assertThatThrownBy(() -> updates.round(3))
                    .isInstanceOf(TrainingDivergedException.class)
                    .hasMessage("Worker 1 of 3, steps 3 to 5: The loss is NaN");
            assertThat(numbers(model.getBlock())).isEqualTo(before);
            updates.round(1);
            assertThat(updates.step()).isEqualTo(3);
        }
    }

    @Test
    void failureOfOneWorkerIsTold() {
        LocalWorker.Factory one =
                share ->
                        failing(
                                share,
                                2,
                                new UncheckedIOException(
                                        new IOException("No space left on device")));
        try (Model model = model();
                LocalUpdates updates = updates(initialised(model), one, 2, TAKE_THE_MEAN)) {
            updates.round(1);
            assertThatThrownBy(() -> updates.round(1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageMatching(
                            "After step 1: worker [01] of 2: java.io.IOException: No space.*")
                    .hasMessageContaining("what is saved in " + uri(folder));
        }
    }

    /** A worker whose steps something is done around. */
    record Around(LocalWorker inner, UnaryOperator<LongFunction<Step>> change)
            implements LocalWorker {

        @Override
        public Block block() {
            return inner.block();
        }

        @Override
        public Optimizer optimizer() {
            return inner.optimizer();
        }

        @Override
        public Step step(long number) {
            return change.apply(inner::step).apply(number);
        }

        @Override
        public void close() {
            inner.close();
        }
    }

    private static LocalWorker failing(Share share, long at, RuntimeException failure) {
        LocalWorker inner = worker(share, Muon.builder().build());
        return new Around(
                inner,
                steps ->
                        number -> {
                            if (number == at) {
                                throw failure;
                            }
                            return steps.apply(number);
                        });
    }

    @Test
    void optimizersThatKeepTheirStateAreRefused() {
        Choice adam = () -> Optimizer.adam().build();
        try (Model model = model();
                LocalUpdates updates =
                        updates(initialised(model), factory(adam), 1, TAKE_THE_MEAN)) {
            assertThatThrownBy(() -> updates.round(1))
                    .hasMessageContaining("Adam keeps its state to itself");
        }
    }

    @Test
    void whatCannotBeIsRefused() {
        Object unknown = new Object();
        LocalWorker.Factory factory =
                share -> worker(share, unknown.hashCode() == 0 ? null : Muon.builder().build());
        try (Model model = model()) {
            Block block = initialised(model);
            assertThatThrownBy(() -> updates(block, factory, 1, TAKE_THE_MEAN))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("cannot be sent to executors")
                    .hasMessageContaining("java.lang.Object");
            assertThatThrownBy(() -> updates(block, muon(), 0, TAKE_THE_MEAN))
                    .hasMessage("The number of workers is 0, but must be at least 1");
            try (LocalUpdates updates = updates(block, muon(), 1, TAKE_THE_MEAN)) {
                assertThatThrownBy(() -> updates.round(0))
                        .hasMessageContaining("inner steps are 0");
                assertThatThrownBy(() -> updates.save(0)).hasMessageContaining("checkpoints is 0");
            }
        }
        assertThatThrownBy(() -> new OuterStep(0, 0)).hasMessageContaining("outer rate is 0.0");
        assertThatThrownBy(() -> new OuterStep(Double.NaN, 0)).hasMessageContaining("NaN");
        assertThatThrownBy(() -> new OuterStep(1, 1)).hasMessageContaining("momentum is 1.0");
        assertThatThrownBy(() -> new OuterStep(1, Double.NaN)).hasMessageContaining("NaN");
    }

    @Test
    void weightsThatWouldNotBeFiniteAreRefused() {
        OuterStep outer = new OuterStep(1e30, 0.5);
        float[] velocity = {0};
        assertThatThrownBy(() -> outer.moved(new float[] {0}, new double[] {1e20}, velocity))
                .isInstanceOf(TrainingDivergedException.class)
                .hasMessageContaining("Infinity");
    }

    @Test
    void deviceIsTheOneThatSparkAssigned() {
        String[] addresses = {"3", "1"};
        ResourceInformation gpu = new ResourceInformation("gpu", addresses);
        assertThat(InnerSteps.device(Map.of("gpu", gpu))).isEqualTo(Device.gpu(3));
        assertThat(InnerSteps.device(Map.of())).isEqualTo(Device.cpu());
    }
}
