package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;

/** The state in which every benchmark begins. */
final class LoadedEngine {

    /** A heap that is resident from the start, so that memory grows by native arrays only. */
    static final String HEAP = "-Xms256m";

    /** As {@link #HEAP}. */
    static final String MOST_HEAP = "-Xmx256m";

    /** As {@link #HEAP}. */
    static final String TOUCHED = "-XX:+AlwaysPreTouch";

    private LoadedEngine() {}

    /**
     * Loads the engine, starts its threads, seeds it and notes the memory that this took.
     *
     * @return a manager for the benchmark's arrays; the caller closes it
     */
    static NDManager start() {
        Engine engine = Engine.getEngine("PyTorch");
        engine.setRandomSeed(0);
        NDManager manager = engine.newBaseManager();
        try (NDArray matrix = manager.ones(new Shape(256, 256));
                NDArray product = matrix.matMul(matrix)) {
            Host.read(product, host -> host.getFloat(0, 0));
        }
        MemoryProfiler.noteBase();
        return manager;
    }
}
