package io.github.djlspectral.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.util.Utils;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * A project of its own, which is the README's, builds and runs on the libraries as they would be
 * published: deployed to a folder. All else its Maven finds, without network, in the local
 * repository of this build. It keeps another one for itself, so that nothing is installed.
 */
class ConsumerIT {

    private static final Path PROJECT = Path.of("consumer");
    private static final Path TARGET = Path.of("target", "consumer").toAbsolutePath();
    private static final Path COPY = TARGET.resolve("project");
    private static final Path REPOSITORY = TARGET.resolve("repository");
    private static final String VERSION = System.getProperty("project.version");
    private static final String SETTINGS =
            """
            <settings>
              <localRepository>%1$s</localRepository>
              <activeProfiles> <activeProfile>build</activeProfile> </activeProfiles>
              <profiles>
                <profile>
                  <id>build</id>
                  <repositories>
                    <repository> <id>published</id> <url>%2$s</url> </repository>
                    <repository>
                      <id>cached</id> <url>%3$s</url>
                      <releases> <checksumPolicy>ignore</checksumPolicy> </releases>
                    </repository>
                  </repositories>
                  <pluginRepositories>
                    <pluginRepository>
                      <id>cached</id> <url>%3$s</url>
                      <releases> <checksumPolicy>ignore</checksumPolicy> </releases>
                    </pluginRepository>
                  </pluginRepositories>
                </profile>
              </profiles>
            </settings>
            """;

    @BeforeAll
    static void deploysAndBuilds() throws IOException, InterruptedException {
        Utils.deleteQuietly(TARGET);
        Path program = Path.of("src/main/java/DropIn.java");
        Files.createDirectories(COPY.resolve(program).getParent());
        Files.copy(PROJECT.resolve(program), COPY.resolve(program));
        String pom = Files.readString(PROJECT.resolve("pom.xml"));
        // The reader of another platform does so, too.
        pom = pom.replace("linux-x86_64<", System.getProperty("libtorch.classifier") + "<");
        Files.writeString(COPY.resolve("pom.xml"), pom);
        Path cached = Path.of(System.getProperty("settings.localRepository"));
        String settings =
                SETTINGS.formatted(TARGET.resolve("m2"), REPOSITORY.toUri(), cached.toUri());
        Files.writeString(TARGET.resolve("settings.xml"), settings);

        Path root = Path.of("").toAbsolutePath().getParent();
        List<Process> deployments = new ArrayList<>();
        Path parent = root.resolve("pom.xml");
        deployments.add(deploy("-DpomFile=" + parent, "-Dfile=" + parent));
        for (String library : List.of("djl-optim", "djl-layers")) {
            Path module = root.resolve(library);
            Path jar = module.resolve("target/" + library + "-" + VERSION);
            deployments.add(
                    deploy(
                            "-DpomFile=" + module.resolve("pom.xml"),
                            "-Dfile=" + jar + ".jar",
                            "-Dsources=" + jar + "-sources.jar",
                            "-Djavadoc=" + jar + "-javadoc.jar"));
        }
        for (Process deployment : deployments) {
            outputOf(deployment);
        }
        outputOf(
                maven(
                        "-f",
                        "project/pom.xml",
                        "-o",
                        "-Daether.offline.protocols=file",
                        "-Ddjl.version=" + System.getProperty("djl.version"),
                        goal("compiler", "compile"),
                        goal("dependency", "tree"),
                        "-DoutputFile=tree.txt",
                        goal("dependency", "build-classpath"),
                        "-Dmdep.outputFile=classpath.txt"));
    }

    @Test
    void librariesComeWithSourcesAndJavadoc() throws IOException {
        assertThat(published("djl-spectral")).containsExactly(".pom");
        for (String library : List.of("djl-optim", "djl-layers")) {
            assertThat(published(library))
                    .containsExactlyInAnyOrder(".pom", ".jar", "-sources.jar", "-javadoc.jar");
        }
    }

