package io.github.djlspectral.zoo;

import ai.djl.MalformedModelException;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.Arrays;

/** A program that knows a model by its coordinates only, and prints the bits of its logits. */
public final class LoadingProgram {

    public static final long[] TOKENS = {3, 1, 4, 1, 5, 9, 2, 6};

    private LoadingProgram() {}

    /** Prints the logits of some tokens as hexadecimal floating-point numbers. */
    public static void main(String[] args)
            throws IOException,
                    ModelNotFoundException,
                    MalformedModelException,
                    TranslateException {
        Criteria<NDList, NDList> criteria =
                Criteria.builder()
                        .setTypes(NDList.class, NDList.class)
                        .optGroupId(SpectralZoo.GROUP)
                        .optArtifactId("gpt2")
                        .build();
        try (ZooModel<NDList, NDList> model = criteria.loadModel();
                Predictor<NDList, NDList> predictor = model.newPredictor();
                NDArray tokens = model.getNDManager().create(TOKENS, new Shape(1, TOKENS.length));
                NDList logits = predictor.predict(new NDList(tokens))) {
            System.out.println("logits " + text(logits.singletonOrThrow()));
        }
    }

    /** Tells equal bits from unequal ones. */
    public static String text(NDArray logits) {
        StringBuilder text = new StringBuilder();
        for (float value : logits.toFloatArray()) {
            text.append(Integer.toHexString(Float.floatToRawIntBits(value))).append(' ');
        }
        return Arrays.toString(logits.getShape().getShape()) + " " + text.toString().trim();
    }
}
