package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.NormalInitializer;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.KeyValueCache;
import io.github.djlspectral.torch.Host;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * GPT-2 124M with random weights writes 256 tokens, each the most likely one, after a prompt of 16:
 * with a cache, and by a forward pass over everything so far.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(suite = Suite.GENERATION, subject = "124M, 256 tokens after 16")
public class GenerationBenchmark {

    private static final int PROMPT = 16;
    private static final int NEW = 256;
    private static final int BATCH = 8;

    private NDManager manager;
    private Gpt2 gpt2;
    private long[] written;

    /** Creates the model. */
    @Setup
    public void create() {
        manager = LoadedEngine.start();
        gpt2 = Gpt2.builder().setConfig(Gpt2Config.gpt2Small()).build();
        for (Parameter parameter : gpt2.getParameters().values()) {
            if (parameter.getName().matches("(h|wpe)\\..*weight")
                    && parameter.getShape().dimension() == 2) {
                // An untrained model mostly repeats its last token, which proves little.
                parameter.setInitializer(new NormalInitializer(0.05f));
            }
        }
        gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, PROMPT));
    }

    /**
     * Checks that each token is the most likely one by a single pass over all of them, which
     * recomputation would have taken too, and frees the model.
     */
    @TearDown
    public void checkAndClose() {
        NDArray input = manager.create(written, new Shape(1, PROMPT + NEW));
        NDArray best =
                gpt2.forward(new ParameterStore(manager, false), new NDList(input), false)
                        .singletonOrThrow()
                        .argMax(2);
        NDArray after = best.get(0).get((PROMPT - 1) + ":" + (PROMPT + NEW - 1));
        long[] expected = Host.read(after, NDArray::toLongArray);
        manager.close();
        if (!Arrays.equals(expected, Arrays.copyOfRange(written, PROMPT, PROMPT + NEW))) {
            throw new IllegalStateException("The tokens are not those of a pass over all of them");
        }
    }

    /**
     * One sequence with a cache.
     *
     * @return the tokens
     */
    @Benchmark
    @Compared(contender = "with a cache", against = "without a cache")
    public long[] cached() {
        return write(1);
    }

    /**
     * Eight sequences with a cache: eight times as many tokens.
     *
     * @return the tokens of the first
     */
    @Benchmark
    @Compared(contender = "eight at a time, with caches")
    public long[] cachedEight() {
        return write(BATCH);
    }

    private long[] write(int batch) {
        try (NDManager session = manager.newSubManager()) {
            long[] tokens = prompt();
            KeyValueCache cache = gpt2.newCache(session, batch, PROMPT + NEW);
            int[] all = IntStream.range(0, batch).toArray();
            for (int length = PROMPT; length < tokens.length; length++) {
                long[] fresh =
                        Arrays.copyOfRange(tokens, length == PROMPT ? 0 : length - 1, length);
                try (NDManager scratch = session.newSubManager()) {
                    NDArray input = scratch.create(fresh).reshape(1, -1).repeat(0, batch);
                    ParameterStore store = new ParameterStore(scratch, false);
                    NDArray logits = gpt2.next(store, input, cache, all);
                    tokens[length] = Host.read(logits.get(0).argMax(), NDArray::getLong);
                }
            }
            written = tokens;
            return tokens;
        }
    }

    /**
     * One sequence without a cache.
     *
     * @return the tokens
     */
    @Benchmark
    @Warmup(iterations = 0) // 256 passes are long enough to be warm for nearly all of the time
    @Measurement(iterations = 1)
    @Compared(contender = "without a cache")
    public long[] recomputed() {
        long[] tokens = prompt();
        for (int length = PROMPT; length < tokens.length; length++) {
            try (NDManager scratch = manager.newSubManager()) {
                NDArray input = scratch.create(Arrays.copyOf(tokens, length), new Shape(1, length));
                NDArray logits =
                        gpt2.forward(new ParameterStore(scratch, false), new NDList(input), false)
                                .singletonOrThrow();
                NDArray next = logits.get(0).get(length - 1).argMax();
                tokens[length] = Host.read(next, NDArray::getLong);
            }
        }
        written = tokens;
        return tokens;
    }

    private static long[] prompt() {
        long[] tokens = new long[PROMPT + NEW];
        for (int i = 0; i < PROMPT; i++) {
            tokens[i] = 1000 + i;
        }
        return tokens;
    }
}
