package io.github.djlspectral.spark;

import ai.djl.Device;
import ai.djl.TrainingDivergedException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.util.Pair;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.torch.Host;
import java.io.Serializable;
import java.util.function.BiFunction;

/**
 * One of the workers of {@link LocalUpdates}, in an executor: what trains on its own share of the
 * data. It lives for one round, in one thread; what it is to remember is its optimizer's state.
 */
public interface LocalWorker extends AutoCloseable {

    /** {@return the block in training, initialised, with arrays of float32 on one device} */
    Block block();

    /** {@return the optimizer, whose state is kept from round to round} */
    Optimizer optimizer();

    /**
     * Makes a step. What it does is to be a function of the weights, the optimizer's state and this
     * number alone, as Spark may repeat it elsewhere: seeds and batches come from the number.
     *
     * @param number the step, from 1
     * @return what it found
     * @throws TrainingDivergedException if the training cannot go on; it is not tried again
     */
    Step step(long number);

    @Override
    void close();

    /**
     * What a step found.
     *
     * @param loss the loss
     * @param norm the gradient's norm before clipping
     */
    record Step(double loss, double norm) {}

    /**
     * Which worker it is.
     *
     * @param worker its number, from 0
     * @param workers how many there are
     * @param step the steps made before this round
     * @param device the GPU that Spark assigned to the task, else the CPU
     */
    record Share(int worker, int workers, long step, Device device) {}

    /** Creates workers; sent to executors, so that what it refers to is serialised. */
    @FunctionalInterface
    interface Factory extends Serializable {

        /**
         * {@return a worker, whose initial weights do not matter: it gets those of the round}
         *
         * @param share which worker it is
         * @throws Exception if it cannot be created, which is tried again elsewhere
         */
        LocalWorker create(Share share) throws Exception;
    }

    /**
     * {@return a worker that trains a model by DJL's own means} The engine's random numbers, such
     * as those of dropout, are determined by the step and the worker.
     *
     * @param share which worker it is
     * @param trainer the trainer of a model on the share's device, initialised
     * @param optimizer the trainer's optimizer; all three are closed with the worker
     * @param batches gives data and labels of a step, by its number, in a manager that is closed
     *     after it: the worker's share of the data
     */
    static LocalWorker of(
            Share share,
            Trainer trainer,
            Optimizer optimizer,
            BiFunction<Long, NDManager, Pair<NDList, NDList>> batches) {
        return new LocalWorker() {

            @Override
            public Block block() {
                return trainer.getModel().getBlock();
            }

            @Override
            public Optimizer optimizer() {
                return optimizer;
            }

            @Override
            public Step step(long number) {
                int seed = Long.hashCode(number * share.workers() + share.worker());
                trainer.getManager().getEngine().setRandomSeed(seed);
                Loss loss = trainer.getLoss();
                try (NDManager scratch = trainer.getManager().newSubManager();
                        GradientCollector collector = trainer.newGradientCollector()) {
                    Pair<NDList, NDList> batch = batches.apply(number, scratch);
                    NDList predictions = trainer.forward(batch.getKey());
                    predictions.attach(scratch);
                    NDArray value = loss.evaluate(batch.getValue(), predictions);
                    value.attach(scratch);
                    collector.backward(value);
                    double found = Host.<Number>read(value, NDArray::getFloat).doubleValue();
                    if (!Double.isFinite(found)) {
                        throw new TrainingDivergedException("The loss is " + found);
                    }
                    double all = Double.POSITIVE_INFINITY;
                    return new Step(found, OptimizerStep.apply(trainer, optimizer, all));
                } catch (IllegalStateException e) { // here it can only mean NaN or infinity
                    throw new TrainingDivergedException(e.getMessage(), e);
                }
            }

            @Override
            public void close() {
                trainer.close();
                if (optimizer instanceof StatefulOptimizer stateful) {
                    stateful.close();
                }
                if (optimizer instanceof SpectralOptimizer spectral
                        && spectral.getFallback() instanceof StatefulOptimizer fallback) {
                    fallback.close();
                }
                trainer.getModel().close();
            }
        };
    }
}
