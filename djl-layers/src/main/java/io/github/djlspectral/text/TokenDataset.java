package io.github.djlspectral.text;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.Batchifier;
import ai.djl.util.Progress;
import java.util.stream.LongStream;

/**
 * Token shards as a DJL {@link Dataset}, so that {@code EasyTrain.fit} trains on them:
 *
 * <pre>{@code
 * DefaultTrainingConfig config = muon.attachTo(new DefaultTrainingConfig(new NextTokenLoss()));
 * try (Trainer trainer = model.newTrainer(config)) {                    // the block is a Gpt2
 *     trainer.initialize(new Shape(batchSize, contextLength));
 *     EasyTrain.fit(
 *             trainer,
 *             epochs,
 *             new TokenDataset(TokenBatches.random(shards, batchSize, contextLength, seed), 100),
 *             new TokenDataset(TokenBatches.inOrder(validation, batchSize, contextLength), 20));
 * }
 * }</pre>
 *
 * <p>A batch's data are inputs and targets, int64 [B, T], which a {@code Gpt2} turns into the loss
 * without holding all logits; {@code NextTokenLoss} hands it on. With {@link #inputsOnly} it
 * returns logits, which evaluators such as {@code Accuracy} and other losses need. The labels are
 * the targets either way.
 *
 * <p>Batches at random positions go on from epoch to epoch; those in order begin anew, so that
 * epochs can be compared. What an epoch has is a function of the seed and the {@link #position}.
 */
public final class TokenDataset implements Dataset {

    private final TokenBatches batches;
    private final long epoch;
    private boolean inputsOnly;
    private long position;

    /**
     * Creates a dataset.
     *
     * @param batches the batches
     * @param epoch the most batches in an epoch, at least 1
     * @throws BadInputException if the number is less than 1
     */
    public TokenDataset(TokenBatches batches, long epoch) {
        BadInputException.unless(epoch >= 1, "The epoch is %s, but must be at least 1", epoch);
        this.batches = batches;
        this.epoch = Math.min(epoch, batches.count());
    }

    /**
     * Leaves the targets out of the data, so that a {@code Gpt2} returns logits [B, T, V].
     *
     * @return this
     */
    public TokenDataset inputsOnly() {
        inputsOnly = true;
        return this;
    }

    /**
     * Goes on where an earlier training ended.
     *
     * @param position the number of the next batch at a random position, at least 0
     * @return this
     * @throws BadInputException if the number is negative, or batches are in order
     */
    public TokenDataset startAt(long position) {
        BadInputException.unless(
                endless(), "Batches in order begin anew in each epoch: they have no position");
        BadInputException.unless(
                position >= 0, "The position is %s, but must be at least 0", position);
        this.position = position;
        return this;
    }

    /** {@return how many batches at random positions there were, in all epochs} */
    public long position() {
        return position;
    }

    @Override
    public Iterable<Batch> getData(NDManager manager) {
        return () -> LongStream.range(0, epoch).mapToObj(i -> next(i, manager)).iterator();
    }

    private boolean endless() {
        return batches.count() == Long.MAX_VALUE;
    }

    private Batch next(long number, NDManager manager) {
        NDManager own = manager.newSubManager();
        NDList arrays = batches.batch(endless() ? position++ : number, own);
        NDList labels = new NDList(arrays.get(1));
        NDList data = inputsOnly ? new NDList(arrays.get(0)) : arrays;
        return new Batch(
                own,
                data,
                labels,
                (int) labels.head().getShape().get(0),
                Batchifier.STACK,
                Batchifier.STACK,
                number,
                epoch);
    }

    /** Does nothing: shards are mapped when they are opened. */
    @Override
    public void prepare(Progress progress) {}
}
