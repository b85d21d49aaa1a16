package io.github.djlspectral.examples.bench.report;

import ai.djl.util.JsonUtils;
import com.google.gson.JsonParseException;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** Keeps results as JSON, with all samples. */
public final class ResultsFile {

    private ResultsFile() {}

    /**
     * Replaces the file by newer results, whole or not at all.
     *
     * @param path the file
     * @param results what to keep
     * @throws java.io.UncheckedIOException if it cannot be written
     */
    public static void write(Path path, Results results) {
        Table.write(path, List.of(JsonUtils.GSON_PRETTY.toJson(results)));
    }

    /**
     * Reads results.
     *
     * @param path the file
     * @return what it holds
     * @throws BadInputException if it is missing, or holds something else
     */
    public static Results read(Path path) {
        try {
            Results results = JsonUtils.GSON_PRETTY.fromJson(Files.readString(path), Results.class);
            if (results == null || !isComplete(results)) {
                throw new BadInputException(path + " holds no results of the bench command");
            }
            return results;
        } catch (NoSuchFileException e) {
            throw new BadInputException(path + " is missing", e);
        } catch (JsonParseException e) {
            throw new BadInputException(
                    path + " holds no results of the bench command: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    private static boolean isComplete(Results results) {
        return results.machine() != null
                && results.machine().instructions() != null
                && results.machine().versions() != null
                && results.notes() != null
                && results.matrixProductRates() != null
                && results.measurements() != null
                && results.measurements().stream().allMatch(ResultsFile::isComplete);
    }

    private static boolean isComplete(Measurement measurement) {
        Key key = measurement.key();
        return key != null
                && key.suite() != null
                && key.subject() != null
                && key.contender() != null
                && measurement.against() != null
                && measurement.rounds() != null
                && measurement.rounds().stream().allMatch(round -> round.seconds() != null);
    }
}
