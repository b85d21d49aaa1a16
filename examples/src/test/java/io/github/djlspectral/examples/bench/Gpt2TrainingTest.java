package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import io.github.djlspectral.layers.gpt.ComposedGpt2;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.DecoupledAdamW;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class Gpt2TrainingTest {

    private static final Gpt2Config TINY = new Gpt2Config(64, 16, 1, 2, 16, 0, true);
    private static final Shape BATCH = new Shape(2, 8);

    private final DecoupledAdamW adamW = DecoupledAdamW.builder().build();

    @AfterEach
    void close() {
        adamW.close();
    }

    @Test
    void computesOneLossInBothWays() {
        float trained = lossAfterSteps(Gpt2Training.of(gpt2(), adamW, BATCH));
        float differentiated;
        try (DecoupledAdamW other = DecoupledAdamW.builder().build()) {
            differentiated = lossAfterSteps(Gpt2Training.byAutograd(gpt2(), other, BATCH));
        }
        // Both round to float32 in another order; AdamW moves small gradients as far as large ones.
        assertThat(trained).isCloseTo(differentiated, within(1e-3f));
    }

    @Test
    void trainsDjlsBlocksAsDjlDoes() {
        ComposedGpt2 blocks = new ComposedGpt2(TINY, Activation::gelu);
        lossAfterSteps(Gpt2Training.stock(blocks, TINY.vocabSize(), adamW, BATCH));
    }

    private static Gpt2 gpt2() {
        return Gpt2.builder().setConfig(TINY).build();
    }

    /** Returns the loss after four steps, which must lower it and leave no arrays. */
    private static float lossAfterSteps(Gpt2Training training) {
        try (training) {
            float before = training.loss();
            training.step();
            training.step();
            int arrays = training.arrays();
            training.step();
            training.step();
            assertThat(training.arrays()).isEqualTo(arrays);
            assertThat(training.loss()).isLessThan(before);
            return training.loss();
        }
    }
}
