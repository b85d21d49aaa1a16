package io.github.djlspectral.text;

import static io.github.djlspectral.text.BadInputException.unless;

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
 * TokenDataset training = new TokenDataset(TokenBatches.random(shards, batchSize, length, 1), 100);
 * TokenDataset validation = new TokenDataset(TokenBatches.inOrder(others, batchSize, length), 20);
 * DefaultTrainingConfig config = muon.attachTo(new DefaultTrainingConfig(new NextTokenLoss()));
 * try (Trainer trainer = model.newTrainer(config)) { // the block is a Gpt2
 *     trainer.initialize(new Shape(batchSize, length));
 *     EasyTrain.fit(trainer, epochs, training, validation);
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
        unless(epoch >= 1, "The epoch is %s, but must be at least 1", epoch);
        this.batches = batches;
        this.epoch = Math.min(epoch, batches.count());
    }

    /** {@return this, with data without targets, so that a {@code Gpt2} returns logits} */
    public TokenDataset inputsOnly() {
        inputsOnly = true;
        return this;
    }

    /**
     * {@return this, going on where an earlier training ended}
     *
     * @param position the number of the next batch, at least 0; not of batches in order
     */
    public TokenDataset startAt(long position) {
        unless(endless(), "Batches in order begin anew in each epoch: they have no position");
        unless(position >= 0, "The position is %s, but must be at least 0", position);
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
        int size = (int) labels.head().getShape().get(0);
        Batchifier batchifier = Batchifier.STACK;
        return new Batch(own, data, labels, size, batchifier, batchifier, number, epoch);
    }

    /** Does nothing: shards are mapped when they are opened. */
    @Override
    public void prepare(Progress progress) {}
}
