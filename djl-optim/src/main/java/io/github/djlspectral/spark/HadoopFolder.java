package io.github.djlspectral.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.util.SerializableConfiguration;

/**
 * A folder that the driver and all executors reach by the same path. Methods throw {@link
 * UncheckedIOException}, which names the folder, if the file system fails.
 *
 * @param path where it is, such as {@code hdfs:///corpus}; it need not exist
 * @param configuration the file systems' settings, which go with it to executors
 * @serial exclude
 */
public record HadoopFolder(String path, SerializableConfiguration configuration)
        implements Serializable {

    /**
     * {@return a folder, by the settings on the class path and Spark's {@code spark.hadoop.*}}
     *
     * @param path where it is
     */
    public static HadoopFolder of(String path) {
        Configuration configuration = new Configuration();
        for (var setting : new SparkConf().getAllWithPrefix("spark.hadoop.")) {
            configuration.set(setting._1(), setting._2());
        }
        return new HadoopFolder(path, new SerializableConfiguration(configuration));
    }

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

    /**
     * What is in a folder.
     *
     * @param name its name there
     * @param bytes how long it is
     * @param modified when, in milliseconds since 1970
     * @serial exclude
     */
    public record Entry(String name, long bytes, long modified) implements Serializable {}

    /** {@return what is there, in the order of names; nothing if there is no folder} */
    public List<Entry> entries() {
        return with(
                "list",
                (system, folder) ->
                        !system.exists(folder)
                                ? List.of()
                                : Stream.of(system.listStatus(folder))
                                        .map(HadoopFolder::entry)
                                        .sorted(Comparator.comparing(Entry::name))
                                        .toList());
    }

    private static Entry entry(FileStatus status) {
        String name = status.getPath().getName();
        return new Entry(name, status.getLen(), status.getModificationTime());
    }

    /** The names of what is there, none if there is no folder. */
    List<String> list() {
        return entries().stream().map(Entry::name).toList();
    }

    /**
     * Copies a local file there, whole or not at all; if another attempt was faster, its is kept.
     *
     * @param from the local file
     * @param name its name there
     */
    public void put(java.nio.file.Path from, String name) {
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

    /**
     * Copies a file from there.
     *
     * @param name its name there
     * @param to the local file, which must not exist
     */
    public void get(String name, java.nio.file.Path to) {
        with(
                "read " + name + " in",
                (system, folder) -> {
                    try (InputStream in = system.open(new Path(folder, name))) {
                        return Files.copy(in, to);
                    }
                });
    }

    /**
     * Takes another place, with all that is in it.
     *
     * @param other the place, where nothing is
     */
    public void moveTo(HadoopFolder other) {
        with(
                "move to " + other.path + " the folder",
                (system, folder) -> {
                    if (!system.rename(folder, new Path(other.path))) {
                        throw new IOException("the file system refused");
                    }
                    return folder;
                });
    }

    /** Deletes it, with all that is in it, if it exists. */
    public void delete() {
        with("delete", (system, folder) -> system.delete(folder, true));
    }
}
