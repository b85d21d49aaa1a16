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
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/**
 * GPT-2 124M with random weights writes 256 tokens, each the most likely one, after a prompt of 16:
 * with a cache, and by a forward pass over everything so far.
 */
@BenchmarkMode(Mode.SingleShotTime)
public abstract class GenerationBenchmark extends EngineBenchmark {

    private static final int PROMPT = 16;
    private static final int NEW = 256;
    private static final int BATCH = 8;

    @Param("generation")
    String suite;

    @Param("124M, " + NEW + " tokens after " + PROMPT)
    String subject;

    private Gpt2 gpt2;
    private final long[] tokens = new long[PROMPT + NEW];

    /** With a cache: one sequence, or eight, which are eight times as many tokens. */
    @Warmup(iterations = 1)
    @Measurement(iterations = 3)
    public static class Cached extends GenerationBenchmark {

        @Param({"with a cache", "eight at a time, with caches"})
        String contender;

        /** Writes all tokens. */
        @Benchmark
        public void write() {
            cached(contender.startsWith("eight") ? BATCH : 1);
        }
    }

    /** One sequence without a cache: 256 passes are warm for nearly all of the time. */
    @Warmup(iterations = 0)
    @Measurement(iterations = 1)
    public static class Recomputed extends GenerationBenchmark {

        @Param("without a cache")
        String contender;

        /** Writes all tokens. */
        @Benchmark
        public void write() {
            recomputed();
        }
    }

    @Override
    void make() {
        for (int i = 0; i < PROMPT; i++) {
            tokens[i] = 1000 + i;
        }
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

    void cached(int batch) {
        try (NDManager session = manager.newSubManager()) {
            KeyValueCache cache = gpt2.newCache(session, batch, tokens.length);
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
        }
    }

    void recomputed() {
        for (int length = PROMPT; length < tokens.length; length++) {
            try (NDManager scratch = manager.newSubManager()) {
                NDArray logits = logits(scratch, Arrays.copyOf(tokens, length));
                NDArray next = logits.get(0).get(length - 1).argMax();
                tokens[length] = Host.read(next, NDArray::getLong);
            }
        }
    }

    private NDArray logits(NDManager scratch, long[] sequence) {
        NDArray input = scratch.create(sequence, new Shape(1, sequence.length));
        return gpt2.forward(new ParameterStore(scratch, false), new NDList(input), false)
                .singletonOrThrow();
    }

    /**
     * Checks that each token is the most likely one by a single pass over all of them, which
     * recomputation would have taken too.
     */
    @Override
    void finish() {
        NDArray best = logits(manager, tokens).argMax(2).get(0);
        NDArray after = best.get((PROMPT - 1) + ":" + (tokens.length - 1));
        long[] expected = Host.read(after, NDArray::toLongArray);
        if (!Arrays.equals(expected, Arrays.copyOfRange(tokens, PROMPT, tokens.length))) {
            throw new IllegalStateException("The tokens are not those of a pass over all of them");
        }
    }
}
