package io.github.djlspectral.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Native functions written in TorchScript, callable from Java: every torch operator at one JNI
 * crossing per function instead of one per operation.
 *
 * <p>The source is a resource file that declares one class {@code Kernels(Module)}, in the dialect
 * of serialized TorchScript: {@code torch.} names operators, functions beside the class are called
 * as {@code __torch__.name(..)}. It is compiled once per device, on first use. Instances are
 * immutable and thread-safe. The first compilation lowers PyTorch's threads to the processors that
 * the JVM may use, as in a container with a quota, unless {@code ai.djl.pytorch.num_threads},
 * {@code OMP_NUM_THREADS} or {@code MKL_NUM_THREADS} gives a number.
 *
 * <p>In the libraries, this class is the only one that touches the classes of DJL's PyTorch engine.
 */
public final class TorchScript {

    private static boolean threadsFit;

    private final String name;
    private final byte[] archive;
    private final Map<Device, PtSymbolBlock> modules = new ConcurrentHashMap<>();

    private TorchScript(String name, String source) {
        this.name = name;
        this.archive = TorchScriptArchive.pack(source);
    }

    /**
     * Takes a source, such as {@link #source} reads.
     *
     * @param name what messages call it
     * @param source the source, with a class {@code Kernels}
     * @return the functions, not yet compiled
     */
    public static TorchScript of(String name, String source) {
        return new TorchScript(name, source);
    }

    /**
     * Reads the source of native functions from resources, as {@link #source} does.
     *
     * @param owner the class beside which the resources lie
     * @param resources the names of the resource files
     * @return the functions, not yet compiled
     */
    public static TorchScript ofResources(Class<?> owner, String... resources) {
        return ofResources(owner, Map.of(), resources);
    }

    /**
     * As {@link #ofResources(Class, String...)}, and fills in constants: each {@code $NAME} in the
     * source is replaced by the value given for {@code NAME}.
     *
     * @param owner the class beside which the resources lie
     * @param constants numbers by name; a name must not be the beginning of another
     * @param resources the names of the resource files
     * @return the functions, not yet compiled
     */
    public static TorchScript ofResources(
            Class<?> owner, Map<String, Number> constants, String... resources) {
        String source = source(owner, resources);
        for (Map.Entry<String, Number> constant : constants.entrySet()) {
            source = source.replace("$" + constant.getKey(), constant.getValue().toString());
        }
        return of(String.join(", ", resources), source);
    }

    /**
     * Reads resources and joins them in this order.
     *
     * @param owner the class beside which the resources lie
     * @param resources the names of the resource files, UTF-8
     * @return their text
     * @throws UncheckedIOException if there is no such resource or it cannot be read
     */
    public static String source(Class<?> owner, String... resources) {
        StringBuilder source = new StringBuilder();
        for (String resource : resources) {
            source.append(read(owner, resource));
        }
        return source.toString();
    }

