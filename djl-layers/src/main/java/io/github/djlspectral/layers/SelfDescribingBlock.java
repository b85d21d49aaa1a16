package io.github.djlspectral.layers;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import ai.djl.util.PairList;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.LoggerFactory;

/**
 * A block that writes its kind and shape before its parameters, and loads none that were saved by
 * another, which may fit by name and be those of another function. What was saved before blocks did
 * so, version 1, is loaded with a warning that says what was not checked.
 */
public abstract class SelfDescribingBlock extends AbstractBlock {

    private static final byte VERSION = 2;

    private final Map<String, String> settings = new LinkedHashMap<>();

    /**
     * Describes the block; the shapes of its parameters are added where they are known.
     *
     * @param settings names and values in turn: what the function depends on that the names and
     *     shapes of the parameters do not tell
     */
    protected SelfDescribingBlock(Object... settings) {
        super(VERSION);
        this.settings.put("kind", getClass().getSimpleName());
        for (int i = 0; i < settings.length; i += 2) {
            this.settings.put(settings[i].toString(), settings[i + 1].toString());
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        return forwardOne(parameterStore, inputs.singletonOrThrow(), training);
    }

    /**
     * {@return the outputs for one input}
     *
     * @param store the parameters on each device
     * @param input the input
     * @param training whether parameters are trained
     */
    protected abstract NDList forwardOne(ParameterStore store, NDArray input, boolean training);

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }

    private Map<String, String> shapes() {
        Map<String, String> shapes = new LinkedHashMap<>();
        for (Pair<String, Parameter> parameter : getParameters()) {
            Shape shape = parameter.getValue().getShape();
            shapes.put(parameter.getKey(), shape == null ? "" : shape.toString());
        }
        return shapes;
    }

    @Override
    protected final void saveMetadata(DataOutputStream os) throws IOException {
        write(os, settings);
        write(os, shapes());
        super.saveMetadata(os);
    }

    private static void write(DataOutputStream os, Map<String, String> map) throws IOException {
        os.writeInt(map.size());
        for (Map.Entry<String, String> entry : map.entrySet()) {
            os.writeUTF(entry.getKey());
            os.writeUTF(entry.getValue());
        }
    }

    @Override
    protected final void loadMetadata(byte loadVersion, DataInputStream is)
            throws IOException, MalformedModelException {
        if (loadVersion == 1) {
            loadVersion1(is);
        } else if (loadVersion == VERSION) {
            requireSame(settings, is);
            requireSame(shapes(), is);
        } // any other is refused next
        super.loadMetadata(loadVersion == 1 ? VERSION : loadVersion, is);
    }

    private static void requireSame(Map<String, String> own, DataInputStream is)
            throws IOException, MalformedModelException {
        Map<String, String> theirs = new TreeMap<>();
        Map<String, String> ours = new TreeMap<>(own);
        for (int i = is.readInt(); i > 0; i--) {
            String name = is.readUTF();
            String saved = is.readUTF();
            String here = own.getOrDefault(name, "none");
            if (saved.equals(here) || saved.isEmpty() || here.isEmpty()) { // the same or not known
                ours.remove(name);
            } else {
                theirs.put(name, saved);
            }
        }
        if (!theirs.isEmpty() || !ours.isEmpty()) {
            String fault =
                    "These parameters were saved by a block of %s, this one is of %s: build it";
            throw new MalformedModelException(
                    fault.formatted(theirs, ours)
                            + " as it was saved. Nothing has been loaded into it.");
        }
    }

    /**
     * Reads what version 1 has before the shapes of the inputs, which is nothing, and warns.
     *
     * @param is where to read from
     * @throws IOException if it cannot be read
     * @throws MalformedModelException if it is not of this block
     */
    protected void loadVersion1(DataInputStream is) throws IOException, MalformedModelException {
        LoggerFactory.getLogger(SelfDescribingBlock.class)
                .warn(
                        "Parameters of version 1 do not say what they are of. Not checked: {} {}."
                                + " Save them again when they are known to be right.",
                        settings,
                        shapes());
    }
}
