package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.bench.Machine.Work;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {

    private static final String STEP = "124M, B=4, T=256, step";

    @TempDir private Path directory;

    @Test
    void tablesAreThoseOfTheGoldenFile() throws IOException {
        assertThat(new Report(results()).lines()).containsExactlyElementsOf(golden());
    }

    @Test
    void picturesShowWhatThereIs() throws IOException {
        new Report(results()).write(directory);
        assertThat(Files.readAllLines(directory.resolve("bench.md")))
                .startsWith(golden().toArray(String[]::new))
                .endsWith(
                        "![optimizers.png](optimizers.png)",
                        "",
                        "![gpt2.png](gpt2.png)",
                        "",
                        "![growth.png](growth.png)");
        for (String name : List.of("optimizers.png", "gpt2.png", "growth.png")) {
            assertThat(ImageIO.read(directory.resolve(name).toFile()).getWidth())
                    .as(name)
                    .isGreaterThan(400);
        }
    }

    @Test
    void withoutMeasurementsThereIsTheMachineAlone() {
        Report report = new Report(new SomeResults().get());
        report.write(directory);
        assertThat(report.lines()).noneMatch(line -> line.startsWith("|"));
        assertThat(directory).isDirectoryContaining("glob:**bench.md");
        assertThat(directory).isDirectoryNotContaining("glob:**.png");
    }

    @Test
    void sharesReferToTheFasterProduct() {
        SomeResults results =
                new SomeResults()
                        .add(Suite.GPT2, STEP, "ours, float32", 4)
                        .add(Suite.GPT2, "product 2048", "ours, float32", 0.05)
                        .add(Suite.GPT2, "product 2048", "ours, bfloat16", 0.02);
        // the shortest iteration is 0.9 x 0.99 of 50 ms, for 2 x 2048^3 operations
        assertThat(new Report(results.get()).lines())
                .contains(
                        "- Matrix product, float32: 386 GFLOP/s at best, which shares refer to, the"
                                + " largest of: 1024 x 1024, before each round 300, 310; 2048 x"
                                + " 2048, at best 386.",
                        "| 124M, B=4, T=256, step | ours, float32 | 4013 ± 152 | 255 ± 10 | 51% |",
                        "| product 2048 | ours, float32 | 50.2 ± 1.9 |  | 89% |");
    }

    @Test
    void operationsOfAStepAreThoseOfItsProducts() {
        Work work = Work.of(STEP).orElseThrow();
        assertThat(work.tokens()).isEqualTo(1024);
        double weights = 12 * 12 * 768.0 * 768 + 50257 * 768.0;
        double attention = 12 * 2 * 2.0 * 256 * 768;
        assertThat(work.operations()).isEqualTo(3 * 1024 * (2 * weights + attention));
        assertThat(Work.of("product 100").orElseThrow().operations()).isEqualTo(2e6);
        assertThat(Work.of("99M, B=4, T=256, step")).isEmpty();
    }

    private static Results results() {
        SomeResults results =
                new SomeResults()
                        .add(Suite.OPTIMIZERS, "768x768", "Muon", 0.04)
                        .add(Suite.OPTIMIZERS, "768x768", "Muon, DJL arrays", 0.1)
                        .add(Suite.OPTIMIZERS, "768x3072", "Muon", 0.07)
                        .add(Suite.OPTIMIZERS, "124M, hidden matrices", "Muon", 2)
                        .add(Suite.OPTIMIZERS, "124M, hidden matrices", "Muon, DJL arrays", 5)
                        .fail(Suite.OPTIMIZERS, "768x3072", "Freon", "no room\n at all")
                        .addWithMemory(Suite.GPT2, STEP, "ours, float32", 4, 3, 0)
                        .addWithMemory(Suite.GPT2, STEP, "PyTorch, float32", 5, 4, 0);
        for (int width : new int[] {256, 768, 1600}) {
            results.add(Suite.GROWTH, "width=" + width, "ours, AdamW", 1e-6 * width * width)
                    .add(Suite.GROWTH, "width=" + width, "Muon alone", 3e-10 * Math.pow(width, 3));
        }
        for (int batch = 1; batch <= 8; batch *= 2) {
            double time = 0.1 * Math.pow(batch, 0.99);
            results.add(Suite.GROWTH, "batch=" + batch, "gradients alone", time);
            results.addWithMemory(
                    Suite.GROWTH,
                    "batch=" + batch,
                    "ours, AdamW",
                    time + 0.02, // for the update
                    0.3 + 0.1 * batch,
                    0.31 + 0.1 * batch);
        }
        return results.get();
    }

    private static List<String> golden() throws IOException {
        try (InputStream file = ReportTest.class.getResourceAsStream("bench.md")) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }
}
