package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.layers.gpt.ComposedGpt2;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.torch.TorchScript;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/** GPT-2 124M without dropout and its parts. */
public final class Gpt2Benchmarks {

    static final String FLOAT32 = "ours, float32";
    static final String BFLOAT16 = "ours, bfloat16";
    static final String AUTOGRAD = "ours by autograd, float32";
    static final String BLOCKS = "DJL blocks";
    static final String STOCK = "DJL blocks, DJL AdamW";

    private Gpt2Benchmarks() {}

    private static Block gpt2(Gpt2Config config, String contender) {
        Precision precision = contender.equals(BFLOAT16) ? Precision.BFLOAT16 : Precision.FLOAT32;
        return Gpt2.builder().setConfig(config).optPrecision(precision).build();
    }

    /**
     * On 1024 tokens: the loss alone, with its gradients, which accumulate, and a whole AdamW step,
     * which clips and updates too.
     */
    @BenchmarkMode(Mode.SingleShotTime)
    @Warmup(iterations = 2)
    @Measurement(iterations = 4)
    public static class Gpt2Step extends EngineBenchmark {

        private static final String FORWARD = "124M, B=4, T=256, forward";
        private static final String BACKWARD = "124M, B=4, T=256, backward";

        @Param("gpt2")
        String suite;

        @Param({FORWARD, BACKWARD, "124M, B=4, T=256, step"})
        String subject;

        /**
         * What to train: ours by precision, with the gradient computed as in training or by
         * autograd, or the same model of DJL's stock blocks, float32, with our AdamW or DJL's.
         */
        @Param({FLOAT32, BFLOAT16, AUTOGRAD, BLOCKS, STOCK})
        String contender;

        Gpt2Config config = Gpt2Config.gpt2Small().withDropout(0);

        private Runnable work;

        @Override
        void make() {
            Optimizer adamW =
                    contender.equals(STOCK)
                            ? Optimizer.adamW().build()
                            : DecoupledAdamW.builder().build();
            Block model =
                    contender.startsWith("ours")
                            ? gpt2(config, contender)
                            : new ComposedGpt2(config, Activation::gelu);
            boolean autograd = contender.equals(AUTOGRAD);
            int vocabulary = config.vocabSize();
            training = new Gpt2Training(model, vocabulary, adamW, Gpt2Training.BATCH, autograd);
            work =
                    switch (subject) {
                        case FORWARD -> training::loss;
                        case BACKWARD -> training::gradients;
                        default -> training::step;
                    };
        }

        /** The subject. */
        @Benchmark
        public void run() {
            work.run();
        }
    }

    /** A Muon step on 8192 tokens, eight batches of 1024 whose gradients accumulate. */
    @BenchmarkMode(Mode.SingleShotTime)
    @Warmup(iterations = 1)
    @Measurement(iterations = 2)
    public static class Gpt2Muon extends EngineBenchmark {

        private static final int BATCHES = 8;

        @Param("gpt2")
        String suite;

        @Param("124M, B=32, T=256, step")
        String subject;

        @Param("ours, float32, Muon")
        String contender;

        Gpt2Config config = Gpt2Config.gpt2Small().withDropout(0);

        @Override
        void make() {
            training = Gpt2Training.of(config, true, Gpt2Training.BATCH);
        }

        /** Eight times the gradients, one update. */
        @Benchmark
        public void step() {
            for (int i = 0; i < BATCHES; i++) {
                training.gradients();
            }
            training.update();
        }
    }

    /**
     * One layer, forward and backward, C = 768: 45.1 GFLOP with causal attention counted in full.
     * It sits between an embedding and a head of 64 tokens, which are included.
     */
    @BenchmarkMode(Mode.AverageTime)
    @Warmup(iterations = 3, time = 1)
    @Measurement(iterations = 7, time = 1)
    public static class Gpt2Layer extends EngineBenchmark {

        private static final int VOCABULARY = 64;

        @Param("gpt2")
        String suite;

        @Param("one layer, B=4, T=256, backward")
        String subject;

        @Param({FLOAT32, BFLOAT16})
        String contender;

        /** The width C; the layer has a head for each 64. */
        int width = 768;

        @Override
        void make() {
            Gpt2Config config = new Gpt2Config(VOCABULARY, 1024, 1, width / 64, width, 0, true);
            Block layer = gpt2(config, contender);
            Optimizer unused = Optimizer.adamW().build();
            training = new Gpt2Training(layer, VOCABULARY, unused, Gpt2Training.BATCH, false);
        }

        /** The gradients, which accumulate. */
        @Benchmark
        public void gradients() {
            training.gradients();
        }
    }

    /**
     * Products of two matrices of 2048 x 2048, 17.18 GFLOP each, in memory that is there already,
     * sums in float32. In float32 a candidate for the peak that everything else is a share of; the
     * other one is the product of 1024 x 1024 before each round, and the faster one it is.
     */
    @BenchmarkMode(Mode.AverageTime)
    @Warmup(iterations = 2, time = 1)
    @Measurement(iterations = 7, time = 1)
    public static class MatrixProduct extends EngineBenchmark {

        private static final TorchScript KERNELS =
                TorchScript.ofResources(Gpt2Benchmarks.class, "product.py");

        // Rounding to bfloat16 is then a hundredth of the time.
        private static final int PRODUCTS = 4;

        @Param("gpt2")
        String suite;

        @Param("product 2048")
        String subject;

        @Param({FLOAT32, BFLOAT16})
        String contender;

        int side = 2048;

        private NDArray left;
        private NDArray right;
        private int type;

        @Override
        void make() {
            left = manager.randomNormal(new Shape(side, side));
            right = manager.randomNormal(new Shape(side, side));
            type = contender.equals(BFLOAT16) ? 15 : 6;
        }

        /**
         * Some products.
         *
         * @return an element of the last
         */
        @Benchmark
        @OperationsPerInvocation(PRODUCTS)
        public double products() {
            return KERNELS.callDouble(manager, "products", left, right, type, PRODUCTS);
        }
    }
}
