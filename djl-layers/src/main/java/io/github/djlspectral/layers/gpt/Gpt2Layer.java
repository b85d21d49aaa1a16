package io.github.djlspectral.layers.gpt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.djlspectral.optim.FusedWeights;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A layer of a {@link Gpt2}, [B, T, C] to [B, T, C], in one native call. */
final class Gpt2Layer extends AbstractBlock implements FusedWeights {

    private final Gpt2Functions functions;
    private final List<Parameter> own;
    private final Map<Parameter, List<Parameter>> adapters = new HashMap<>(); // by weight

    Gpt2Layer(Gpt2Functions functions, List<Parameter> own) {
        this.functions = functions;
        this.own = own;
        own.forEach(this::addParameter);
    }

    @Override
    public int matrices(String parameter) {
        boolean fused = parameter.contains("attn.c_attn.") && !parameter.contains(".lora_A.");
        return fused ? 3 : 1;
    }

    /** Adds adapters, which are initialised. */
    void adapt(Map<Parameter, List<Parameter>> adapters) {
        for (Parameter weight : own) {
            if (adapters.containsKey(weight)) {
                this.adapters.put(weight, adapters.get(weight));
                adapters.get(weight).forEach(this::addParameter);
            }
        }
    }

    /** Takes the adapters away and returns them. */
    Map<Parameter, List<Parameter>> removeAdapters() {
        Map<Parameter, List<Parameter>> removed = Map.copyOf(adapters);
        removed.values().forEach(pair -> pair.forEach(p -> parameters.remove(p.getName())));
        adapters.clear();
        return removed;
    }

    /** The arrays in the order of {@code gpt2.py}; what stands for no adapter is the manager's. */
    NDList values(ParameterStore store, NDArray activation, boolean training, NDManager manager) {
        NDList values = new NDList();
        for (int i = 0; i < own.size(); i++) {
            Parameter weight = own.get(i);
            values.add(store.getValue(weight, activation.getDevice(), training));
            if (functions.config.bias()) {
                values.add(store.getValue(own.get(++i), activation.getDevice(), training));
            }
            if (functions.lora != null && weight.getName().contains(".c_")) {
                List<Parameter> pair = adapters.getOrDefault(weight, List.of());
                for (Parameter p : pair) {
                    values.add(store.getValue(p, activation.getDevice(), training));
                }
                for (int missing = pair.size(); missing < 2; missing++) {
                    values.add(manager.create(new Shape(0)));
                }
            }
        }
        return values;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray x = inputs.singletonOrThrow();
        return new NDList(
                functions.call(training, "layer", x, host -> values(store, x, training, host)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }
}
