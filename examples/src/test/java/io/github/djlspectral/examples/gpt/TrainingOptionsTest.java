package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.examples.gpt.Runs.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.gpt.OptimizerChoice.Preset;
import io.github.djlspectral.examples.gpt.OptimizerChoice.Schedule;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.Tokenization;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.ParameterException;

class TrainingOptionsTest {

    @ParameterizedTest
    @EnumSource(Preset.class)
    void everyPresetIsCompleteForEveryOptimizer(Preset preset) {
        for (OptimizerChoice optimizer : OptimizerChoice.values()) {
            TrainingOptions options =
                    TrainingOptions.of("--preset", preset.name(), "--optimizer", optimizer.name());
            assertThat(options.preset).isEqualTo(preset);
            assertThat(options.optimizer).isEqualTo(optimizer);
            assertThat(options.directory()).isEqualTo(Path.of("runs/" + preset + "-" + optimizer));
        }
    }

    @Test
    void charIsNanoGptsConfigurationForACpu() {
        TrainingOptions options = TrainingOptions.of("--preset=char", "--optimizer=adamw");
        assertThat(options.model(65)).isEqualTo(new Gpt2Config(65, 64, 4, 4, 128, 0, false));
        assertThat(options.tokenizer).isEqualTo(Tokenization.CHARS);
        assertThat(options.batch).isEqualTo(12);
        assertThat(options.accumulate).isEqualTo(1);
        assertThat(options.steps).isEqualTo(2000);
        assertThat(options.lr).isEqualTo(1e-3);
        assertThat(options.lr * options.lrEnd).isEqualTo(1e-4);
        assertThat(options.warmup).isEqualTo(100);
        assertThat(options.schedule).isEqualTo(Schedule.COSINE);
        assertThat(options.beta1).isEqualTo(0.9);
        assertThat(options.beta2).isEqualTo(0.99);
        assertThat(options.weightDecay).isEqualTo(0.1);
        assertThat(options.clip).isEqualTo(1);
    }

    @Test
    void gpt2StepsOverHalfAMillionTokens() {
        TrainingOptions options = TrainingOptions.of("--preset=gpt2");
        assertThat(options.tokensPerStep()).isEqualTo(524_288);
        assertThat(options.model(50257)).isEqualTo(Gpt2Config.gpt2Small().withDropout(0));
    }

    @Test
    void whatIsGivenWinsWhereverItStands() {
        TrainingOptions options = TrainingOptions.of("--layers=7", "--preset=char", "--bias");
        assertThat(options.layers).isEqualTo(7);
        assertThat(options.bias).isTrue();
        assertThat(options.width).isEqualTo(128);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--steps=-1",
                "--steps=0",
                "--layers=0",
                "--layers=10001",
                "--heads=0",
                "--context=0",
                "--batch=0",
                "--accumulate=0",
                "--width=130",
                "--lr=0",
                "--lr=NaN",
                "--adamw-lr=-1",
                "--adamw-weight-decay=-1",
                "--adamw-warmup=-1",
                "--lr-end=2",
                "--warmup=-1",
                "--dropout=1",
                "--momentum=1",
                "--beta2=-0.1",
                "--exponent=1.5",
                "--floor=-0.5",
                "--iterations=33",
                "--fraction=1",
                "--weight-decay=-1",
                "--clip=-1",
                "--clip=1.0E-60",
                "--keep=0",
                "--eval-every=0",
                "--spectrum-every=-1",
                "--device=tpu"
            })
    void namesTheOptionThatIsOutOfRange(String option) {
        String[] parts = option.split("=");
        assertRefused(() -> TrainingOptions.of(option), parts[0] + " is " + parts[1], "must be");
    }

    @ParameterizedTest
    @ValueSource(strings = {"sgd", "adamw"})
    void onlySpectralOptimizersHaveSpectra(String optimizer) {
        assertRefused(
                () -> TrainingOptions.of("--optimizer=" + optimizer, "--spectrum-every=5"),
                "--spectrum-every is 5, but must be 0 with --optimizer " + optimizer,
                "which maps no spectra");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--adamw-lr=0.1",
                "--adamw-weight-decay=0.1",
                "--adamw-warmup=3",
                "--update-scale=none"
            })
    void onlySpectralOptimizersHaveAnAdamwBeside(String option) {
        TrainingOptions.of("--optimizer=normuon", option);
        assertRefused(
                () -> TrainingOptions.of("--optimizer=adamw", option),
                option.replace("=", " is ") + ", but must be left out with --optimizer adamw",
                "which treats all parameters alike");
    }

    @Test
    void namesTheUpdateScales() {
        String scale = "--update-scale=wide";
        assertRefused(() -> TrainingOptions.of(scale), "--update-scale", "wide", "match_rms");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--preset=huge", "--steps=many", "--unknown=1", "--tokenizer=words"})
    void rejectsWhatDoesNotParse(String option) {
        assertThatThrownBy(() -> TrainingOptions.of(option)).isInstanceOf(ParameterException.class);
    }

    @ParameterizedTest
    @CsvSource({"--width=256", "--optimizer=sgd", "--seed=1", "--eval-every=7", "--clip=2"})
    void aResumedRunKeepsWhatDecidesItsNumbers(String option) {
        TrainingOptions before = TrainingOptions.of();
        assertRefused(
                () -> RunDirectory.requireSameRun(before, TrainingOptions.of(option)),
                option.split("=")[0] + " is ");
    }

    @Test
    void aResumedRunMayGoOnLonger() {
        TrainingOptions options = TrainingOptions.of("--resume", "--steps=9999", "--keep=5");
        RunDirectory.requireSameRun(TrainingOptions.of(), options);
        assertThat(options.steps).isEqualTo(9999);
    }

    @Test
    void aRateThatEarlierVersionsIgnoredIsNoDifference() {
        TrainingOptions before = TrainingOptions.of("--optimizer=adamw");
        before.adamwLr = 0.003;
        RunDirectory.requireSameRun(before, TrainingOptions.of("--optimizer=adamw"));
        TrainingOptions muon = TrainingOptions.of("--adamw-lr=0.004");
        assertThatThrownBy(() -> RunDirectory.requireSameRun(TrainingOptions.of(), muon))
                .hasMessageStartingWith("--adamw-lr is 0.004");
    }

    @Test
    void placesHoldInEveryWorkingDirectory() {
        TrainingOptions options = TrainingOptions.of("--data=some/text.txt", "--out=run");
        options.makePathsAbsolute();
        assertThat(Path.of(options.data)).isEqualTo(Path.of("some", "text.txt").toAbsolutePath());
        for (String name : List.of("commons-lang", "fineweb-10b:3", "https://example.org/a.txt")) {
            options = TrainingOptions.of("--data=" + name);
            options.makePathsAbsolute();
            assertThat(options.data).isEqualTo(name);
        }
    }
}