    @Test
    void theProgramTrains() throws IOException, InterruptedException {
        String classPath = COPY.resolve("target/classes") + File.pathSeparator + classPath();
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        String output =
                outputOf(
                        new ProcessBuilder(
                                        java.toString(),
                                        "-Dai.djl.pytorch.num_threads=1",
                                        "-cp",
                                        classPath,
                                        "DropIn")
                                .redirectErrorStream(true)
                                .start());
        assertThat(output).containsPattern("(?m)^loss 0\\.\\d+$");
        float loss = Float.parseFloat(output.replaceAll("(?s).*\\bloss (\\S+).*", "$1"));
        assertThat(loss).as("less than what guessing costs").isLessThan(0.5f);
    }

    @Test
    void fewJarsAreDrawnIn() throws IOException {
        long bytes = 0;
        List<String> names = new ArrayList<>();
        for (String entry : classPath().split(File.pathSeparator)) {
            Path jar = Path.of(entry);
            String name = jar.getFileName().toString().replaceAll("-\\d.*", "");
            if (!List.of("pytorch-jni", "pytorch-native-cpu").contains(name)) {
                names.add(name);
                bytes += Files.size(jar);
            }
        }
        assertThat(names)
                .hasSizeLessThanOrEqualTo(14)
                .containsExactlyInAnyOrder(
                        "djl-optim",
                        "djl-layers",
                        "jtokkit",
                        "api",
                        "pytorch-engine",
                        "gson",
                        "error_prone_annotations",
                        "jna",
                        "commons-compress",
                        "commons-codec",
                        "commons-io",
                        "slf4j-api");
        assertThat(Math.round(bytes / 1e6)).as("MB, as the first page says").isEqualTo(9);
        assertThat(Files.readString(COPY.resolve("tree.txt")))
                .contains("djl-layers", "jtokkit")
                .doesNotContain("picocli", "jmh", "xchart", "jline", "slf4j-simple", "junit");
    }

    /** Ends of the names of what was published of an artifact. */
    private static List<String> published(String artifact) throws IOException {
        Path folder = REPOSITORY.resolve("io/github/djlspectral").resolve(artifact);
        try (Stream<Path> files = Files.walk(folder)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.matches(artifact + "-\\d.*\\.(pom|jar)"))
                    .map(name -> name.replaceAll(".*\\d(-[a-z]+)?\\.", "$1."))
                    .toList();
        }
    }

    private static String classPath() throws IOException {
        return Files.readString(COPY.resolve("classpath.txt")).strip();
    }

    private static Process deploy(String... files) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(files));
        arguments.add(goal("deploy", "deploy-file"));
        arguments.add("-DrepositoryId=published");
        arguments.add("-Durl=" + REPOSITORY.toUri());
        return maven(arguments.toArray(new String[0]));
    }

    /** The goal of the version of a plugin that the build uses, too. */
    private static String goal(String plugin, String goal) {
        String version = System.getProperty("maven-" + plugin + "-plugin.version");
        return "org.apache.maven.plugins:maven-%s-plugin:%s:%s".formatted(plugin, version, goal);
    }

    private static Process maven(String... arguments) throws IOException {
        boolean windows = File.separatorChar == '\\';
        Path program =
                Path.of(System.getProperty("maven.home"), "bin", windows ? "mvn.cmd" : "mvn");
        List<String> command = new ArrayList<>();
        command.add(program.toString());
        command.addAll(List.of("-B", "-ntp", "-s", "settings.xml"));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        // Short runs: no time to optimize.
        builder.environment().remove("JDK_JAVA_OPTIONS"); // snapshots are dated in Latin digits
        builder.environment().put("MAVEN_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
        return builder.directory(TARGET.toFile()).start();
    }

    private static String outputOf(Process process) throws IOException, InterruptedException {
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }
}
