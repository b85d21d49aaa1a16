package io.github.djlspectral.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.examples.gpt.TestText;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/**
 * A config.json that somebody edited, or that a later version wrote, is read or refused by name.
 */
class OddConfigTest {

    private static final List<JsonElement> ODD =
            List.of(
                    JsonNull.INSTANCE,
                    new JsonPrimitive("x"),
                    new JsonPrimitive(-1),
                    new JsonPrimitive(1e99));

    @TempDir private Path directory;

    @Test
    void everyValueIsUsedOrRefusedInALine() throws IOException {
        Path text = TestText.write(directory);
        Path run = directory.resolve("run");
        assertThat(execute("train", TestText.options(text, run, "--steps=1"))).isEmpty();
        Path file = run.resolve("config.json");
        String json = Files.readString(file);
        List<String> unclear = new ArrayList<>();
        for (String part : List.of("options", "model")) {
            for (String key :
                    JsonParser.parseString(json).getAsJsonObject().getAsJsonObject(part).keySet()) {
                for (JsonElement odd : ODD) {
                    JsonObject changed = JsonParser.parseString(json).getAsJsonObject();
                    changed.getAsJsonObject(part).add(key, odd);
                    Files.writeString(file, changed.toString());
                    String error = execute("generate", "--run=" + run, "--prompt=q", "--tokens=1");
                    if (error.contains("\tat ") || error.lines().count() > 1) {
                        unclear.add(
                                part
                                        + "."
                                        + key
                                        + " = "
                                        + odd
                                        + ": "
                                        + error.lines().limit(2).toList());
                    }
                }
            }
        }
        assertThat(unclear).isEmpty();
    }

    /** Returns what a command says to standard error. */
    private static String execute(String command, String... options) {
        List<String> arguments = new ArrayList<>(List.of(command));
        arguments.addAll(List.of(options));
        StringWriter errors = new StringWriter();
        PrintStream before = System.out;
        System.setOut(new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8));
        try {
            CommandLine main = Main.commandLine().setErr(new PrintWriter(errors, true));
            int code = main.execute(arguments.toArray(String[]::new));
            assertThat(code).as(errors.toString()).isIn(0, 1, 2);
        } finally {
            System.setOut(before);
        }
        return errors.toString();
    }
}
