package io.github.djlspectral.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HostTest {

    private final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");

    @AfterEach
    void close() {
        manager.close();
    }

    /** An array that says it is on a GPU, so that the engine copies it to the host. */
    private static final class OnGpu extends PtNDArray {

        OnGpu(NDManager gpu, NDArray memory) {
            super((PtNDManager) gpu, ((PtNDArray) memory).getHandle());
        }

        @Override
        public Device getDevice() {
            return Device.gpu();
        }

        /** Does nothing: the memory is another array's. */
        @Override
        public void close() {}
    }

    @Test
    void aReadLeavesNothingBehind() {
        NDArray memory = manager.create(new float[] {1, 2, 3, 4}, new Shape(2, 2));
        NDManager gpu = manager.newSubManager(Device.gpu());
        NDArray array = new OnGpu(gpu, memory);
        NDArray transposed = new OnGpu(gpu, memory.transpose());
        String before = gpu.toString(); // it has the number of resources, managers too
        for (int i = 0; i < 3; i++) {
            assertThat(Host.read(array, NDArray::toFloatArray)).containsExactly(1, 2, 3, 4);
            assertThat(Host.read(transposed, NDArray::toFloatArray)).containsExactly(1, 3, 2, 4);
            float third = Host.read(array, host -> host.getFloat(1, 0));
            assertThat(third).isEqualTo(3);
            assertThatIllegalStateException()
                    .isThrownBy(() -> Host.read(array, NDArray::toLongArray));
        }
        assertThat(gpu).hasToString(before);
        array.attach(manager); // which is of another device
        assertThat(Host.read(array, NDArray::toFloatArray)).containsExactly(1, 2, 3, 4);
        assertThat(manager.isOpen()).isTrue();
        array.attach(gpu);
        assertThat(array.toFloatArray()).containsExactly(1, 2, 3, 4);
        assertThat(gpu.toString()).as("after the engine's own read").isNotEqualTo(before);
    }

    @Test
    void aReadOfWhatIsNotContiguousLeavesNothingBehind() {
        NDArray transposed = manager.create(new long[] {1, 2, 3, 4}, new Shape(2, 2)).transpose();
        int before = manager.getManagedArrays().size();
        assertThat(Host.read(transposed, NDArray::toLongArray)).containsExactly(1, 3, 2, 4);
        assertThat(manager.getManagedArrays()).hasSize(before);
    }

    @Test
    void remembersUntilTheArrayChanges() {
        long[] values = {1, 2, 3, 4};
        NDArray array = Host.create(manager, values, new Shape(2, 2));
        long before = Host.READS.get();
        assertThat(Host.longs(array)).isSameAs(values);
        assertThat(Host.READS.get()).isEqualTo(before);
        array.get(0).addi(10);
        assertThat(Host.longs(array)).containsExactly(11, 12, 3, 4);
        assertThat(Host.longs(array.reshape(4))).containsExactly(11, 12, 3, 4);
        assertThat(Host.READS.get()).isEqualTo(before + 2);
        NDArray replaced = Host.create(manager, values, new Shape(4));
        replaced.set(new long[] {5, 6, 7, 8});
        assertThat(Host.longs(replaced)).containsExactly(5, 6, 7, 8);
    }

    @Test
    void whatIsRememberedEndsWithItsManager() {
        try (NDManager scratch = manager.newSubManager()) {
            NDArray array = Host.create(scratch, new long[] {1, 2}, new Shape(1, 2));
            assertThat(scratch.getManagedArrays()).containsExactly(array);
            assertThat(array.add(1).toLongArray()).containsExactly(2, 3);
        }
        assertThat(manager.getManagedArrays()).isEmpty();
    }

    /** The way up to a GPU, but for the pinned memory, which needs one. */
    @Test
    void whatGoesUpKeepsItsShape() {
        String source = TorchScript.source(Host.class, "host.py");
        assertThat(source).contains("torch.pin_memory(x)");
        TorchScript script = TorchScript.of("up", source.replace("torch.pin_memory(x)", "x"));
        NDArray x = manager.create(new long[] {1, 2, 3, 4}, new Shape(2, 2));
        NDArray like = manager.create(new Shape(0), DataType.INT64);
        NDArray up = script.callWithGradient(manager, "upload", x, like).head();
        assertThat(up).isEqualTo(x);
    }

    /** An array is named host where it is on the host for certain, and done where it was made. */
    @Test
    void nothingElseReadsArrays() throws IOException {
        Pattern reading =
                Pattern.compile(
                        "(?<!\\b(?:host|done|bytes|header)|BYTES\\)\\))\\s*\\.(?:to(?:Float|Double|"
                                + "Short|Long|Int|UnsignedInt|Uint8|Boolean)Array|toByteBuffer"
                                + "|get(?:Float|Double|Long|Int|Byte|Uint8|Boolean)"
                                + "|contentEquals|allClose)\\("
                                + "|toDevice\\(Device\\.cpu");
        Path root = Path.of("..").toRealPath();
        for (String module : List.of("djl-optim", "djl-layers", "examples")) {
            try (Stream<Path> files = Files.walk(root.resolve(module + "/src/main/java"))) {
                for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
                    if (!file.endsWith("torch/Host.java")) {
                        String text =
                                Files.readString(file).replaceAll("(?m)^\\s*(/?\\*|//).*", "");
                        Stream<String> found =
                                reading.matcher(text).results().map(MatchResult::group);
                        assertThat(found).as("%s: use Host.read", file).isEmpty();
                    }
                }
            }
        }
    }
}
