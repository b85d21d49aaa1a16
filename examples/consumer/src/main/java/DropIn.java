import ai.djl.Model;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import io.github.djlspectral.optim.Muon;

public class DropIn {
    public static void main(String[] arguments) throws Exception {
        try (var model = Model.newInstance("drop-in"); var muon = Muon.builder().build()) {
            model.setBlock(new SequentialBlock()
                    .add(Linear.builder().setUnits(32).build()).add(Activation::relu)
                    .add(Linear.builder().setUnits(32).build()).add(Activation::relu)
                    .add(Linear.builder().setUnits(2).build()));
            var points = model.getNDManager().randomNormal(new Shape(512, 8));
            var labels = points.get(":, 0").gt(points.get(":, 1")).toType(DataType.INT64, true);
            var data = new ArrayDataset.Builder()
                    .setData(points).optLabels(labels).setSampling(32, true).build();
            var config = new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss());
            muon.attachTo(config); // was: config.optOptimizer(Optimizer.adam().build());
            config.addTrainingListeners(TrainingListener.Defaults.basic());
            try (var trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, 8));
                EasyTrain.fit(trainer, 5, data, null);
                System.out.println("loss " + trainer.getTrainingResult().getTrainLoss());
            }
        }
    }
}
