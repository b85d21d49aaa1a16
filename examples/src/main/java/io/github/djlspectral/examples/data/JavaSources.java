package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/** The Java sources of Apache Commons Lang, read from their jar on the class path. */
final class JavaSources {

    private static final String FOLDER = "org/apache/commons/lang3/";
    private static final String ONE_OF_THEM = FOLDER + "StringUtils.java";

    private JavaSources() {}

    /** Returns all files one after the other, in the order of their paths. */
    static String commonsLang() {
        URL url = JavaSources.class.getClassLoader().getResource(ONE_OF_THEM);
        try {
            if (url == null || !(url.openConnection() instanceof JarURLConnection connection)) {
                throw new BadInputException(
                        "The sources of Apache Commons Lang are not on the class path: run with"
                                + " commons-lang3-sources.jar among the libraries, or choose other"
                                + " data");
            }
            connection.setUseCaches(false); // or closing would close other users' jar
            try (JarFile jar = connection.getJarFile()) {
                return concatenate(jar);
            }
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + url + " (" + e + ")", e);
        }
    }

    private static String concatenate(JarFile jar) throws IOException {
        List<String> names =
                jar.stream()
                        .map(JarEntry::getName)
                        .filter(name -> name.startsWith(FOLDER) && name.endsWith(".java"))
                        .sorted()
                        .toList();
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (String name : names) {
            try (InputStream in = jar.getInputStream(jar.getEntry(name))) {
                in.transferTo(all);
            }
        }
        return TextFile.decode(all.toByteArray(), jar.getName());
    }
}
