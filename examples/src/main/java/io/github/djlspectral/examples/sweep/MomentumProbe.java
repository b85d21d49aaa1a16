package io.github.djlspectral.examples.sweep;

import ai.djl.ndarray.NDArray;
import io.github.djlspectral.optim.UpdateObserver;
import java.util.Map;
import java.util.TreeMap;

/** Keeps the momenta of hidden matrices at one step, as they enter the map. */
final class MomentumProbe implements UpdateObserver, AutoCloseable {

    private final Map<String, NDArray> momenta = new TreeMap<>();
    private int wanted;

    /** Forgets what it has and waits for a step, counted from 1; 0 for none. */
    void await(int step) {
        close();
        wanted = step;
    }

    /** Returns the momenta by the name of the parameter. */
    Map<String, NDArray> momenta() {
        return momenta;
    }

    @Override
    public boolean wants(int step) {
        return step == wanted;
    }

    @Override
    public void observe(String parameter, int step, int blocks, NDArray momentum, NDArray update) {
        momenta.put(parameter, momentum.duplicate());
    }

    @Override
    public void close() {
        momenta.values().forEach(NDArray::close);
        momenta.clear();
    }
}
