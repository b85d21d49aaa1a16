///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS io.github.djlspectral:djl-spectral:0.1.0-SNAPSHOT@pom
//DEPS io.github.djlspectral:djl-layers
//DEPS ai.djl.pytorch:pytorch-jni
//DEPS ai.djl.pytorch:pytorch-native-cpu:2.7.1:linux-x86_64
//DEPS org.slf4j:slf4j-simple:2.0.17

package io.github.djlspectral.examples;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.modality.Classifications;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.Batchifier;
import ai.djl.translate.PaddingStackBatchifier;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import io.github.djlspectral.zoo.SpectralZoo;
import io.github.djlspectral.zoo.TextTranslatorFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Fine-tunes a published GPT-2 to tell classes of texts apart, by DJL's own training, and uses it.
 *
 * <p>Arguments: the zoo, a folder or an http address; a file with a class, a tab and a text in each
 * line; the number of epochs; texts to classify.
 */
final class ClassifyTexts {

    private ClassifyTexts() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 4) {
            throw new IllegalArgumentException("Give a zoo, a file, the number of epochs, texts");
        }
        List<String[]> lines =
                Files.readAllLines(Path.of(arguments[1])).stream()
                        .map(line -> line.split("\t", 2))
                        .toList();
        boolean whole = lines.stream().allMatch(line -> line.length == 2);
        String rule = "%s must have a class, a tab and a text in each line";
        BadInputException.unless(whole, rule, arguments[1]);
        List<String> classes = lines.stream().map(line -> line[0]).sorted().distinct().toList();
        Engine.getInstance().setRandomSeed(1);
        Criteria<NDList, NDList> criteria =
                Criteria.builder()
                        .setTypes(NDList.class, NDList.class)
                        .optModelZoo(SpectralZoo.at(arguments[0]))
                        .optGroupId(SpectralZoo.GROUP)
                        .optArtifactId("gpt2")
                        .build();
        try (ZooModel<NDList, NDList> published = criteria.loadModel();
                Model model = Model.newInstance("classifier");
                Muon muon = Muon.builder().optLearningRateTracker(Tracker.fixed(0.01f)).build()) {
            Gpt2 gpt2 = (Gpt2) published.getBlock(); // gpt2.freezeParameters(true): the head only
            Linear head = Linear.builder().setUnits(classes.size()).build();
            model.setBlock(new SequentialBlock().add(gpt2.encoder()).add(head));
            Path file = published.getModelPath().resolve(TextTranslatorFactory.TOKENIZER);
            Texts texts = new Texts(Tokenizer.load(file), classes);
            RandomAccessDataset[] data = texts.dataset(lines, model).randomSplit(4, 1);
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                            .addEvaluator(new Accuracy())
                            .addTrainingListeners(TrainingListener.Defaults.basic());
            try (Trainer trainer = model.newTrainer(muon.attachTo(config));
                    Predictor<String, Classifications> predictor = model.newPredictor(texts)) {
                trainer.initialize(new Shape(1, 1));
                EasyTrain.fit(trainer, Integer.parseInt(arguments[2]), data[0], data[1]);
                float accuracy = trainer.getTrainingResult().getValidateEvaluation("Accuracy");
                System.out.println("validation accuracy " + accuracy);
                List<String> more = List.of(arguments).subList(3, arguments.length);
                predictor.batchPredict(more).forEach(System.out::println);
            }
        }
    }

    /** Texts in, as numbers of tokens with -1 after the shorter ones; classes out. */
    private record Texts(Tokenizer tokenizer, List<String> classes)
            implements Translator<String, Classifications> {

        private static final Batchifier PADDED =
                PaddingStackBatchifier.builder().addPad(0, 0, m -> m.create(-1L)).build();

        ArrayDataset dataset(List<String[]> lines, Model model) throws Exception {
            NDManager manager = model.getNDManager();
            NDList[] texts = lines.stream().map(l -> tokens(manager, l[1])).toArray(NDList[]::new);
            long[] labels = lines.stream().mapToLong(line -> classes.indexOf(line[0])).toArray();
            NDArray padded = PADDED.batchify(texts).head();
            ArrayDataset.Builder builder = new ArrayDataset.Builder().setData(padded);
            return builder.optLabels(manager.create(labels)).setSampling(16, true).build();
        }

        private NDList tokens(NDManager manager, String text) {
            long[] tokens = Arrays.stream(tokenizer.encode(text)).asLongStream().toArray();
            return new NDList(manager.create(tokens));
        }

        @Override
        public Batchifier getBatchifier() {
            return PADDED;
        }

        @Override
        public NDList processInput(TranslatorContext ctx, String text) {
            return tokens(ctx.getNDManager(), text);
        }

        @Override
        public Classifications processOutput(TranslatorContext ctx, NDList scores) {
            return new Classifications(classes, scores.singletonOrThrow().softmax(0));
        }
    }
}
