package io.github.djlspectral.examples;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.bench.run.BenchCommand;
import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.examples.flow.FlowCommand;
import io.github.djlspectral.examples.isometry.IsometryCommand;
import io.github.djlspectral.examples.sweep.LandscapeCommand;
import io.github.djlspectral.examples.sweep.SweepCommand;
import io.github.djlspectral.examples.zoo.PublishCommand;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/** The command line. */
@Command(
        name = "djl-spectral",
        mixinStandardHelpOptions = true,
        version = "djl-spectral 0.1.0",
        description = "GPT-2, spectral optimizers, isometric networks and attention flows in DJL.",
        subcommands = {
            TrainCommand.class,
            EvalCommand.class,
            GenerateCommand.class,
            ImportCommand.class,
            ExportCommand.class,
            CompareCommand.class,
            RandomFeaturesCommand.class,
            SweepCommand.class,
            LandscapeCommand.class,
            FlowCommand.class,
            IsometryCommand.class,
            ClassifyCommand.class,
            PublishCommand.class,
            BenchCommand.class
        })
public final class Main {

    /** The exit code for everything that the user can put right. */
    static final int BAD_INPUT = 2;

    /** What is thrown where the input or the disk is at fault, with a message that says so. */
    private static final Set<Class<? extends Exception>> USER_ERRORS =
            Set.of(
                    BadInputException.class,
                    TrainingDivergedException.class,
                    UncheckedIOException.class);

    private Main() {}

    /**
     * Runs a command and ends the process: code 0 if all went well, 2 with one line on standard
     * error if the input was at fault, 1 with a stack trace if this program was.
     *
     * @param args the command and its options
     */
    public static void main(String[] args) {
        System.setProperty("java.awt.headless", "true"); // plots are drawn to files only
        System.exit(commandLine().execute(args));
    }

    /** Returns the parser of all commands. */
    static CommandLine commandLine() {
        return new CommandLine(new Main())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(Main::badUsage)
                .setExecutionExceptionHandler(Main::failed);
    }

    private static int badUsage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        String hint = " (see " + command.getCommandSpec().qualifiedName() + " --help)";
        return tell(command.getErr(), e.getMessage() + hint);
    }

    private static int failed(Exception e, CommandLine command, CommandLine.ParseResult parsed)
            throws Exception {
        if (USER_ERRORS.stream().noneMatch(type -> type.isInstance(e))) {
            throw e;
        }
        return tell(command.getErr(), String.valueOf(e.getMessage()));
    }

    private static int tell(PrintWriter err, String message) {
        err.println("djl-spectral: " + message.replaceAll("\\s*\\R\\s*", " "));
        err.flush();
        return BAD_INPUT;
    }
}
