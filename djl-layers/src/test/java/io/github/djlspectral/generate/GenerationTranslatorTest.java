package io.github.djlspectral.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.nn.Blocks;
import ai.djl.translate.TranslateException;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class GenerationTranslatorTest {

    private static final int PREDICTIONS = 100;
    private static final int THREADS = 4;

    private final GenerationTranslator translator =
            new GenerationTranslator(
                    Tokenization.BYTES.tokenizerFor(""),
                    new GenerationOptions().withMaxTokens(12).withTemperature(1));
    private Model model;

    @BeforeEach
    void open() {
        model = Model.newInstance("gpt2", "PyTorch");
        model.setBlock(LivelyModel.create(model.getNDManager(), 256, 16));
    }

    @AfterEach
    void close() {
        model.close();
    }

    @Test
    void severalThreadsGetTheAnswersOfOneAndLeaveNothing()
            throws TranslateException, InterruptedException, ExecutionException {
        List<String> expected = predictions();
        assertThat(new HashSet<>(expected)).hasSizeGreaterThan(PREDICTIONS / 2);
        int before = model.getNDManager().getManagedArrays().size();
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            List<Future<List<String>>> results = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                results.add(threads.submit(this::predictions));
            }
            for (Future<List<String>> result : results) {
                assertThat(result.get()).isEqualTo(expected);
            }
        } finally {
            threads.shutdown();
        }
        assertThat(model.getNDManager().getManagedArrays()).hasSize(before);
    }

    private List<String> predictions() throws TranslateException {
        List<String> texts = new ArrayList<>();
        try (Predictor<String, String> predictor = model.newPredictor(translator)) {
            for (int i = 0; i < PREDICTIONS; i++) {
                texts.add(predictor.predict("prompt " + i));
            }
        }
        return texts;
    }

    @Test
    void memoryIsFlatWhileAPredictorIsOpen() throws TranslateException {
        try (Predictor<String, String> predictor = model.newPredictor(translator)) {
            predictor.predict("a");
            int before = model.getNDManager().getManagedArrays().size();
            for (int i = 0; i < 10; i++) {
                predictor.predict("a");
            }
            assertThat(model.getNDManager().getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void aBatchGivesWhatEachPromptGivesAlone() throws TranslateException {
        List<String> prompts = List.of("a", "some more", "a", "words, more than the context has");
        try (Predictor<String, String> predictor = model.newPredictor(translator)) {
            List<String> alone = new ArrayList<>();
            for (String prompt : prompts) {
                alone.add(predictor.predict(prompt));
            }
            assertThat(predictor.batchPredict(prompts)).isEqualTo(alone);
        }
    }

    @Test
    void textIsPassedOnWhileItGrowsByTheThreadThatPredicts() throws TranslateException {
        Set<Thread> threads = new HashSet<>();
        List<List<String>> heard = List.of(new ArrayList<>(), new ArrayList<>());
        List<Prompt> prompts = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            List<String> own = heard.get(i);
            prompts.add(
                    new Prompt(
                            "prompt".substring(i),
                            piece -> {
                                threads.add(Thread.currentThread());
                                own.add(piece);
                            }));
        }
        try (Predictor<Prompt, String> streaming = model.newPredictor(translator.forPrompts());
                Predictor<String, String> whole = model.newPredictor(translator)) {
            List<String> texts = streaming.batchPredict(prompts);
            assertThat(texts).containsExactly(whole.predict("prompt"), whole.predict("rompt"));
            for (int i = 0; i < 2; i++) {
                assertThat(heard.get(i)).hasSizeGreaterThan(3);
                assertThat(String.join("", heard.get(i))).isEqualTo(texts.get(i));
            }
            assertThat(threads).containsExactly(Thread.currentThread());
            Prompt shorter = new Prompt("prompt", o -> o.withMaxTokens(2), piece -> {});
            assertThat(streaming.predict(shorter)).isEqualTo(texts.get(0).substring(0, 2));
        }
    }

    @Test
    void aListenerThatFailsEndsThePredictionAndLeavesNothing() throws TranslateException {
        try (Predictor<Prompt, String> predictor = model.newPredictor(translator.forPrompts())) {
            predictor.predict(new Prompt("a", piece -> {}));
            int before = model.getNDManager().getManagedArrays().size();
            int[] pieces = {0};
            Prompt gone =
                    new Prompt(
                            "prompt",
                            piece -> {
                                pieces[0]++;
                                throw new UncheckedIOException(new IOException("gone"));
                            });
            assertThatThrownBy(() -> predictor.batchPredict(List.of(gone, gone)))
                    .isInstanceOf(TranslateException.class)
                    .hasCauseInstanceOf(UncheckedIOException.class);
            assertThat(pieces[0]).isEqualTo(1);
            assertThat(model.getNDManager().getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void badInputIsNamed() {
        try (Predictor<String, String> predictor = model.newPredictor(translator)) {
            assertThatThrownBy(() -> predictor.predict(""))
                    .isInstanceOf(TranslateException.class)
                    .hasCauseInstanceOf(BadInputException.class)
                    .hasMessageContaining("prompt is empty");
        }
        try (Model other = Model.newInstance("other", "PyTorch")) {
            other.setBlock(Blocks.identityBlock());
            try (Predictor<String, String> predictor = other.newPredictor(translator)) {
                assertThatThrownBy(() -> predictor.predict("a"))
                        .hasMessageContaining("needs a model whose block is a Gpt2");
            }
        }
    }
}
