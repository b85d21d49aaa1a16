package io.github.djlspectral.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.LossGradient;
import io.github.djlspectral.layers.gpt.NextTokenLoss;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Kaon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.TruncatedSgd;
import io.github.djlspectral.optim.extra.CautiousMuon;
import io.github.djlspectral.optim.extra.NorMuon;
import io.github.djlspectral.optim.extra.Scion;
import io.github.djlspectral.optim.extra.SinkGd;
import io.github.djlspectral.optim.extra.Soap;
import io.github.djlspectral.optim.extra.SphereMuon;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.text.TokenShard;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How often training waits for numbers of a GPU, counted on a CPU: scripts take their branches for
 * CUDA, the optimizer sees weights on a GPU, and whatever a script reads of a tensor draws a random
 * number, so that the next one tells how many there were.
 */
class HostReadsTest {

    @TempDir private Path folder;

    @Test
    void trainingReadsANumberPerMicroBatchAndOnePerStep() throws ReflectiveOperationException {
        Class<?> counting = new CudaLoader().loadClass(Counting.class.getName());
        Function<?, ?> counts = (Function<?, ?>) counting.getDeclaredConstructor().newInstance();
        assertThat(count(counts))
                .hasSize(11)
                .allSatisfy(
                        (optimizer, reads) -> assertThat(reads).containsExactly(1L, 1L, 1L, 1L));
    }

    @SuppressWarnings("unchecked")
    private Map<String, List<Long>> count(Function<?, ?> counts) {
        return ((Function<Path, Map<String, List<Long>>>) counts).apply(folder);
    }

    /** This project's classes once more, whose scripts are changed. */
    static final class CudaLoader extends ClassLoader {

        private static final String COUNTING =
                """
                def counted(x: Any) -> float:
                  if isinstance(x, Tensor):
                    return float(x) + 0. * float(torch.rand([]))
                  elif isinstance(x, int):
                    return float(x)
                  elif isinstance(x, float):
                    return x
                  return 0.

                def whole(x: Any) -> int:
                  return int(__torch__.counted(x))

                class Kernels(Module):
                """;

