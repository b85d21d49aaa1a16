package io.github.djlspectral.examples.experiment;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Results of finished runs, a JSON file for each, so that none is run twice and several processes
 * may add some. Each tells what it is of, such as the settings, so that a result of something else
 * is not taken for it.
 *
 * @param <R> a result, such as a record
 */
public final class Finished<R> {

    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().serializeSpecialFloatingPointValues().create();

    private record Entry(String of, JsonElement result) {}

    private final Path folder;
    private final Class<R> type;

    /** Of a folder, which need not exist. */
    public Finished(Path folder, Class<R> type) {
        this.folder = folder;
        this.type = type;
    }

    private Path path(String name) {
        return folder.resolve(name + ".json");
    }

    /** Tells whether there is a result of this name, of whatever it may be. */
    public boolean has(String name) {
        return Files.exists(path(name));
    }

    /** Writes a result, whole or not at all. */
    public void write(String name, Object of, R result) {
        Entry entry = new Entry(of.toString(), GSON.toJsonTree(result));
        AtomicFiles.write(path(name), GSON.toJson(entry) + "\n");
    }

    /**
     * Returns a result if there is one of this name.
     *
     * @throws BadInputException if its file is damaged, or of something else
     */
    public Optional<R> find(String name, Object of) {
        Path path = path(name);
        return has(name) ? Optional.of(read(path, of.toString())) : Optional.empty();
    }

    /**
     * Returns all results, in the order of their names.
     *
     * @param of what they are to be of; null: whatever it is
     * @throws BadInputException if a file is damaged, or of something else
     */
    public List<R> all(Object of) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".json"))
                    .sorted()
                    .map(file -> read(file, of == null ? null : of.toString()))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + folder + " (" + e + ")", e);
        }
    }

    private R read(Path path, String of) {
        try {
            Entry entry = GSON.fromJson(Files.readString(path), Entry.class);
            R result = entry == null ? null : GSON.fromJson(entry.result(), type);
            if (result == null || entry.of() == null) {
                String what = " is of an earlier version or damaged; delete it to run it again";
                throw new BadInputException(path + what + ", or choose another --out");
            }
            if (of != null && !entry.of().equals(of)) {
                List<String> before = entry.of().lines().toList();
                List<String> now = of.lines().toList();
                int same = 0;
                while (same < Math.min(before.size(), now.size())
                        && before.get(same).equals(now.get(same))) {
                    same++;
                }
                String rule = "%s is of %s, not of %s; choose another --out";
                throw new BadInputException(
                        Table.text(rule, path, line(before, same), line(now, same)));
            }
            return result;
        } catch (JsonParseException e) {
            throw new BadInputException(path + " is damaged; delete it to run it again", e);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    private static String line(List<String> lines, int index) {
        return index < lines.size() ? lines.get(index) : "nothing";
    }
}
