package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.nio.charset.StandardCharsets.UTF_8;

import ai.djl.Application;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.zoo.Coordinates;
import io.github.djlspectral.zoo.Gpt2BlockFactory;
import io.github.djlspectral.zoo.Publication;
import io.github.djlspectral.zoo.Publisher;
import io.github.djlspectral.zoo.SpectralZoo;
import io.github.djlspectral.zoo.TextTranslatorFactory;
import java.nio.file.Path;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command that publishes a run's model into a repository. */
@Command(
        name = "publish",
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

    @Override
    public void run() {
        String scheme = "(?i)[a-z][a-z0-9+.-]+:/.*"; // a drive has one letter
        unless(
                !repository.toString().matches(scheme),
                "--repo is %s, but must be a folder: publish to one and upload it",
                repository);
        Coordinates coordinates =
                new Coordinates(Application.NLP.TEXT_GENERATION, group, artifact, version);
        Publisher publisher = new Publisher(repository);
        try (SavedRun saved = SavedRun.openExactly(run, step)) {
            Publication publication = publication(coordinates, saved);
            Publisher.Release release =
                    dryRun ? publisher.preview(publication) : publisher.publish(publication);
            String verb = dryRun ? "Would write" : "Wrote";
            for (Publisher.StoredFile file : release.files()) {
                String format = "%s %s (%,d bytes, SHA-1 %s)";
                System.out.println(Table.text(format, verb, file.path(), file.size(), file.sha1()));
            }
            System.out.printf("%s %s, with%n%s", verb, release.metadata(), release.entry());
        }
    }

    private Publication publication(Coordinates coordinates, SavedRun saved) {
        Gpt2Config model = saved.config().model();
        Map<String, String> card = saved.card();
        String tokenizer = RunDirectory.read(saved.files().file(TextTranslatorFactory.TOKENIZER));
        Publication.Builder builder =
                Publication.builder()
                        .setCoordinates(coordinates)
                        .setBlock(saved.model())
                        .setBlockFactory(
                                Gpt2BlockFactory.class,
                                Gpt2BlockFactory.arguments(
                                        model, saved.config().options().precision))
                        .optTranslatorFactory(TextTranslatorFactory.class)
                        .optFile(TextTranslatorFactory.TOKENIZER, tokenizer.getBytes(UTF_8))
                        .optDescription(
                                Table.text(
                                        "GPT-2 with %d layers of width %d, trained on %s",
                                        model.layers(), model.width(), card.get("data")))
                        .optCard(card)
                        .optName(name)
                        .optReplacing(force);
        return (licence == null ? builder : builder.optLicence(licence)).build();
    }
}
