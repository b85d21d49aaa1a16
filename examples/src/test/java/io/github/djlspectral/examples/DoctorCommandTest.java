package io.github.djlspectral.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.DoctorCommand.Check;
import io.github.djlspectral.optim.SpectralMap;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class DoctorCommandTest {

    @Test
    void thisMachineIsWell() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream before = System.out;
        System.setOut(new PrintStream(bytes, true, UTF_8));
        int code;
        try {
            code = Main.execute(Main.commandLine(), "doctor", "--side", "40");
        } finally {
            System.setOut(before);
        }
        assertThat(bytes.toString(UTF_8))
                .contains("pytorch ", "| Muon, 2 steps |", "| Gpt2's loss and gradients |")
                .contains("map of 40 x 40", "On cpu every kernel is right")
                .doesNotContain("WRONG");
        assertThat(code).isZero();
    }

    /** In float32 only, as a kernel would be on a device. */
    private static Check check(double off) {
        return new Check(
                "planted",
                1e-3,
                (manager, type) -> {
                    double value = type == DataType.FLOAT32 ? 1 + off : 1;
                    return new NDList(manager.ones(new Shape(3), type).mul(value));
                });
    }

    @Test
    void aKernelThatIsWrongIsNamed() {
        for (double off : new double[] {0, 2e-3, Double.NaN, Double.POSITIVE_INFINITY}) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            PrintStream out = new PrintStream(bytes, true, UTF_8);
            boolean right = DoctorCommand.compare(List.of(check(off)), Device.cpu(), out);
            assertThat(right).isEqualTo(off == 0);
            assertThat(bytes.toString(UTF_8)).contains(off == 0 ? "| right |" : "| WRONG |");
        }
    }

    @Test
    void aKernelThatIsWrongIsTheExitCode() {
        DoctorCommand doctor = new DoctorCommand();
        new CommandLine(doctor).parseArgs("--side", "8");
        assertThat(doctor.exitCode(List.of(check(0)))).isZero();
        assertThat(doctor.exitCode(List.of(check(0), check(2e-3), check(0)))).isOne();
        SpectralMap right = SpectralMap.polar(false);
        SpectralMap wrong = SpectralMap.power(0.9);
        Check swapped =
                new Check(
                        "swapped",
                        0.02,
                        (manager, type) -> {
                            NDArray x = manager.arange(12f).reshape(3, 4).add(1);
                            SpectralMap map = type == DataType.FLOAT32 ? wrong : right;
                            return new NDList(map.apply(x.toType(type, false)));
                        });
        assertThat(doctor.exitCode(List.of(swapped))).isOne();
    }
}
