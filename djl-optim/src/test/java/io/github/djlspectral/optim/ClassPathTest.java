package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ClassPathTest {

    /**
     * Nearly all applications are without Spark: so are these tests, lest we need what it brings.
     */
    @Test
    void hasNoSpark() {
        String classPath = System.getProperty("java.class.path");
        assertThat(
                        Stream.of(classPath.split(File.pathSeparator))
                                .map(entry -> new File(entry).getName())
                                .filter(name -> name.endsWith(".jar"))
                                .map(name -> name.replaceAll("-\\d.*", "")))
                .contains("api", "pytorch-engine", "slf4j-simple")
                .allMatch(
                        name ->
                                name.matches(
                                        "api|gson|error_prone_annotations|jna|slf4j-(api|simple)"
                                                + "|commons-(codec|compress|io)|pytorch-.*"
                                                + "|(junit|jqwik|assertj|surefire).*|opentest4j"
                                                + "|apiguardian-api|byte-buddy"));
    }
}
