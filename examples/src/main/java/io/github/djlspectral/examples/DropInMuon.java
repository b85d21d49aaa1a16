///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS io.github.djlspectral:djl-spectral:0.1.0-SNAPSHOT@pom
//DEPS io.github.djlspectral:djl-optim
//DEPS ai.djl.pytorch:pytorch-jni
//DEPS ai.djl.pytorch:pytorch-native-cpu:2.7.1:linux-x86_64
//DEPS org.slf4j:slf4j-simple:2.0.17

package io.github.djlspectral.examples;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.TrainingResult;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.torch.Host;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * DJL's own training of a classifier, in which one line changes for Muon.
 *
 * <p>Arguments: a CSV file with a line of names, then numbers, the last of which is the class, 0, 1
 * and so on; the number of epochs.
 */
final class DropInMuon {

    private DropInMuon() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 2) {
            throw new IllegalArgumentException("Give a CSV file and the number of epochs");
        }
        double[][] rows =
                Files.readAllLines(Path.of(arguments[0])).stream()
                        .skip(1)
                        .map(line -> Stream.of(line.split(",")))
                        .map(cells -> cells.mapToDouble(Double::parseDouble).toArray())
                        .toArray(double[][]::new);
        int epochs = Integer.parseInt(arguments[1]);
        int columns = rows[0].length - 1;

        Engine.getInstance().setRandomSeed(1);
        try (Model model = Model.newInstance("classifier");
                Muon muon = Muon.builder().build()) {
            NDArray table = model.getNDManager().create(rows).toType(DataType.FLOAT32, false);
            NDArray labels = table.get(":, -1");
            int classes = 1 + Host.read(labels.max(), NDArray::getFloat).intValue();
            RandomAccessDataset[] data = // four fifths to train on, one to validate
                    new ArrayDataset.Builder()
                            .setData(table.get(":, :-1"))
                            .optLabels(labels)
                            .setSampling(32, true)
                            .build()
                            .randomSplit(4, 1);
            model.setBlock(
                    new SequentialBlock()
                            .add(Linear.builder().setUnits(64).build())
                            .add(Activation::relu)
                            .add(Linear.builder().setUnits(64).build())
                            .add(Activation::relu)
                            .add(Linear.builder().setUnits(classes).build()));

            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                            .addEvaluator(new Accuracy())
                            .addTrainingListeners(TrainingListener.Defaults.basic());
            muon.attachTo(config); // was: config.optOptimizer(Optimizer.adam().build());

            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, columns));
                EasyTrain.fit(trainer, epochs, data[0], data[1]);
                TrainingResult result = trainer.getTrainingResult();
                System.out.println("training loss " + result.getTrainLoss());
                float accuracy = result.getValidateEvaluation("Accuracy");
                System.out.println("validation accuracy " + accuracy);
                System.out.print(muon.toTable()); // what went to Muon, what to AdamW, and why
            }
        }
    }
}
