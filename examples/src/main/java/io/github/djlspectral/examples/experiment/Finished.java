package io.github.djlspectral.examples.experiment;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
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
 * @param folder where the files are; it need not exist
 */
public record Finished<R>(Path folder, Class<R> type) {

    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().serializeSpecialFloatingPointValues().create();

    private record Entry(String of, JsonElement result) {}

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

    /** Returns a result if there is one; one that is damaged or of something else is refused. */
    public Optional<R> find(String name, Object of) {
        return has(name) ? Optional.of(read(path(name), of)) : Optional.empty();
    }

    /** Returns all results, in the order of their names, refused as above; null: of whatever. */
    public List<R> all(Object of) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            Stream<Path> results = files.filter(file -> file.toString().endsWith(".json")).sorted();
            return results.map(file -> read(file, of)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + folder + " (" + e + ")", e);
        }
    }

    private R read(Path path, Object of) {
        String what = " is of an earlier version or damaged; delete it to run it again";
        String damaged = path + what + ", or choose another --out";
        Entry entry;
        R result;
        try {
            entry = GSON.fromJson(Files.readString(path), Entry.class);
            result = entry == null ? null : GSON.fromJson(entry.result(), type);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        } catch (RuntimeException e) { // what the constructor of a record refuses comes as one
            throw new BadInputException(damaged, e);
        }
        BadInputException.unless(result != null && entry.of() != null, "%s", damaged);
        if (of != null) {
            requireSame(path, entry.of().lines().toList(), of.toString().lines().toList());
        }
        return result;
    }

    /** Names the first line that differs. */
    private static void requireSame(Path path, List<String> before, List<String> now) {
        for (int i = 0; i < Math.max(before.size(), now.size()); i++) {
            String old = i < before.size() ? before.get(i) : "nothing";
            String other = i < now.size() ? now.get(i) : "nothing";
            String rule = "%s is of %s, not of %s; choose another --out";
            BadInputException.unless(old.equals(other), rule, path, old, other);
        }
    }
}
