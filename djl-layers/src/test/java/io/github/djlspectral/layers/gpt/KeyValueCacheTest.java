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
import ai.djl.training.ParameterStore;
import java.util.Arrays;
import java.util.List;
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
        List<KeyValueCache> caches = List.of(cache(model, 16), cache(model, 16));
        for (int end = 5; end <= 16; end++) {
            NDArray next =
                    model.next(store, tokens.get(columns(end == 5 ? 0 : end - 1, end)), caches);
            assertThat(next.getShape()).isEqualTo(new Shape(2, 53));
            // Both are float32 sums of the same terms in other orders.
            assertThat(relativeError(next, whole.get(":," + (end - 1)))).isLessThan(2e-6);
            assertThat(caches.get(1).length()).isEqualTo(end);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 15", "7, 9", "14, 2", "15, 1"})
    void severalTokensCanFollowSeveral(int first, int second) {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(1, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        List<KeyValueCache> caches = List.of(cache(model, first + second));
        model.next(store, tokens.get(columns(0, first)), caches);
        NDArray next = model.next(store, tokens.get(columns(first, 16)), caches);
        assertThat(relativeError(next, whole.get(":,15"))).isLessThan(2e-6);
    }

    @Test
    void bfloat16AgreesToItsOwnPrecision() {
        Gpt2 model = perturbed(SMALL, Precision.BFLOAT16);
        NDArray tokens = tokens(SMALL, new Shape(1, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        List<KeyValueCache> caches = List.of(cache(model, 16));
        for (int i = 0; i < 16; i++) {
            NDArray next = model.next(store, tokens.get(columns(i, i + 1)), caches);
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
        NDArray next = rounded.next(store, tokens, List.of(cache(rounded, 9)));
        assertThat(next).isEqualTo(exact.next(store, tokens, List.of(cache(exact, 9))));
    }

    @Test
    void inDoublePrecisionAnyMistakeStandsOutOfTheRounding() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        NDArray tokens = tokens(SMALL, new Shape(1, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        List<KeyValueCache> caches = List.of(cache(model, 16));
        for (int i = 0; i < 16; i++) {
            NDArray next = model.next(store, tokens.get(columns(i, i + 1)), caches);
            assertThat(next.getDataType()).isEqualTo(DataType.FLOAT64);
            assertThat(relativeError(next, whole.get(":," + i))).isLessThan(1e-12);
        }
    }

    @Test
    void sequencesOfDifferentLengthsContinueTogether() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(3, 16), 1);
        NDArray whole = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        List<KeyValueCache> caches = List.of(cache(model, 8), cache(model, 12), cache(model, 16));
        int[] lengths = {3, 7, 11};
        for (int i = 0; i < 3; i++) {
            NDArray prompt = tokens.get(new NDIndex(i + ":" + (i + 1) + ",:" + lengths[i]));
            model.next(store, prompt, caches.subList(i, i + 1));
        }
        for (int step = 0; step < 5; step++) {
            NDList column = new NDList();
            for (int i = 0; i < 3; i++) {
                column.add(tokens.get(new NDIndex(i + "," + (lengths[i] + step))).reshape(1, 1));
            }
            NDArray next = model.next(store, NDArrays.concat(column), caches);
            for (int i = 0; i < 3; i++) {
                NDArray exact = whole.get(new NDIndex(i + "," + (lengths[i] + step)));
                assertThat(relativeError(next.get(i), exact)).isLessThan(2e-6);
            }
        }
    }

    @Test
    void greedyTokensAreThoseOfTheWholeOverTheWholeContext() {
        Gpt2Config config = new Gpt2Config(53, 64, 3, 4, 32, 0, true);
        Gpt2 model = perturbed(config, Precision.FLOAT32);
        long[] cached = {7};
        long[] recomputed = {7};
        List<KeyValueCache> caches = List.of(cache(model, 64));
        for (int length = 1; length <= 64; length++) {
            NDArray last = manager.create(new long[] {cached[length - 1]}, new Shape(1, 1));
            cached = append(cached, model.next(store, last, caches));
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
        List<KeyValueCache> caches = List.of(cache(model, 9));
        NDArray first = model.next(store, tokens, caches);
        caches.get(0).clear();
        assertThat(caches.get(0).length()).isZero();
        assertThat(model.next(store, tokens, caches)).isEqualTo(first);
    }

    @Test
    void aScopeAroundOneStepLeavesTheCache() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(1, 9), 1);
        KeyValueCache whole = cache(model, 9);
        model.next(store, tokens.get(columns(0, 5)), List.of(whole));
        NDArray expected = model.next(store, tokens.get(columns(5, 9)), List.of(whole));
        KeyValueCache cache;
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            cache = cache(model, 9);
            model.next(store, tokens.get(columns(0, 5)), List.of(cache));
        }
        NDArray next = model.next(store, tokens.get(columns(5, 9)), List.of(cache));
        assertThat(next).isEqualTo(expected);
    }

    @Test
    void memoryIsFlat() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        int before = manager.getManagedArrays().size();
        try (NDManager scratch = manager.newSubManager();
                KeyValueCache cache = model.newCache(manager, 16)) {
            NDArray token = scratch.create(new long[1], new Shape(1, 1));
            ParameterStore parameters = new ParameterStore(scratch, false);
            for (int i = 0; i < 16; i++) {
                model.next(parameters, token, List.of(cache));
            }
            // The token and a row of logits per call: nothing of the layers.
            assertThat(scratch.getManagedArrays()).hasSize(17);
        }
        assertThat(manager.getManagedArrays()).hasSize(before);
    }

    @Test
    void badInputIsNamedAndLeavesTheCache() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        NDArray three = tokens(SMALL, new Shape(1, 3), 1);
        KeyValueCache cache = cache(model, 5);
        model.next(store, three, List.of(cache));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, three, List.of(cache)))
                .withMessageContaining("holds 3 of at most 5 tokens");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, three, List.of()))
                .withMessageContaining("each sequence needs a cache, got tokens (1, 3) and 0");
        NDArray pair = tokens(SMALL, new Shape(2, 1), 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, pair, List.of(cache, cache)))
                .withMessageContaining("of its own");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.next(store, three.add(53), List.of(cache)))
                .withMessageContaining("tokens must be in [0, 53)");
        Gpt2 other = initialised(new Gpt2Config(53, 16, 3, 2, 32, 0, true), Precision.FLOAT32);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> other.next(store, three, List.of(cache)))
                .withMessageContaining("heads=4")
                .withMessageContaining("heads=2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.newCache(manager, 17))
                .withMessage("capacity must be in [1, contextLength = 16], got 17");
        assertThat(cache.length()).isEqualTo(3);
    }

    private KeyValueCache cache(Gpt2 model, int capacity) {
        return model.newCache(manager, capacity);
    }

    private static NDIndex columns(int from, int to) {
        return new NDIndex(":," + from + ":" + to);
    }
}
