package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.loss.Loss;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Muon in DJL's own training loops, which know nothing of it. */
class TrainingLoopTest {

    private static final int INPUTS = 20;
    private static final int CLASSES = 4;

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    /** The class is the largest of four random projections: what a linear layer can learn. */
    private static ArrayDataset dataset(NDManager manager) {
        NDArray inputs = manager.randomNormal(new Shape(512, INPUTS));
        NDArray labels = inputs.matMul(manager.randomNormal(new Shape(INPUTS, CLASSES))).argMax(1);
        return new ArrayDataset.Builder()
                .setData(inputs)
                .optLabels(labels)
                .setSampling(64, true)
                .build();
    }

    private static Block network(int width) {
        return new SequentialBlock()
                .add(Linear.builder().setUnits(width).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(width).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(CLASSES).build());
    }

    private static DefaultTrainingConfig config(Muon muon) {
        return new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss()).optOptimizer(muon);
    }

    @Test
    void learnsInEasyTrainWithOneLineChanged() throws IOException, TranslateException {
        try (Model model = Model.newInstance("mlp", "PyTorch")) {
            model.setBlock(network(48));
            model.getBlock()
                    .initialize(model.getNDManager(), model.getDataType(), new Shape(1, INPUTS));
            ArrayDataset data = dataset(model.getNDManager());
            try (Muon muon =
                            Muon.builder()
                                    .optRouting(ParameterRouting.of(model.getBlock()))
                                    .build();
                    Trainer trainer = model.newTrainer(config(muon))) {
                trainer.initialize(new Shape(1, INPUTS));
                double before = loss(trainer, data);
                EasyTrain.fit(trainer, 20, data, null);
                double after = loss(trainer, data);
                assertThat(before).isGreaterThan(1); // chance is log 4 = 1.39
                assertThat(after).isLessThan(0.15);
            }
        }
    }

    private static double loss(Trainer trainer, ArrayDataset data)
            throws IOException, TranslateException {
        double sum = 0;
        int batches = 0;
        for (Batch batch : trainer.iterateDataset(data)) {
            NDList predictions = trainer.evaluate(batch.getData());
            sum += trainer.getLoss().evaluate(batch.getLabels(), predictions).getFloat();
            batches++;
            batch.close();
        }
        return sum / batches;
    }

    /** Arrays that any manager in reach holds, and resident memory, over a thousand steps. */
    @Test
    void memoryIsFlatOverAThousandSteps() throws IOException {
        try (Model model = Model.newInstance("mlp", "PyTorch")) {
            model.setBlock(network(256));
            try (Muon muon = Muon.builder().build();
                    Trainer trainer = model.newTrainer(config(muon))) {
                trainer.initialize(new Shape(1, INPUTS));
                NDManager manager = model.getNDManager();
                NDArray inputs = manager.randomNormal(new Shape(256, INPUTS));
                NDArray labels = inputs.argMax(1).mod(CLASSES);
                int arrays = 0;
                long resident = 0;
                for (int step = 1; step <= 1000; step++) {
                    trainStep(trainer, inputs, labels);
                    if (step == 10) {
                        arrays = arraysInReach(trainer);
                    } else if (step == 500) {
                        // Resident memory was seen to grow until here, then to stay, to step 3000.
                        resident = residentKilobytes();
                    }
                }
                assertThat(arraysInReach(trainer)).isEqualTo(arrays);
                // From here a leak of one hidden matrix or one activation a step would be 131 MB.
                // The JVM's heap is all resident from the start; its compiler took up to 26 MB.
                assertThat(residentKilobytes() - resident).isLessThan(64 * 1024);
            }
        }
    }

    private static void trainStep(Trainer trainer, NDArray inputs, NDArray labels) {
        try (NDManager scratch = trainer.getManager().newSubManager()) {
            NDArray x = inputs.duplicate();
            NDArray y = labels.duplicate();
            x.attach(scratch);
            y.attach(scratch);
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDList output = trainer.forward(new NDList(x));
                collector.backward(trainer.getLoss().evaluate(new NDList(y), output));
            }
            trainer.step();
        }
    }

    private static int arraysInReach(Trainer trainer) {
        int count = 0;
        for (NDManager m = trainer.getManager(); m != null; m = m.getParentManager()) {
            count += m.getManagedArrays().size();
        }
        return count;
    }

    private static long residentKilobytes() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }

    /** A child, as in this process larger arrays may have been freed before. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void memoryOfTemporariesStaysWithTheProcess() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String classes = System.getProperty("java.class.path");
        Process child =
                new ProcessBuilder(java, "-cp", classes, Temporaries.class.getName())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        String faults = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor()).isZero();
        assertThat(Long.parseLong(faults)).isLessThan(800); // 1300 to 2200 if they went back
    }

    /** Prints how many pages the system has to hand out per step of Muon. */
    static final class Temporaries {

        private Temporaries() {}

        public static void main(String[] arguments) throws IOException {
            try (NDManager manager = NDManager.newBaseManager("PyTorch");
                    Muon muon = Muon.builder().build()) {
                NDArray w = manager.randomNormal(new Shape(768, 768));
                NDArray g = manager.randomNormal(new Shape(768, 768));
                muon.update("w", w, g);
                long before = faults();
                for (int i = 0; i < 20; i++) {
                    muon.update("w", w, g);
                }
                System.out.print((faults() - before) / 20);
            }
        }

        /** The minor page faults of this process so far. */
        private static long faults() throws IOException {
            String stat = Files.readString(Path.of("/proc/self/stat"));
            return Long.parseLong(stat.substring(stat.lastIndexOf(')') + 2).split(" ")[7]);
        }
    }
}
