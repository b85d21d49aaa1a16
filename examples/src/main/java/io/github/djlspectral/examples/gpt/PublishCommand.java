package io.github.djlspectral.examples.gpt;

import ai.djl.Application;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.zoo.Coordinates;
import io.github.djlspectral.zoo.Gpt2BlockFactory;
import io.github.djlspectral.zoo.Publication;
import io.github.djlspectral.zoo.Publisher;
import io.github.djlspectral.zoo.SpectralZoo;
import io.github.djlspectral.zoo.TextTranslatorFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command that publishes a run's model into a repository. */
@Command(
        name = "publish",
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Publishes a trained model into a repository, a folder that any static web server can"
                    + " offer. Java programs load the model from there by its coordinates.",
            "Versions are added, never changed; an interrupted publication leaves the repository as"
                    + " it was."
        })
public final class PublishCommand implements Runnable {

    // Not the standard mixin: --version is that of the model here.
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help message and exit.")
    private boolean help;

    @Option(names = "-V", versionHelp = true, description = "Print version information and exit.")
    private boolean programVersion;

    @Option(names = "--run", required = true, paramLabel = "<dir>", description = "The run.")
    private Path run;

    @Option(
            names = "--repo",
            required = true,
            paramLabel = "<dir>",
            description = "The repository; created if there is none.")
    private Path repository;

    @Option(
            names = "--version",
            required = true,
            paramLabel = "<x.y.z>",
            description = "The version. Without one, programs load the newest.")
    private String version;

    @Option(names = "--group", description = "The group. Default: ${DEFAULT-VALUE}.")
    private String group = SpectralZoo.GROUP;

    @Option(names = "--artifact", description = "The model. Default: ${DEFAULT-VALUE}.")
    private String artifact = "gpt2";

    @Option(names = "--name", description = "A name for people. Default: the artifact.")
    private String name;

    @Option(
            names = "--licence",
            paramLabel = "<SPDX>",
            description = "The licence, such as Apache-2.0. Default: not stated.")
    private String licence;

    @Option(names = "--dry-run", description = "Only say what would be written.")
    private boolean dryRun;

    @Option(names = "--force", description = "Replace the version if it exists.")
    private boolean force;

    @Option(
            names = "--step",
            paramLabel = "<n>",
            description = "The checkpoint of this step. Default: the newest, which must be whole.")
    private Integer step;

    /** Creates the command; picocli sets the options. */
    public PublishCommand() {}

    @Override
    public void run() {
        if (repository.toString().matches("(?i)[a-z][a-z0-9+.-]+:/.*")) { // a drive has one letter
            throw new BadInputException(
                    "--repo is "
                            + repository
                            + ", but must be a folder: publish to one and upload it");
        }
        Coordinates coordinates =
                new Coordinates(Application.NLP.TEXT_GENERATION, group, artifact, version);
        Publisher publisher = new Publisher(repository);
        try (SavedRun saved = SavedRun.openExactly(run, step)) {
            Publication publication = publication(coordinates, saved);
            Publisher.Release release =
                    dryRun ? publisher.preview(publication) : publisher.publish(publication);
            report(release);
        }
    }

    private Publication publication(Coordinates coordinates, SavedRun saved) {
        Map<String, String> card = saved.card();
        Publication.Builder builder =
                Publication.builder()
                        .setCoordinates(coordinates)
                        .setBlock(saved.model())
                        .setBlockFactory(
                                Gpt2BlockFactory.class,
                                Gpt2BlockFactory.arguments(
                                        saved.model().getConfig(), saved.precision()))
                        .optTranslatorFactory(TextTranslatorFactory.class)
                        .optFile(TextTranslatorFactory.TOKENIZER, read(saved.files().tokenizer()))
                        .optDescription(description(saved.model().getConfig(), card))
                        .optCard(card)
                        .optName(name)
                        .optReplacing(force);
        return (licence == null ? builder : builder.optLicence(licence)).build();
    }

    private static String description(Gpt2Config config, Map<String, String> card) {
        return String.format(
                Locale.ROOT,
                "GPT-2 with %d layers of width %d, trained on %s",
                config.layers(),
                config.width(),
                card.get("data"));
    }

    private static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + file + " (" + e + ")", e);
        }
    }

    private void report(Publisher.Release release) {
        String verb = dryRun ? "Would write" : "Wrote";
        for (Publisher.StoredFile file : release.files()) {
            System.out.printf(
                    Locale.ROOT,
                    "%s %s (%,d bytes, SHA-1 %s)%n",
                    verb,
                    file.path(),
                    file.size(),
                    file.sha1());
        }
        System.out.printf(
                Locale.ROOT, "%s %s, with%n%s", verb, release.metadata(), release.entry());
    }
}