        CudaLoader() {
            super(CudaLoader.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            Class<?> known = findLoadedClass(name);
            if (known != null || !name.startsWith("io.github.djlspectral.")) {
                return known == null ? super.loadClass(name, resolve) : known;
            }
            byte[] code = read(name.replace('.', '/') + ".class");
            return defineClass(name, code, 0, code.length);
        }

        @Override
        public InputStream getResourceAsStream(String name) {
            if (!name.endsWith(".py")) {
                return super.getResourceAsStream(name);
            }
            String source =
                    new String(read(name), StandardCharsets.UTF_8)
                            .replaceAll("ops\\.prim\\.is_cuda\\(\\w+\\)|\\b\\w+\\.is_cuda", "True")
                            .replaceAll(
                                    "(?<![\\w.])float\\((?!.*# of the host)", "__torch__.counted(")
                            .replaceAll("(?<![\\w.])int\\(", "__torch__.whole(")
                            .replace("class Kernels(Module):\n", COUNTING);
            return new ByteArrayInputStream(source.getBytes(StandardCharsets.UTF_8));
        }

        private byte[] read(String name) {
            try (InputStream in = super.getResourceAsStream(name)) {
                return in.readAllBytes();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /**
     * A weight of which the optimizer, when it chooses how to compute, is told that it is there.
     */
    static final class OnGpu extends PtNDArray {

        private static final StackWalker CALLER =
                StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

        static int asked;

        OnGpu(PtNDArray original) {
            super(original.getManager(), original.getHandle());
            original.detach(); // this one owns the memory
        }

        @Override
        public Device getDevice() {
            if (CALLER.getCallerClass() == SpectralOptimizer.class) {
                asked++;
                return Device.gpu();
            }
            return super.getDevice();
        }
    }

    /** What each of two micro-batches and two steps reads, by optimizer; made by reflection. */
    public static final class Counting implements Function<Path, Map<String, List<Long>>> {

        private static final Gpt2Config CONFIG = new Gpt2Config(96, 16, 2, 2, 96, 0, true);
        private static final int MOST = 200;

        private final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        private final List<Float> draws = new ArrayList<>();

        public Counting() {}

        @Override
        public Map<String, List<Long>> apply(Path folder) {
            Path file = folder.resolve("tokens.bin");
            TokenShard.write(file, new Random(1).ints(500, 0, CONFIG.vocabSize()).toArray());
            manager.getEngine().setRandomSeed(1);
            for (int i = 0; i < MOST; i++) {
                draws.add(draw());
            }
            Map<String, List<Long>> counts = new LinkedHashMap<>();
            try (TokenShard shard = TokenShard.open(file, CONFIG.vocabSize())) {
                TokenBatches batches = TokenBatches.random(List.of(shard), 2, 16, 1);
                List<Function<ParameterRouting, Optimizer>> all =
                        List.of(
                                routing -> Muon.builder().optRouting(routing).build(),
                                routing -> Freon.builder().optRouting(routing).build(),
                                routing -> Kaon.builder().optRouting(routing).build(),
                                routing -> TruncatedSgd.builder().optRouting(routing).build(),
                                routing -> NorMuon.builder().optRouting(routing).build(),
                                routing -> CautiousMuon.builder().optRouting(routing).build(),
                                routing -> SphereMuon.builder().optRouting(routing).build(),
                                routing -> Soap.builder().optRouting(routing).build(),
                                routing -> Scion.builder().optRouting(routing).build(),
                                routing -> SinkGd.builder().optRouting(routing).build(),
                                routing -> DecoupledAdamW.builder().build());
                for (Function<ParameterRouting, Optimizer> each : all) {
                    Gpt2 gpt2 = gpt2();
                    Optimizer optimizer = each.apply(ParameterRouting.of(gpt2));
                    String name = optimizer.getClass().getSimpleName();
                    counts.put(name, train(gpt2, optimizer, batches));
                }
                assertThat(OnGpu.asked).isPositive();
                // The count sees more where there is more: is each gradient, enlarged, still
                // finite?
                DecoupledAdamW enlarging = DecoupledAdamW.builder().setRescaleGrad(1e4f).build();
                assertThat(train(gpt2(), enlarging, batches).get(3)).isGreaterThan(20);
            }
            manager.close();
            return counts;
        }

        private static Gpt2 gpt2() {
            Gpt2 gpt2 = Gpt2.builder().setConfig(CONFIG).build();
            gpt2.getParameters()
                    .values()
                    .forEach(
                            parameter ->
                                    parameter.setInitializer(
                                            (m, shape, type) ->
                                                    new OnGpu(
                                                            (PtNDArray)
                                                                    m.randomNormal(
                                                                            0, 1, shape, type))));
            return gpt2;
        }

        private List<Long> train(Gpt2 gpt2, Optimizer optimizer, TokenBatches batches) {
            List<Long> counts = new ArrayList<>();
            DefaultTrainingConfig config = new DefaultTrainingConfig(new NextTokenLoss());
            config.optDevices(new Device[] {Device.cpu()}).optOptimizer(optimizer);
            try (Model model = Model.newInstance("gpt2", Device.cpu(), "PyTorch")) {
                model.setBlock(gpt2);
                try (Trainer trainer = model.newTrainer(config)) {
                    trainer.initialize(new Shape(2, 16));
                    LossGradient gradient = new LossGradient(gpt2, trainer, false);
                    for (int i = 0; i < 2; i++) {
                        NDList batch = batches.batch(i, manager);
                        counts.add(count(() -> gradient.add(batch, 1)));
                        counts.add(count(() -> OptimizerStep.apply(trainer, optimizer, 1)));
                    }
                }
            }
            return counts;
        }

        private long count(Runnable part) {
            manager.getEngine().setRandomSeed(1);
            long before = Host.READS.get();
            part.run();
            return Host.READS.get() - before + draws.indexOf(draw());
        }

        private float draw() {
            return manager.randomUniform(0, 1, new Shape(1)).getFloat();
        }
    }
}
