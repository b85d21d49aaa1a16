package io.github.djlspectral.optim;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.optimizer.Optimizer;
import java.util.ArrayList;
import java.util.List;

/** Chooses the parameters that it updates itself, and leaves the others to a fallback. */
abstract class RoutedOptimizer extends StatefulOptimizer implements TrainingListener {

    /** Without a routing, the largest ratio of a hidden matrix's sides. */
    static final int MAX_ASPECT = 16;

    final Optimizer fallback;
    final boolean ownsFallback;
    final UpdateScale updateScale;
    volatile ParameterRouting routing;
    private Block found; // of the trainer, for which it made the routing by itself

    RoutedOptimizer(SpectralOptimizer.Builder<?> builder) {
        super(builder);
        routing = builder.routing;
        updateScale = builder.updateScale;
        ownsFallback = builder.fallback == null;
        fallback = ownsFallback ? defaultFallback(builder) : builder.fallback;
    }

    /** AdamW under the same options, so that whoever sets one need not know of two groups. */
    private DecoupledAdamW defaultFallback(SpectralOptimizer.Builder<?> builder) {
        DecoupledAdamW.Builder adamW =
                DecoupledAdamW.builder()
                        .optLearningRateTracker(builder.learningRate())
                        .optWeightDecays(getWeightDecay())
                        .setRescaleGrad(rescaleGrad)
                        .optClipGrad(clipGrad)
                        .optBeginNumUpdate(builder.beginNumUpdate);
        adamW.rateRatio = builder.updateScale.fallbackRatio();
        return adamW.build();
    }

    /**
     * {@return the optimizer of all other parameters} {@link #close} closes it only if it is the
     * default one.
     */
    public final Optimizer getFallback() {
        return fallback;
    }

    /**
     * {@return what goes where and at which rate: the table of the {@linkplain
     * ParameterRouting#toTable routing}, if there is one, and a line for each of the two groups}
     */
    public final String toTable() {
        return "%sspectral: %s, update scale %s\nfallback: %s %s\n"
                .formatted(
                        routing == null ? "no routing: shapes decide\n" : routing.toTable(),
                        getClass().getSimpleName(),
                        updateScale,
                        fallback.getClass().getSimpleName(),
                        ownsFallback
                                ? "at " + updateScale.fallbackRatio() + " times its learning rate"
                                : "as given, at its own learning rate");
    }

    /**
     * Makes a configuration train with this optimizer, in one statement where the block is not at
     * hand, as in DJL's examples:
     *
     * <pre>{@code
     * return Muon.builder().build().attachTo(new DefaultTrainingConfig(loss));
     * }</pre>
     *
     * @param config the configuration, which gets this as its optimizer and as a listener
     * @return the configuration
     */
    public final DefaultTrainingConfig attachTo(DefaultTrainingConfig config) {
        return config.optOptimizer(this).addTrainingListeners(this);
    }

    /**
     * Makes the routing of the trainer's block, by the rules of {@link ParameterRouting}, unless
     * the builder was given one; likewise for a spectral fallback. Trainers call this when they are
     * made.
     *
     * @param trainer the trainer
     * @throws IllegalStateException if an earlier trainer had another block, whose routing stays
     */
    @Override
    public void onTrainingBegin(Trainer trainer) {
        if (fallback instanceof RoutedOptimizer next) {
            next.onTrainingBegin(trainer);
        }
        Block block = trainer.getModel().getBlock();
        check(
                found == null || found == block,
                "%s trains another block than that of model %s; build an optimizer for each model,"
                        + " or say optRouting(ParameterRouting.of(..)) with a block that has both",
                getClass().getSimpleName(),
                trainer.getModel().getName());
        if (routing == null || found != null) {
            found = block;
            routing = ParameterRouting.of(block); // anew: a head may have been replaced
        }
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {}

    @Override
    public void onValidationBatch(Trainer trainer, BatchData batchData) {}

    @Override
    public void onEpoch(Trainer trainer) {}

    @Override
    public void onTrainingEnd(Trainer trainer) {}

    private boolean isSpectral(String parameterId, Shape shape) {
        if (routing != null) {
            return routing.isSpectral(parameterId);
        }
        if (BlockRoles.shapeToFallBack(shape) != null) {
            return false;
        }
        long rows = shape.get(0);
        long columns = shape.size() / rows;
        return Math.max(rows, columns) <= MAX_ASPECT * Math.min(rows, columns);
    }

    @Override
    Optimizer owner(String parameterId, Shape shape) {
        if (fallback instanceof RoutedOptimizer next) {
            requireWork(next);
        }
        Route route = routing == null ? null : routing.find(parameterId);
        if (route != null && route.group() != null) {
            return route.group();
        }
        if (isSpectral(parameterId, shape)) {
            return this;
        }
        return fallback instanceof StatefulOptimizer next
                ? next.owner(parameterId, shape)
                : fallback;
    }

    /** A spectral fallback that nothing comes to would leave all to its own, silently. */
    private void requireWork(RoutedOptimizer next) {
        String mine = getClass().getSimpleName();
        boolean works =
                routing == null || next.routing == null || routing.leavesSpectral(next.routing);
        String words =
                "%s, the fallback, has nothing to do: %s takes every matrix that is spectral by the"
                        + " fallback's routing; say withFallback(..) in the routing of %s or"
                        + " withSpectral(..) in the fallback's";
        check(works, words, next.getClass().getSimpleName(), mine, mine);
    }

    private List<Optimizer> groups() {
        return routing == null ? List.of() : routing.groups();
    }

    @Override
    ParameterRouting routing() {
        return routing == null && fallback instanceof StatefulOptimizer next
                ? next.routing()
                : routing;
    }

    @Override
    List<StatefulOptimizer> parts() {
        List<StatefulOptimizer> parts = new ArrayList<>(super.parts());
        parts.addAll(OptimizerState.stateful(fallback).parts());
        groups().forEach(group -> parts.add(OptimizerState.stateful(group)));
        return parts.stream().distinct().toList();
    }

    @Override
    void requireOpen() {
        super.requireOpen();
        if (fallback instanceof StatefulOptimizer next) {
            next.requireOpen();
        }
        for (Optimizer group : groups()) {
            if (group instanceof StatefulOptimizer stateful) {
                stateful.states.requireOpen();
            }
        }
    }

    /**
     * Frees the momentum, and closes the default fallback; one that was given is the giver's to
     * close.
     */
    @Override
    public void close() {
        super.close();
        if (ownsFallback) {
            ((StatefulOptimizer) fallback).close();
        }
    }
}
