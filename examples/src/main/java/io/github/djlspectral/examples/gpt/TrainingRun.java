package io.github.djlspectral.examples.gpt;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.TrainingDivergedException;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.LossGradient;
import io.github.djlspectral.optim.OptimizerState;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.UpdateObserver;
import io.github.djlspectral.optim.diagnostics.SpectrumRecorder;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;

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
    private final Evaluation validation;
    private final SpectrumRecorder recorder;
    private final Tracker rate;
    private int step;
    private int skipped;

    /**
     * Creates a model at random, whose training is watched.
     *
     * @param options decide the model and its training; the directory is not used
     * @param corpus the data; the caller closes it, after this
     * @param observer sees the updates of hidden matrices, instead of {@code --spectrum-every}
     * @return the run, before its first step
     * @throws io.github.djlspectral.text.BadInputException if there is no such device or the data
     *     is too short
     */
    public static TrainingRun observed(
            TrainingOptions options, Corpus corpus, UpdateObserver observer) {
        return new TrainingRun(options, corpus, null, observer);
    }

    /**
     * Creates the model, from a checkpoint or at random.
     *
     * @param checkpoint what to continue from; null to begin at step 0
     */
    TrainingRun(TrainingOptions options, Corpus corpus, Checkpoints.Checkpoint checkpoint) {
        this(options, corpus, checkpoint, null);
    }

    private TrainingRun(
            TrainingOptions options,
            Corpus corpus,
            Checkpoints.Checkpoint checkpoint,
            UpdateObserver observer) {
        this.options = options;
        rate = options.rate();
        recorder = new SpectrumRecorder(options.spectrumEvery);
        batches = TokenBatches.random(corpus.train(), options.batch, options.context, options.seed);
        validation =
                new Evaluation(
                        TokenBatches.inOrder(corpus.validation(), options.batch, options.context),
                        options.evalBatches);
        Gpt2Config shape = options.model(corpus.tokenizer().vocabSize());
        gpt2 = Gpt2.builder().setConfig(shape).optPrecision(options.precision).build();
        if (checkpoint != null) {
            checkpoint.requireModel(shape);
            checkpoint.initialize(gpt2);
            step = checkpoint.step();
        } else if (options.init != null) {
            Exchange initial = Exchange.open(Path.of(options.init));
            initial.require(options);
            initial.initialize(gpt2);
        }
        Device device = Devices.of(options.device);
        model = Model.newInstance("gpt2", device, ENGINE);
        model.setBlock(gpt2);
        Engine.getEngine(ENGINE).setRandomSeed(options.seed);
        gpt2.initialize(model.getNDManager(), model.getDataType(), new Shape(1, options.context));
        optimizer =
                options.optimizer.optimizer(
                        options, gpt2, step, observer == null ? recorder : observer);
        if (checkpoint != null && optimizer instanceof StatefulOptimizer stateful) {
            checkpoint.restore(stateful, gpt2);
        }
        trainer = newTrainer(device);
        gradient = new LossGradient(gpt2, trainer, options.batch, options.context);
    }

    private Trainer newTrainer(Device device) {
        Trainer created =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss()) // not used
                                .optDevices(new Device[] {device})
                                .optOptimizer(optimizer));
        created.initialize(new Shape(1, options.context));
        return created;
    }

    /** Returns the model in training, whose weights may be changed between steps. */
    public Gpt2 block() {
        return gpt2;
    }

    /** Returns the number of steps done. */
    public int step() {
        return step;
    }

    /** Returns the number of the last step to do. */
    public int lastStep() {
        return options.steps;
    }

    /** Describes the model and its optimizer in one line. */
    String description() {
        String size = String.format(Locale.ROOT, "GPT-2 with %,d parameters", parameterCount());
        String from = options.init == null ? "" : "; starting from " + options.init;
        if (step > 0) {
            from = "; continuing after step " + step;
        }
        return size + "; " + options.optimizer.description(gpt2) + from;
    }

    /** Returns the table of which parameter goes where; empty if all go to one optimizer. */
    String routing() {
        return options.optimizer.isSpectral() ? ParameterRouting.of(gpt2).toTable() : "";
    }

    private long parameterCount() {
        return gpt2.getParameters().values().stream()
                .mapToLong(parameter -> parameter.getArray().size())
                .sum();
    }

    /** Returns what continues texts with the model as it is. */
    TextGenerator generator(Tokenizer tokenizer) {
        return new TextGenerator(gpt2, tokenizer, trainer.getManager());
    }

    /** Returns the trainer's manager. */
    NDManager manager() {
        return trainer.getManager();
    }

    /**
     * What a step found.
     *
     * @param loss mean loss of the step's tokens before its update, nats per token
     * @param learningRate the step's learning rate
     * @param gradientNorm global norm of the gradient before clipping
     */
    public record StepResult(float loss, float learningRate, float gradientNorm) {}

    /**
     * Makes a step, unless asked to stop meanwhile.
     *
     * @param stop asked before each backward pass
     * @return what it found; null if it was stopped, with the state as before
     * @throws TrainingDivergedException if the loss or a gradient is not finite; the state is as
     *     before, but for the gradients: {@link #skip} goes on with other batches
     */
    public StepResult step(BooleanSupplier stop) {
        int next = step + 1;
        Engine.getEngine(ENGINE).setRandomSeed(seedOf(next + skipped));
        double loss = 0;
        for (int i = 0; i < options.accumulate; i++) {
            if (stop.getAsBoolean()) {
                return null;
            }
            loss += addGradient(step + skipped, i);
        }
        if (!Double.isFinite(loss)) {
            throw new TrainingDivergedException(
                    "The loss is " + loss + " at step " + next + ": lower --lr or raise --warmup");
        }
        float norm = update(next);
        step = next;
        return new StepResult((float) loss, rate.getNewValue(next), norm);
    }

    /** Lets the next step have the batches after those of the one that failed. */
    void skip() {
        OptimizerStep.discard(trainer);
        skipped++;
    }

    /** Returns how many steps' batches were skipped, by earlier processes too. */
    int skipped() {
        return skipped;
    }

    /** Takes over how many were skipped by earlier processes. */
    void continueAfter(int skippedBefore) {
        skipped = skippedBefore;
    }

    /**
     * Adds the gradients of the mean loss over a step's batches to those attached to the weights,
     * and makes no step.
     *
     * @param number the step, from 1; one after the last has batches too, which training never sees
     */
    public void addGradients(int number) {
        Engine.getEngine(ENGINE).setRandomSeed(seedOf(number));
        for (int i = 0; i < options.accumulate; i++) {
            addGradient(number - 1, i);
        }
    }

    private float update(int next) {
        float limit = options.clip == 0 ? Float.POSITIVE_INFINITY : (float) options.clip;
        try {
            return OptimizerStep.apply(trainer, optimizer, limit);
        } catch (IllegalStateException e) { // here it can only mean NaN or infinity
            throw new TrainingDivergedException("Step " + next + ": " + e.getMessage(), e);
        }
    }

    /** Adds a batch's share to the gradients and returns its share of the loss. */
    private double addGradient(int done, int i) {
        try (NDManager scratch = trainer.getManager().newSubManager()) {
            NDList batch = batches.batch((long) done * options.accumulate + i, scratch);
            return gradient.add(batch, 1.0 / options.accumulate) / options.accumulate;
        }
    }

    /** Returns the spectra measured since they were last asked for. */
    List<UpdateSpectra> spectra() {
        return recorder.take();
    }

    /** Returns the validation loss in nats per token, on the same batches every time. */
    public float validate() {
        return validate(() -> false);
    }

    /** Measures the model as {@link #validate()} does; NaN if asked to stop meanwhile. */
    float validate(BooleanSupplier stop) {
        Evaluation.Result result = validation.run(gpt2, trainer.getManager(), stop);
        return result == null ? Float.NaN : (float) result.loss();
    }

    /** Writes the state after the last step. */
    void checkpoint(Checkpoints checkpoints) {
        checkpoints.write(
                step,
                gpt2.getConfig(),
                options.keep,
                directory -> {
                    Checkpoints.ModelFile.write(step, gpt2, directory.resolve(Checkpoints.MODEL));
                    if (optimizer instanceof StatefulOptimizer stateful) {
                        OptimizerState.save(
                                stateful, gpt2, directory.resolve(Checkpoints.OPTIMIZER));
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

    /** Frees the model and the optimizer's state. */
    @Override
    public void close() {
        gradient.close();
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
