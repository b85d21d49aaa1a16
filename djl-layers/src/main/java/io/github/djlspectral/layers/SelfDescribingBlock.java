package io.github.djlspectral.layers;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.LoggerFactory;

/**
 * A block that writes its kind and shape before its parameters, and loads none that were saved by
 * another: parameters alone may fit by name and be those of another function. Files of before this
 * was written, version 1, are loaded with a warning that says what was not checked.
 */
public abstract class SelfDescribingBlock extends AbstractBlock {

    private static final byte VERSION = 2;
    private static final String KIND = "kind";
    private static final String UNKNOWN = "not known yet";
    private static final int MOST_NAMED = 8;

    private final Map<String, String> settings = new LinkedHashMap<>();

    /**
     * Describes the block, but for its parameters' shapes, which are added where they are known.
     *
     * @param settings names and values in turn: what the function depends on that the names and
     *     shapes of the parameters do not tell
     */
    protected SelfDescribingBlock(Object... settings) {
        super(VERSION);
        this.settings.put(KIND, getClass().getSimpleName());
        for (int i = 0; i < settings.length; i += 2) {
            this.settings.put(String.valueOf(settings[i]), String.valueOf(settings[i + 1]));
        }
    }

    private Map<String, String> description() {
        Map<String, String> description = new LinkedHashMap<>(settings);
        for (Pair<String, Parameter> parameter : getDirectParameters()) {
            Shape shape = parameter.getValue().getShape();
            description.put(parameter.getKey(), shape == null ? UNKNOWN : shape.toString());
        }
        return description;
    }

    @Override
    protected final void saveMetadata(DataOutputStream os) throws IOException {
        Map<String, String> description = description();
        os.writeInt(description.size());
        for (Map.Entry<String, String> entry : description.entrySet()) {
            os.writeUTF(entry.getKey());
            os.writeUTF(entry.getValue());
        }
        super.saveMetadata(os);
    }

    @Override
    protected final void loadMetadata(byte loadVersion, DataInputStream is)
            throws IOException, MalformedModelException {
        Map<String, String> own = description();
        if (loadVersion == 1) {
            loadVersion1(is);
        } else if (loadVersion == VERSION) {
            Map<String, String> saved = new LinkedHashMap<>();
            for (int i = is.readInt(); i > 0; i--) {
                saved.put(is.readUTF(), is.readUTF());
            }
            requireSame(saved, own);
        }
        // refuses any other version
        super.loadMetadata(loadVersion == 1 ? VERSION : loadVersion, is);
    }

    private void requireSame(Map<String, String> saved, Map<String, String> own)
            throws MalformedModelException {
        Map<String, String> all = new LinkedHashMap<>(own);
        saved.forEach(all::putIfAbsent);
        List<String> theirs = new ArrayList<>();
        List<String> ours = new ArrayList<>();
        for (String name : all.keySet()) {
            String there = saved.getOrDefault(name, "none");
            String here = own.getOrDefault(name, "none");
            if (!there.equals(here) && !there.equals(UNKNOWN) && !here.equals(UNKNOWN)) {
                theirs.add(name + "=" + there);
                ours.add(name + "=" + here);
            }
        }
        if (!ours.isEmpty()) {
            int named = Math.min(MOST_NAMED, ours.size());
            throw new MalformedModelException(
                    "These parameters were saved by a block of "
                            + String.join(", ", theirs.subList(0, named))
                            + ", this one is of "
                            + String.join(", ", ours.subList(0, named))
                            + ": build it as it was saved. Nothing has been loaded into it.");
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
                        "Parameters of version 1 do not say what they are of. Not checked: {}. Save"
                                + " them again once they are known to be right.",
                        description());
    }
}