    private static String read(Class<?> owner, String resource) {
        try (InputStream in = owner.getResourceAsStream(resource)) {
            if (in == null) {
                throw new FileNotFoundException(
                        "No resource " + resource + " beside " + owner.getName());
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read TorchScript source " + resource, e);
        }
    }

    /**
     * Runs a function without autograd, in inference mode. It may change its arguments in place,
     * leaf parameters too, on any thread and inside an open gradient collector. Its results cannot
     * take part in a later autograd graph.
     *
     * @param manager the manager that results attach to; its device selects the compiled copy
     * @param function the name of a method of {@code Kernels}
     * @param arguments in order: {@link NDArray}, {@link NDList} (a non-empty {@code
     *     List[Tensor]}), {@link Double} or {@link Float} ({@code float}), {@link Long} or {@link
     *     Integer} ({@code int}), {@link Boolean}, {@link String}, {@code double[]} ({@code
     *     List[float]}) or {@code long[]} ({@code List[int]})
     * @return the tensors returned; empty if the function returns None
     * @throws IllegalArgumentException if the manager or an array is not of the PyTorch engine, or
     *     an argument has another type
     * @throws ai.djl.engine.EngineException if the function fails
     */
    public NDList call(NDManager manager, String function, Object... arguments) {
        PtNDManager target = pytorch(manager);
        try (IValue result = run(target, function, arguments)) {
            return "NoneType".equals(result.getType()) ? new NDList() : result.toNDList(target);
        }
    }

    /**
     * {@return the {@code float} that a function returns, without autograd; see {@link #call}}
     * Waits for the device if the function reads it from an array.
     *
     * @param manager the manager whose device selects the compiled copy
     * @param function the name of a method of {@code Kernels} that returns {@code float}
     * @param arguments as for {@link #call}
     */
    public double callDouble(NDManager manager, String function, Object... arguments) {
        try (IValue result = run(pytorch(manager), function, arguments)) {
            return result.toDouble();
        }
    }

    /**
     * {@return the {@code bool} that a function returns, without autograd; see {@link #call}} Waits
     * for the device if the function reads a number from an array.
     *
     * @param manager the manager whose device selects the compiled copy
     * @param function the name of a method of {@code Kernels} that returns {@code bool}
     * @param arguments as for {@link #call}
     */
    public boolean callBoolean(NDManager manager, String function, Object... arguments) {
        try (IValue result = run(pytorch(manager), function, arguments)) {
            return result.toBoolean();
        }
    }

    /**
     * Runs a function with autograd: where a gradient is being collected and an argument requires
     * one, results carry the graph.
     *
     * @param manager the manager that results attach to; its device selects the compiled copy
     * @param function the name of a method of {@code Kernels}
     * @param arguments in order: {@link NDArray} ({@code Tensor}) or {@link NDList} (a non-empty
     *     {@code List[Tensor]}); the engine passes no numbers here, they are constants of the
     *     source or arrays
     * @return the tensors returned
     * @throws IllegalArgumentException if the manager or an array is not of the PyTorch engine, or
     *     an argument has another type
     * @throws ai.djl.engine.EngineException if the function fails
     */
    public NDList callWithGradient(NDManager manager, String function, Object... arguments) {
        PtNDManager target = pytorch(manager);
        PtSymbolBlock module = module(target.getDevice());
        try (PtNDManager scratch = (PtNDManager) target.newSubManager()) {
            NDList inputs = new NDList();
            // Names tell the engine which method to run and which arrays form a list; results
            // attach to the manager of the first array.
            Object any = arguments[0] instanceof NDList list ? list.get(0) : arguments[0];
            PtNDArray first = pytorch(function, (NDArray) any);
            inputs.add(new TensorAlias(scratch, target, first, "module_method:" + function));
            for (int i = 0; i < arguments.length; i++) {
                if (arguments[i] instanceof NDList list) {
                    for (NDArray array : list) {
                        PtNDArray tensor = pytorch(function, array);
                        inputs.add(new TensorAlias(scratch, target, tensor, "a" + i + "[]"));
                    }
                } else if (arguments[i] instanceof NDArray array) {
                    inputs.add(new TensorAlias(scratch, target, pytorch(function, array), null));
                } else {
                    throw unsupported(function, arguments[i]);
                }
            }
            return interpreted(() -> IValueUtils.forward(module, inputs, true));
        }
    }

    /**
     * Runs a function as the forward pass of a layer. In training that is {@link
     * #callWithGradient}. Otherwise parameters among the other arguments are constant, so that a
     * graph leads to the first one at most. In contrast to those of {@link #call}, results can be
     * inputs of what is differentiated later.
     *
     * @param training whether parameters are to be differentiated
     * @param manager as for {@link #callWithGradient}, also what is returned and thrown
     * @param function the name of a method of {@code Kernels}
     * @param input the first argument
     * @param others the other arguments, leaves of the graph or without one
     * @return the tensors returned
     */
    public NDList forward(
            boolean training, NDManager manager, String function, NDArray input, Object... others) {
        Object[] arguments = Stream.concat(Stream.of(input), Stream.of(others)).toArray();
        if (training || !JniUtils.isGradMode()) {
            return callWithGradient(manager, function, arguments);
        }
        try (NDManager scratch = manager.newSubManager()) {
            for (int i = 1; i < arguments.length; i++) {
                arguments[i] =
                        arguments[i] instanceof NDList list
                                ? new NDList(list.stream().map(a -> constant(scratch, a)).toList())
                                : constant(scratch, (NDArray) arguments[i]);
            }
            return callWithGradient(manager, function, arguments);
        }
    }

    /** Without the gradient of a parameter, which alone tells that it has one. */
    private static NDArray constant(NDManager scratch, NDArray array) {
        NDArray constant = array.hasGradient() ? array.stopGradient() : array;
        if (constant != array) {
            constant.attach(scratch);
        }
        return constant;
    }

    /**
     * Runs something with autograd on or off on this thread, whatever other threads do. Off is not
     * the inference mode of {@link #call}: results can be inputs of what is differentiated later.
     *
     * @param <T> what is returned
     * @param on whether graphs are recorded
     * @param body what to run
     * @return what the body returns
     */
    public static <T> T withAutograd(boolean on, Supplier<T> body) {
        boolean before = JniUtils.isGradMode();
        JniUtils.setGradMode(on);
        try {
            return body.get();
        } finally {
            JniUtils.setGradMode(before);
        }
    }

    private IValue run(PtNDManager manager, String function, Object... arguments) {
        PtSymbolBlock module = module(manager.getDevice());
        IValue[] values = new IValue[arguments.length];
        try {
            for (int i = 0; i < arguments.length; i++) {
                values[i] = toIValue(function, arguments[i]);
            }
            return interpreted(() -> IValueUtils.runMethod(module, function, values));
        } finally {
            for (IValue value : values) {
                if (value != null) {
                    value.close();
                }
            }
        }
    }

    /**
     * Calls without the graph optimizer, which is a switch of the thread. It would take over parts
     * of the differentiation, where it forgets bfloat16 casts, and profile the first calls of each
     * shape, to gain nothing on functions as long as ours.
     */
    private static <T> T interpreted(Supplier<T> call) {
        JniUtils.setGraphExecutorOptimize(false);
        try {
            return call.get();
        } finally {
            // The engine's own reading of the property: other models keep what they were given.
            JniUtils.setGraphExecutorOptimize(
                    "true".equals(System.getProperty("ai.djl.pytorch.graph_optimizer", "true")));
        }
    }

    private static IValue toIValue(String function, Object argument) {
        if (argument instanceof NDArray array) {
            return IValue.from(pytorch(function, array));
        } else if (argument instanceof NDList list) {
            return IValue.listFrom(
                    list.stream().map(a -> pytorch(function, a)).toArray(PtNDArray[]::new));
        } else if (argument instanceof Double || argument instanceof Float) {
            return IValue.from(((Number) argument).doubleValue());
        } else if (argument instanceof Long || argument instanceof Integer) {
            return IValue.from(((Number) argument).longValue());
        } else if (argument instanceof String text) {
            return IValue.from(text);
        } else if (argument instanceof Boolean flag) {
            return IValue.from(flag);
        } else if (argument instanceof double[] numbers) {
            return IValue.listFrom(numbers);
        } else if (argument instanceof long[] numbers) {
            return IValue.listFrom(numbers);
        }
        throw unsupported(function, argument);
    }

    private PtSymbolBlock module(Device device) {
        return modules.computeIfAbsent(device, this::compile);
    }

    private PtSymbolBlock compile(Device device) {
        Engine engine = Engine.getEngine("PyTorch");
        fitThreads();
        // Once it has freed an array this large, glibc keeps twice as much for the next ones, which
        // it otherwise gives back and fetches page by page: a tenth of a step of Muon.
        try (NDManager host = engine.newBaseManager(Device.cpu())) {
            host.create(new Shape(31 << 20), DataType.INT8);
        }
        PtNDManager manager = (PtNDManager) engine.newBaseManager(device);
        try {
            return JniUtils.loadModule(manager, new ByteArrayInputStream(archive), true, false);
        } catch (IOException | EngineException e) {
            manager.close();
            String rule = "Cannot compile TorchScript %s: %s";
            throw new EngineException(rule.formatted(name, e.getMessage().strip()), e);
        }
    }

    /**
     * Once, has PyTorch use no more threads than the JVM may, unless a number was chosen: it counts
     * the processors of the machine, whatever share of them a container has.
     */
    private static synchronized void fitThreads() {
        boolean chosen =
                System.getProperty("ai.djl.pytorch.num_threads") != null
                        || System.getenv("OMP_NUM_THREADS") != null
                        || System.getenv("MKL_NUM_THREADS") != null;
        int processors = Runtime.getRuntime().availableProcessors();
        if (!threadsFit && !chosen && JniUtils.getNumThreads() > processors) {
            JniUtils.setNumThreads(processors);
        }
        threadsFit = true;
    }

    private static PtNDManager pytorch(NDManager manager) {
        if (manager instanceof PtNDManager pytorch) {
            return pytorch;
        }
        throw new IllegalArgumentException(
                "DJL Spectral needs the PyTorch engine, but the manager is a " + name(manager));
    }

    private static PtNDArray pytorch(String function, NDArray array) {
        if (array instanceof PtNDArray pytorch) {
            return pytorch;
        }
        throw new IllegalArgumentException(
                function + ": DJL Spectral needs arrays of the PyTorch engine, got " + name(array));
    }

    private static IllegalArgumentException unsupported(String function, Object argument) {
        return new IllegalArgumentException(
                function + ": cannot pass " + name(argument) + " to a native function");
    }

    private static String name(Object object) {
        return object == null ? "null" : object.getClass().getName();
    }
}
