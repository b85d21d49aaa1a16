package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.torch.Host;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Something to measure, which a process does for one key. */
abstract class Task {

    Gpt2Config model = Gpt2Config.gpt2Small().withDropout(0);
    String subject;
    String contender;
    NDManager manager; // of all arrays but those of a training
    Runnable work; // what is measured

    /** Makes what is to be measured. */
    final void create(Key key) {
        subject = key.subject();
        contender = key.contender();
        manager = start();
        make(key.suite());
    }

    /** Makes {@link #work}. */
    abstract void make(Suite suite);

    /** Says what is known at the end, and frees what is not the manager's. */
    void finish() {}

    final void close() {
        finish();
        if (manager != null) {
            manager.close();
        }
    }

    /** Loads the engine, starts its threads, seeds it, and notes the memory that this took. */
    NDManager start() {
        Engine engine = Engine.getEngine("PyTorch");
        engine.setRandomSeed(0);
        NDManager empty = engine.newBaseManager();
        try (NDArray matrix = empty.ones(new Shape(256, 256));
                NDArray product = matrix.matMul(matrix)) {
            Host.read(product, host -> host.getFloat(0, 0));
        }
        MemoryProfiler.noteBase();
        return empty;
    }

    /**
     * What there is to measure but for Python's, a row of the table.
     *
     * @param name as for --only
     * @param seconds an iteration repeats the work for so long; 0: it does it once
     * @param operations of which the work is several
     * @param keys all combinations of subjects and contenders
     */
    record Kind(
            String name,
            int warmups,
            int iterations,
            double seconds,
            int operations,
            List<Key> keys) {

        private static final String TABLE =
                """
                optimizers | OptimizerStep | 1 | 5 | 0.5 | 1 | 768x768; 2304x768; 3 x 768x768; \
                3072x768; 768x3072; 1024x1024; 3072x1024; 4096x1024; 1024x4096; 1280x1280; \
                3840x1280; 5120x1280; 1280x5120; 1600x1600; 4800x1600; 6400x1600; 1600x6400; \
                124M, hidden matrices; 124M, all parameters | Muon; Muon, native Newton-Schulz; \
                Muon, DJL arrays; Freon; Kaon; TruncatedSgd; AdamW; AdamW, DJL
                optimizers | WholeStep | 2 | 5 | 2 | 1 | 124M, all parameters | \
                AdamW, whole step; Muon, whole step
                routes | FreonMethod | 2 | 3 | 2 | 1 | 16x64; 64x256; 256x1024; 768x768; 768x3072 \
                | eigh; svd; partial fractions
                gpt2 | Gpt2Layer | 3 | 7 | 1 | 1 | one layer, B=4, T=256, backward \
                | ours, float32; ours, bfloat16
                gpt2 | MatrixProduct | 2 | 7 | 1 | 4 | product 2048 | ours, float32; ours, bfloat16
                gpt2 | Gpt2Muon | 1 | 2 | 0 | 1 | 124M, B=32, T=256, step | ours, float32, Muon
                gpt2 | Gpt2Step | 2 | 4 | 0 | 1 | 124M, B=4, T=256, forward; \
                124M, B=4, T=256, backward; 124M, B=4, T=256, step | ours, float32; \
                ours, bfloat16; ours by autograd, float32; DJL blocks; DJL blocks, DJL AdamW
                generation | Generation | 1 | 3 | 0 | 1 | 124M, 256 tokens after 16 \
                | with a cache; eight at a time, with caches
                generation | Generation | 0 | 1 | 0 | 1 | 124M, 256 tokens after 16 \
                | without a cache
                layers | FoldBenchmark | 3 | 8 | 1 | 1 | width 512, batch 128 | linear relu; \
                residual fold; residual fold retracted; residual fold cayley; abs fold
                growth | GrowthBenchmark | 2 | 5 | 0 | 1 | width=256; width=512; width=768; \
                width=1024; width=1600; depth=2; depth=4; depth=8; depth=12; batch=1; batch=2; \
                batch=4; batch=8; batch=16; context=64; context=128; context=256; context=512; \
                context=1024 | ours, AdamW; ours, Muon
                growth | GrowthBenchmark | 2 | 5 | 0 | 1 | batch=1; batch=2; batch=4; batch=8; \
                batch=16; context=64; context=128; context=256; context=512; context=1024 \
                | gradients alone
                growth | OptimizerStep | 2 | 5 | 0 | 1 | width=256; width=512; width=768; \
                width=1024; width=1600 | Muon alone
                """;

        /** All rows. Passes without a cache are so many that they are warm for nearly all. */
        static final List<Kind> ALL = TABLE.lines().map(Kind::parse).toList();

        private static Kind parse(String row) {
            String[] cells = row.split(" *\\| *");
            Suite suite = Suite.valueOf(cells[0].toUpperCase(Locale.ROOT));
            return new Kind(
                    cells[1],
                    Integer.parseInt(cells[2]),
                    Integer.parseInt(cells[3]),
                    Double.parseDouble(cells[4]),
                    Integer.parseInt(cells[5]),
                    Stream.of(cells[7].split("; "))
                            .flatMap(
                                    c ->
                                            Stream.of(cells[6].split("; "))
                                                    .map(s -> new Key(suite, s, c)))
                            .toList());
        }

        /** What Python does, whose script knows the keys; its first two steps are slow. */
        private static final Kind TORCH = new Kind("TorchTask", 3, 5, 0.5, 1, List.of());

        /** Returns the row that has a key, Python's if none has. */
        static Kind of(Key key) {
            return ALL.stream().filter(k -> k.keys.contains(key)).findFirst().orElse(TORCH);
        }

        Task task() {
            return switch (name) {
                case "OptimizerStep", "FreonMethod" -> new OptimizerTask();
                case "MatrixProduct" -> new ModelTasks.MatrixProduct();
                case "Generation" -> new ModelTasks.Generation();
                case "FoldBenchmark" -> new ModelTasks.Fold();
                case "TorchTask" -> new TorchTask();
                default -> new Gpt2Task();
            };
        }
    }
}
