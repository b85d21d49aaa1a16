package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KeyValueCacheTest extends Gpt2Fixture {

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void tokenByTokenGivesTheLogitsOfTheWhole(boolean bias) {
        Gpt2 model = perturbed(new Gpt2Config(53, 16, 3, 4, 32, 0.1f, bias), Precision.FLOAT32);
        NDArray tokens = tokens(model.getConfig(), new Shape(2, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        KeyValueCache cache = model.newCache(manager, 2, 16);
        for (int end = 5; end <= 16; end++) {
            NDArray newest = tokens.get(columns(end == 5 ? 0 : end - 1, end));
            NDArray next = model.next(store, newest, cache, 0, 1);
            assertThat(next.getShape()).isEqualTo(new Shape(2, 53));
            // Both are float32 sums of the same terms in other orders.
            assertThat(relativeError(next, whole.get(":," + (end - 1)))).isLessThan(2e-6);
            assertThat(cache.length(1)).isEqualTo(end);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 15", "7, 9", "14, 2", "15, 1"})
    void severalTokensCanFollowSeveral(int first, int second) {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(1, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        KeyValueCache cache = cache(model, first + second);
        model.next(store, tokens.get(columns(0, first)), cache, 0);
        NDArray next = model.next(store, tokens.get(columns(first, 16)), cache, 0);
        assertThat(relativeError(next, whole.get(":,15"))).isLessThan(2e-6);
    }

    @Test
    void bfloat16AgreesToItsOwnPrecision() {
        Gpt2 model = perturbed(SMALL, Precision.BFLOAT16);
        NDArray tokens = tokens(SMALL, new Shape(1, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        KeyValueCache cache = cache(model, 16);
        for (int i = 0; i < 16; i++) {
            NDArray next = model.next(store, tokens.get(columns(i, i + 1)), cache, 0);
            assertThat(next.getDataType()).isEqualTo(DataType.FLOAT32);
            // A sum in another order may round to the neighbour, 2^-8 away, or nothing is rounded
            // here, in each of 3 layers with 4 products each: 12 errors of 2^-8 at most.
            assertThat(relativeError(next, whole.get(":," + i))).isLessThan(12.0 / 256);
        }
    }

    @Test
    void whereOperandsAreRoundedInferenceIsExact() {
        assumeThat(ProductFormat.of(Precision.BFLOAT16, manager.getDevice()))
                .isEqualTo(ProductFormat.ROUNDED);
        Gpt2 rounded = perturbed(SMALL, Precision.BFLOAT16);
        Gpt2 exact = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(1, 9), 1);
        NDArray next = rounded.next(store, tokens, cache(rounded, 9), 0);
        assertThat(next).isEqualTo(exact.next(store, tokens, cache(exact, 9), 0));
    }

    @Test
    void inDoublePrecisionAnyMistakeStandsOutOfTheRounding() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        NDArray tokens = tokens(SMALL, new Shape(1, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        KeyValueCache cache = cache(model, 16);
        for (int i = 0; i < 16; i++) {
            NDArray next = model.next(store, tokens.get(columns(i, i + 1)), cache, 0);
            assertThat(next.getDataType()).isEqualTo(DataType.FLOAT64);
            assertThat(relativeError(next, whole.get(":," + i))).isLessThan(1e-12);
        }
    }

    /** One call for all lengths is what a GPU does; what it masks must be a number. */
    @ParameterizedTest
    @CsvSource({"false, NaN", "true, 7"})
    void sequencesOfDifferentLengthsContinueTogether(boolean mixed, double unused) {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(5, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        KeyValueCache cache = model.newCache(manager, 7, 16);
        cache.array.set(new NDIndex(":"), unused);
        int[] rows = {0, 1, 3, 4, 6};
        int[] lengths = {7, 7, 7, 3, 11};
        for (int i = 0; i < 5; i++) {
            NDArray prompt = tokens.get(new NDIndex(i + ":" + (i + 1) + ",:" + lengths[i]));
            next(model, prompt, cache, mixed, rows[i]);
        }
        for (int count : new int[] {1, 1, 2, 1}) {
            NDList newest = new NDList();
            for (int i = 0; i < 5; i++) {
                int from = cache.length(rows[i]);
                newest.add(tokens.get(i).get(from + ":" + (from + count)).reshape(1, count));
            }
            NDArray next = next(model, NDArrays.concat(newest), cache, mixed, rows);
            for (int i = 0; i < 5; i++) {
                NDArray exact = whole.get(i).get(cache.length(rows[i]) - 1);
                assertThat(relativeError(next.get(i), exact)).isLessThan(2e-6);
            }
        }
    }

    /** As {@link Gpt2#next}, with the choice that it leaves to the device. */
    private NDArray next(
            Gpt2 model, NDArray tokens, KeyValueCache cache, boolean mixed, int... rows) {
        NDList weights =
                new NDList(
                        model.getParameters().values().stream().map(Parameter::getArray).toList());
        long[] numbers = Arrays.stream(rows).asLongStream().toArray();
        long[] lengths = Arrays.stream(rows).mapToLong(cache::length).toArray();
        Object[] arguments = {tokens, weights, cache.array, numbers, lengths, mixed};
        cache.grow((int) tokens.getShape().get(1), rows);
        return ProductFormat.EXACT
                .kernels(SMALL, false, null)
                .call(manager, "decode", arguments)
                .singletonOrThrow();
    }

    @Test
    void aCopiedSequenceGoesOnAsItWould() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(2, 9), 1);
        KeyValueCache cache = model.newCache(manager, 2, 9);
        model.next(store, tokens.get(columns(0, 8)), cache, 0, 1);
        NDArray last = tokens.get(new NDIndex("1:2,8:9"));
        cache.copy(1, 0);
        NDArray expected = model.next(store, last, cache, 1);
        assertThat(model.next(store, last, cache, 0)).isEqualTo(expected);
    }

    @Test
    void greedyTokensAreThoseOfTheWholeOverTheWholeContext() {
        Gpt2Config config = new Gpt2Config(53, 64, 3, 4, 32, 0, true);
        Gpt2 model = perturbed(config, Precision.FLOAT32);
        long[] cached = {7};
        long[] recomputed = {7};
        KeyValueCache cache = cache(model, 64);
        for (int length = 1; length <= 64; length++) {
            NDArray last = manager.create(new long[] {cached[length - 1]}, new Shape(1, 1));
            cached = append(cached, model.next(store, last, cache, 0));
            NDArray all = manager.create(recomputed, new Shape(1, length));
            NDArray logits = model.forward(store, new NDList(all), false).singletonOrThrow();
            recomputed = append(recomputed, logits.get(":," + (length - 1)));
        }
        assertThat(cached).isEqualTo(recomputed);
        assertThat(Arrays.stream(cached).distinct().count()).isGreaterThan(5);
    }

    private static long[] append(long[] tokens, NDArray logits) {
        long[] longer = Arrays.copyOf(tokens, tokens.length + 1);
        longer[tokens.length] = logits.argMax().getLong();
        return longer;
    }

    @Test
    void aClearedCacheIsANewOne() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(1, 9), 1);
        KeyValueCache cache = cache(model, 9);
        NDArray first = model.next(store, tokens, cache, 0);
        cache.clear(0);
        assertThat(cache.length(0)).isZero();
        assertThat(model.next(store, tokens, cache, 0)).isEqualTo(first);
    }

    @Test
    void aScopeAroundOneStepLeavesTheCache() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(1, 9), 1);
        KeyValueCache whole = cache(model, 9);
        model.next(store, tokens.get(columns(0, 5)), whole, 0);
        NDArray expected = model.next(store, tokens.get(columns(5, 9)), whole, 0);
        KeyValueCache cache;
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            cache = cache(model, 9);
            model.next(store, tokens.get(columns(0, 5)), cache, 0);
        }
        NDArray next = model.next(store, tokens.get(columns(5, 9)), cache, 0);
        assertThat(next).isEqualTo(expected);
    }

    @Test
    void memoryIsFlat() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        int before = manager.getManagedArrays().size();
        try (NDManager scratch = manager.newSubManager();
                KeyValueCache cache = model.newCache(manager, 2, 16)) {
            NDArray token = scratch.create(new long[1], new Shape(1, 1));
            ParameterStore parameters = new ParameterStore(scratch, false);
            for (int i = 0; i < 16; i++) {
                model.next(parameters, token, cache, 0);
            }
            // The token and a row of logits per call: nothing of the layers.
            assertThat(scratch.getManagedArrays()).hasSize(17);
            int open = manager.getManagedArrays().size();
            cache.copy(0, 1);
            assertThat(manager.getManagedArrays()).hasSize(open);
        }
        assertThat(manager.getManagedArrays()).hasSize(before);
    }

    @Test
    void badInputIsNamedAndLeavesTheCache() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        NDArray three = tokens(SMALL, new Shape(1, 3), 1);
        KeyValueCache cache = cache(model, 5);
        model.next(store, three, cache, 0);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, three, cache, 0))
                .withMessageContaining("holds 3 of at most 5 tokens");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, three, cache))
                .withMessage(
                        "each row of tokens needs a sequence, got tokens (1, 3) and sequences []");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, three, cache, 1))
                .withMessage("sequence must be in [0, 1), got 1");
        NDArray pair = tokens(SMALL, new Shape(2, 1), 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, pair, cache, 0, 0))
                .withMessageContaining("of its own, got [0, 0]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, three.add(53), cache, 0))
                .withMessageContaining("tokens must be in [0, 53)");
        Gpt2 other = initialised(new Gpt2Config(53, 16, 3, 2, 32, 0, true), Precision.FLOAT32);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> other.next(store, three, cache, 0))
                .withMessageContaining("heads=4")
                .withMessageContaining("heads=2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.newCache(manager, 1, 17))
                .withMessage("capacity must be in [1, contextLength = 16], got 17");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.newCache(manager, 0, 16))
                .withMessage("sequences must be at least 1, was 0");
        assertThat(cache.length(0)).isEqualTo(3);
    }

    private KeyValueCache cache(Gpt2 model, int capacity) {
        return model.newCache(manager, 1, capacity);
    }

    private static NDIndex columns(int from, int to) {
        return new NDIndex(":," + from + ":" + to);
    }
}
