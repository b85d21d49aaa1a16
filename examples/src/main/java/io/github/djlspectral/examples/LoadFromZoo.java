///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS io.github.djlspectral:djl-spectral:0.1.0-SNAPSHOT@pom
//DEPS io.github.djlspectral:djl-layers
//DEPS ai.djl.pytorch:pytorch-jni
//DEPS ai.djl.pytorch:pytorch-native-cpu:2.7.1:linux-x86_64
//DEPS org.slf4j:slf4j-simple:2.0.17

package io.github.djlspectral.examples;

import ai.djl.inference.Predictor;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import io.github.djlspectral.zoo.SpectralZoo;

/**
 * Finds a published GPT-2 and continues a text with it. Its files are fetched once, checked against
 * the checksums that were published, and kept in DJL's cache.
 *
 * <p>Arguments: the zoo, a folder or an http address; a text to continue.
 */
final class LoadFromZoo {

    private LoadFromZoo() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 2) {
            throw new IllegalArgumentException("Give the zoo's folder or address, and a text");
        }
        // snippet: load
        Criteria<String, String> criteria =
                Criteria.builder()
                        .setTypes(String.class, String.class)
                        .optModelZoo(SpectralZoo.at(arguments[0]))
                        .optGroupId(SpectralZoo.GROUP)
                        .optArtifactId("gpt2") // the newest version; one: optFilter("version", ..)
                        .optArgument("maxTokens", 200) // these are for the translator
                        .optArgument("temperature", 0.8)
                        .build();
        try (ZooModel<String, String> model = criteria.loadModel();
                Predictor<String, String> predictor = model.newPredictor()) { // one per thread
            System.out.println(arguments[1] + predictor.predict(arguments[1]));
        }
        // end
    }
}
