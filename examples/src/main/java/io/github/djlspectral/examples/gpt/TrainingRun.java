package io.github.djlspectral.examples.gpt;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.TrainingDivergedException;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.LossGradient;
import io.github.djlspectral.optim.OptimizerState;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.UpdateObserver;
import io.github.djlspectral.optim.diagnostics.SpectrumRecorder;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.text.Tokenizer;
import io.github.djlspectral.torch.Host;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;

/**
 * A GPT-2 in training. Its state after a step is the parameters, the optimizer's state and the
 * number of the step: the step's batches and the engine's random numbers depend on the seed and
 * that number alone, so a run continues from a checkpoint bit for bit.
 */
public final class TrainingRun implements AutoCloseable {

    private static final String ENGINE = "PyTorch";

    private final TrainingOptions options;
    private final Gpt2 gpt2;
    private final Model model;
    private final Trainer trainer;
    private final Optimizer optimizer;
    private final LossGradient gradient;
    private final TokenBatches batches;
    private final TokenBatches validation;
    private final Tracker rate;
    private int step;

    /** Keeps the spectra measured until they are asked for. */
    final SpectrumRecorder recorder;

    /** How many steps' batches were skipped, by earlier processes too. */
    int skipped;

    /**
     * Creates a model at random, whose training is watched.
     *
     * @param corpus the data; the caller closes it, after this
     * @param observer sees the updates of hidden matrices, instead of {@code --spectrum-every}
     */
    public static TrainingRun observed(
            TrainingOptions options, Corpus corpus, UpdateObserver observer) {
        return new TrainingRun(options, corpus, null, observer, 0);
    }

