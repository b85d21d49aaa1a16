package io.github.djlspectral.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.util.SerializableConfiguration;

/** A folder that the driver and all executors reach by the same path. */
record HadoopFolder(String path, SerializableConfiguration configuration) implements Serializable {

    HadoopFolder folder(String name) {
        return new HadoopFolder(path + "/" + name, configuration);
    }

    private <T> T with(String task, Task<T> body) {
        try {
            Path folder = new Path(path);
            return body.run(folder.getFileSystem(configuration.value()), folder);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot %s %s (%s)".formatted(task, path, e.getMessage()), e);
        }
    }

    private interface Task<T> {
        T run(FileSystem system, Path folder) throws IOException;
    }

    /** The names of what is there, none if there is no folder. */
    List<String> list() {
        return with(
                "list",
                (system, folder) ->
                        !system.exists(folder)
                                ? List.of()
                                : Stream.of(system.listStatus(folder))
                                        .map(FileStatus::getPath)
                                        .map(Path::getName)
                                        .sorted()
                                        .toList());
    }

    /**
     * Copies a local file there, whole or not at all; if another attempt was faster, its is kept.
     */
    void put(java.nio.file.Path from, String name) {
        with(
                "write " + name + " to",
                (system, folder) -> {
                    Path partial = new Path(folder, "." + name + "." + UUID.randomUUID());
                    try (OutputStream out = system.create(partial)) {
                        Files.copy(from, out);
                    }
                    Path file = new Path(folder, name);
                    if (system.exists(file) || !system.rename(partial, file)) {
                        system.delete(partial, false);
                    }
                    if (!system.exists(file)) {
                        throw new IOException("the file system refused its name");
                    }
                    return file;
                });
    }

    /** Copies a file from there. */
    void get(String name, java.nio.file.Path to) {
        with(
                "read " + name + " in",
                (system, folder) -> {
                    try (InputStream in = system.open(new Path(folder, name))) {
                        return Files.copy(in, to);
                    }
                });
    }

    /** Takes another place, with all that is in it. */
    void moveTo(HadoopFolder other) {
        with(
                "move to " + other.path + " the folder",
                (system, folder) -> {
                    if (!system.rename(folder, new Path(other.path))) {
                        throw new IOException("the file system refused");
                    }
                    return folder;
                });
    }

    void delete() {
        with("delete", (system, folder) -> system.delete(folder, true));
    }
}
