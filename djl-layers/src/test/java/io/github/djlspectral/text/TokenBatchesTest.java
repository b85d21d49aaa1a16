package io.github.djlspectral.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenBatchesTest {

    private static final int CONTEXT = 4;

    @TempDir private Path folder;
    private List<TokenShard> shards;

    /** Tokens are their own positions; the middle shard is too short for a window. */
    @BeforeEach
    void writeShards() {
        shards = List.of(shard(0, 24), shard(1000, 4), shard(2000, 64));
    }

    private TokenShard shard(int first, int length) {
        Path file = folder.resolve(first + ".bin");
        TokenShard.write(file, IntStream.range(first, first + length).toArray());
        return TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE);
    }

    private TokenBatches batches(int batchSize, long seed) {
        return TokenBatches.random(shards, batchSize, CONTEXT, seed);
    }

    @Test
    void targetsAreTheNextTokensOfOneShard() {
        for (long i = 0; i < 100; i++) {
            TokenBatches.Tokens batch = batches(3, 5).batch(i);
            assertThat(batch.inputs()).hasSize(3 * CONTEXT);
            assertThat(batch.targets()).hasSize(3 * CONTEXT);
            assertThat(batches(3, 5).learned(i)).isEqualTo(3 * CONTEXT);
            for (int j = 0; j < batch.inputs().length; j++) {
                assertThat(batch.targets()[j]).isEqualTo(batch.inputs()[j] + 1);
                if (j % CONTEXT > 0) {
                    assertThat(batch.inputs()[j]).isEqualTo(batch.inputs()[j - 1] + 1);
                }
            }
        }
    }

    /** Resuming in another process needs these numbers; an independent program gave them. */
    @Test
    void positionsAreAFunctionOfSeedAndNumber() {
        assertThat(firstTokens(batches(4, 0).batch(0))).containsExactly(2050, 2014, 2, 2057);
        assertThat(firstTokens(batches(4, 0).batch(1L << 40)))
                .containsExactly(2019, 2024, 2054, 2001);
        assertThat(firstTokens(batches(4, -1).batch(0))).containsExactly(2031, 2036, 2005, 2);
    }

    private static long[] firstTokens(TokenBatches.Tokens batch) {
        return IntStream.range(0, batch.inputs().length / CONTEXT)
                .mapToLong(row -> batch.inputs()[row * CONTEXT])
                .toArray();
    }

    @Test
    void orderOfAskingDoesNotMatter() {
        TokenBatches batches = batches(2, 7);
        TokenBatches.Tokens before = batches.batch(10);
        batches.batch(3);
        assertThat(batches.batch(10).inputs()).isEqualTo(before.inputs());
        assertThat(batches(2, 7).batch(10).targets()).isEqualTo(before.targets());
        assertThat(batches(2, 8).batch(10).inputs()).isNotEqualTo(before.inputs());
        assertThat(batches.batch(11).inputs()).isNotEqualTo(before.inputs());
    }

    @Test
    void smallBatchesAreThePartsOfALargeOne() {
        TokenBatches.Tokens large = batches(6, 3).batch(5);
        long[] parts =
                IntStream.range(0, 3)
                        .mapToObj(i -> batches(2, 3).batch(15 + i).inputs())
                        .flatMapToLong(Arrays::stream)
                        .toArray();
        assertThat(parts).isEqualTo(large.inputs());
    }

    /**
     * 80 windows (20 + 0 + 60), 80,000 draws. Chi-square with 79 degrees of freedom is below 124.8
     * with probability 0.999; the seed is fixed, so this passes always or never.
     */
    @Test
    void everyWindowIsEquallyLikely() {
        int[] counts = new int[80];
        for (long i = 0; i < 1000; i++) {
            for (long first : firstTokens(batches(80, 42).batch(i))) {
                counts[(int) (first < 1000 ? first : first - 2000 + 20)]++;
            }
        }
        double chiSquare =
                Arrays.stream(counts).mapToDouble(n -> (n - 1000.0) * (n - 1000) / 1000).sum();
        assertThat(chiSquare).isLessThan(124.8);
    }

    @Test
    void sequentialPassVisitsEachWindowOnce() {
        TokenBatches pass = TokenBatches.inOrder(shards, 4, CONTEXT);
        // (24 - 1) / 4 = 5 windows, none, (64 - 1) / 4 = 15 windows.
        assertThat(pass.count()).isEqualTo(5);
        long[] firsts =
                IntStream.range(0, 5)
                        .mapToObj(pass::batch)
                        .flatMapToLong(batch -> Arrays.stream(firstTokens(batch)))
                        .toArray();
        long[] expected = new long[20];
        Arrays.setAll(expected, i -> i < 5 ? 4L * i : 2000 + 4L * (i - 5));
        assertThat(firsts).isEqualTo(expected);
        assertThatThrownBy(() -> pass.batch(5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[0, 5)");
    }

    @Test
    void lastSequentialBatchMayBeSmaller() {
        TokenBatches pass = TokenBatches.inOrder(shards, 6, CONTEXT);
        assertThat(pass.count()).isEqualTo(4);
        TokenBatches.Tokens last = pass.batch(3);
        assertThat(last.inputs()).containsExactly(2052, 2053, 2054, 2055, 2056, 2057, 2058, 2059);
        assertThat(last.targets()[7]).isEqualTo(2060);
        assertThat(pass.learned(3)).isEqualTo(8);
    }

    @Test
    void oneContextAndOneTokenAreEnough() {
        List<TokenShard> five = List.of(shards.get(0).slice(0, 5));
        assertThat(TokenBatches.random(five, 1, CONTEXT, 0).batch(9).targets())
                .containsExactly(1, 2, 3, 4);
        assertThat(TokenBatches.inOrder(five, 1, CONTEXT).count()).isEqualTo(1);
    }

    @Test
    void textShorterThanOneContextIsReported() {
        List<TokenShard> four = List.of(shards.get(1));
        assertThatThrownBy(() -> TokenBatches.random(four, 1, CONTEXT, 0))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("1000.bin (4 tokens)")
                .hasMessageContaining("at least 5 tokens");
        assertThatThrownBy(() -> TokenBatches.inOrder(four, 1, CONTEXT))
                .isInstanceOf(BadInputException.class);
    }

    @Test
    void wrongNumbersAreReported() {
        assertThatThrownBy(() -> batches(0, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> TokenBatches.random(shards, 1, 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("context length is 0");
        assertThatThrownBy(() -> TokenBatches.random(List.of(), 1, 1, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> batches(1, 0).batch(-1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