    /** Creates the model, from a checkpoint or, if that is null, from --init or at random. */
    TrainingRun(
            TrainingOptions options,
            Corpus corpus,
            Checkpoints.Checkpoint checkpoint,
            UpdateObserver observer,
            int stepsDone) {
        this.options = options;
        step = stepsDone;
        rate = options.rate();
        recorder = new SpectrumRecorder(options.spectrumEvery);
        batches = batches(options, corpus);
        validation = TokenBatches.inOrder(corpus.validation(), options.batch, options.context);
        Gpt2Config shape = options.model(corpus.tokenizer().vocabSize());
        gpt2 = Gpt2.builder().setConfig(shape).optPrecision(options.precision).build();
        if (checkpoint != null) {
            checkpoint.requireModel(shape);
            Checkpoints.initialize(gpt2, checkpoint.weights());
            step = checkpoint.step();
        } else if (options.init != null) {
            Exchange initial = Exchange.open(Path.of(options.init));
            initial.require(options);
            Checkpoints.initialize(gpt2, initial.weights());
        }
        Device device = Environment.device(options.device);
        model = Model.newInstance("gpt2", device, ENGINE);
        model.setBlock(gpt2);
        Engine.getEngine(ENGINE).setRandomSeed(options.seed);
        Shape input = new Shape(1, options.context);
        gpt2.initialize(model.getNDManager(), model.getDataType(), input);
        UpdateObserver watching = observer == null ? recorder : observer;
        optimizer = OptimizerChoice.optimizer(options, gpt2, step, watching);
        boolean own = !options.spark.on(); // on Spark, workers have them
        if (checkpoint != null && own && optimizer instanceof StatefulOptimizer stateful) {
            checkpoint.restore(stateful, gpt2);
        }
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss()) // not used
                                .optDevices(new Device[] {device})
                                .optOptimizer(optimizer));
        trainer.initialize(input);
        gradient = new LossGradient(gpt2, trainer, options.recompute);
    }

    /** Returns the batches to train on. */
    static TokenBatches batches(TrainingOptions options, Corpus corpus) {
        return TokenBatches.random(corpus.train(), options.batch, options.context, options.seed);
    }

    /** Returns the model in training, whose weights may be changed between steps. */
    public Gpt2 block() {
        return gpt2;
    }

    public int step() {
        return step;
    }

    Optimizer optimizer() {
        return optimizer;
    }

    /** Counts steps that others have made with this model. */
    StepResult advance(int steps, float loss, float norm) {
        step += steps;
        return new StepResult(loss, rate.getNewValue(step), norm);
    }

    public int lastStep() {
        return options.steps;
    }

    /** Describes the model and its optimizer in one line. */
    String description() {
        String from = options.init == null ? "" : "; starting from " + options.init;
        return Table.text(
                "GPT-2 with %,d parameters; %s%s",
                gpt2.getParameters().values().stream().mapToLong(p -> p.getArray().size()).sum(),
                options.optimizer.description(gpt2),
                step > 0 ? "; continuing after step " + step : from);
    }

    TextGenerator generator(Tokenizer tokenizer) {
        return new TextGenerator(gpt2, tokenizer, manager());
    }

    NDManager manager() {
        return trainer.getManager();
    }

    /** What a step found: its tokens' mean loss, rate, and gradient's norm before clipping. */
    public record StepResult(float loss, float rate, float norm) {}

    /**
     * Makes a step. Returns null, with the state as before, if asked to stop before a backward
     * pass.
     *
     * @throws TrainingDivergedException if the loss or a gradient is not finite; the state is as
     *     before, but for the gradients: {@link #stepOrSkip} goes on with other batches
     */
    public StepResult step(BooleanSupplier stop) {
        int next = step + 1;
        Engine.getEngine(ENGINE).setRandomSeed(seedOf(next + skipped));
        double loss = 0;
        long all = learned(step + skipped);
        for (int i = 0; i < options.accumulate; i++) {
            if (stop.getAsBoolean()) {
                return null;
            }
            loss += addGradient(step + skipped, i, all);
        }
        if (!Double.isFinite(loss)) {
            throw new TrainingDivergedException(
                    "The loss is " + loss + " at step " + next + ": lower --lr or raise --warmup");
        }
        float limit = options.clip == 0 ? Float.POSITIVE_INFINITY : (float) options.clip;
        try {
            float norm = OptimizerStep.apply(trainer, optimizer, limit);
            step = next;
            return new StepResult((float) loss, rate.getNewValue(next), norm);
        } catch (IllegalStateException e) { // here it can only mean NaN or infinity
            throw new TrainingDivergedException("Step " + next + ": " + e.getMessage(), e);
        }
    }

    /** Makes a step, with other batches if it fails, as often as the options allow. */
    StepResult stepOrSkip(BooleanSupplier stop, PrintStream out) {
        while (true) {
            try {
                return step(stop);
            } catch (TrainingDivergedException e) {
                if (skipped >= options.skipNonfinite) {
                    throw e;
                }
                OptimizerStep.discard(trainer);
                skipped++;
                String what = "Skipped a batch (%s of at most %s): %s";
                out.println(what.formatted(skipped, options.skipNonfinite, e.getMessage()));
            }
        }
    }

    /**
     * Adds the gradients of the mean loss over a step's batches to those attached to the weights,
     * and makes no step.
     *
     * @param number the step, from 1; one after the last has batches too, which training never sees
     */
    public void addGradients(int number) {
        Engine.getEngine(ENGINE).setRandomSeed(seedOf(number));
        long all = learned(number - 1);
        for (int i = 0; i < options.accumulate; i++) {
            addGradient(number - 1, i, all);
        }
    }

    /** Returns how many targets count in the batches of the step after some others. */
    private long learned(int done) {
        long first = (long) done * options.accumulate;
        return LongStream.range(first, first + options.accumulate).map(batches::learned).sum();
    }

    /** Adds a batch's share of all targets to the gradients and returns its share of the loss. */
    private double addGradient(int done, int i, long all) {
        long number = (long) done * options.accumulate + i;
        double parts = (double) all / batches.learned(number); // equal ones without records
        try (NDManager scratch = manager().newSubManager()) {
            return gradient.add(batches.batch(number, scratch), 1 / parts) / parts;
        }
    }

    /** Returns the validation loss in nats per token, on the same batches every time. */
    public float validate() {
        return validate(() -> false);
    }

    /** Measures the model as {@link #validate()} does; NaN if asked to stop meanwhile. */
    float validate(BooleanSupplier stop) {
        return (float) evaluate(gpt2, manager(), validation, options.evalBatches, stop).loss();
    }

    /** A mean loss in nats per token that counts, and the number of these. */
    record Evaluation(double loss, long tokens) {}

    /**
     * Measures a model without gradients; the loss is NaN if asked to stop meanwhile.
     *
     * @param count how many batches of the split to use, spread evenly; all if there are fewer
     */
    static Evaluation evaluate(
            Gpt2 gpt2, NDManager manager, TokenBatches split, long count, BooleanSupplier stop) {
        long used = Math.min(count, split.count());
        double sum = 0;
        long tokens = 0;
        for (long i = 0; i < used; i++) {
            if (stop.getAsBoolean()) {
                return new Evaluation(Double.NaN, tokens);
            }
            try (NDManager scratch = manager.newSubManager()) {
                NDList batch = split.batch(i * split.count() / used, scratch);
                ParameterStore store = new ParameterStore(manager, false);
                NDArray loss = gpt2.loss(store, batch.get(0), batch.get(1), false);
                long learned = split.learned(i * split.count() / used);
                sum += (double) Host.read(loss, NDArray::getFloat) * learned;
                tokens += learned;
            }
        }
        return new Evaluation(sum / tokens, tokens);
    }

    void checkpoint(Checkpoints checkpoints) {
        checkpoints.write(
                step,
                gpt2.getConfig(),
                options.keep,
                name -> Host.read(gpt2.getParameters().get(name).getArray(), NDArray::toFloatArray),
                directory -> {
                    if (!options.spark.on() && optimizer instanceof StatefulOptimizer stateful) {
                        Path file = directory.resolve(Checkpoints.OPTIMIZER);
                        OptimizerState.save(stateful, gpt2, file);
                    }
                });
    }

    /** Returns a number that looks random, the same for the same seed and index. */
    static long mix(long seed, long index) {
        return new SplittableRandom(new SplittableRandom(seed).nextLong() + index).nextLong();
    }

    /** Returns the engine's seed for a step: dropout then does not depend on earlier steps. */
    private int seedOf(int number) {
        return (int) (mix(options.seed, number) >>> Integer.SIZE);
    }

    @Override
    public void close() {
        trainer.close();
        if (optimizer instanceof StatefulOptimizer stateful) {
            stateful.close();
        }
        if (optimizer instanceof SpectralOptimizer spectral
                && spectral.getFallback() instanceof StatefulOptimizer fallback) {
            fallback.close(); // given by OptimizerChoice, so that it is ours to close
        }
        model.close();
    }
}
