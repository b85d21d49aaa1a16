package io.github.djlspectral.torch;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Random;
import java.util.zip.ZipOutputStream;

/**
 * A TorchScript module with parameters, as {@code torch.jit.save} writes it: two linear layers,
 * {@code embedding_tower.0} and {@code fc}, with a ReLU between them. Its parameters have no shape
 * in DJL, only arrays.
 */
public final class ScriptedBody {

    private static final String SOURCE =
            """
            class Layer(Module):
              __parameters__ = ["weight", "bias", ]
              __buffers__ = []
              weight : Tensor
              bias : Tensor
              def forward(self: __torch__.Layer, x: Tensor) -> Tensor:
                return torch.add(torch.matmul(x, torch.t(self.weight)), self.bias)
            class Tower(Module):
              __parameters__ = []
              __buffers__ = []
              __annotations__ = []
              __annotations__["0"] = __torch__.Layer
              def forward(self: __torch__.Tower, x: Tensor) -> Tensor:
                _0 = getattr(self, "0")
                return (_0).forward(x, )
            class Body(Module):
              __parameters__ = []
              __buffers__ = []
              embedding_tower : __torch__.Tower
              fc : __torch__.Layer
              def forward(self: __torch__.Body, x: Tensor) -> Tensor:
                y = torch.relu((self.embedding_tower).forward(x, ))
                return (self.fc).forward(y, )
            """;

    private final ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final ZipOutputStream zip = new ZipOutputStream(bytes);
    private final Random random = new Random(5);
    private int storages;

    private ScriptedBody() {
        zip.setMethod(ZipOutputStream.STORED);
    }

    /** Loads it, [B, inputs] to [B, outputs], as a block that can be trained. */
    public static Model load(int inputs, int width, int outputs) {
        Model model = Model.newInstance("body", "PyTorch");
        try {
            byte[] archive = new ScriptedBody().pack(inputs, width, outputs);
            model.load(new ByteArrayInputStream(archive), Map.of("trainParam", "true"));
        } catch (IOException | MalformedModelException e) {
            throw new AssertionError(e);
        }
        return model;
    }

    private byte[] pack(int inputs, int width, int outputs) throws IOException {
        pickle.writeBytes(new byte[] {(byte) 0x80, 2});
        begin("Body");
        string("embedding_tower");
        begin("Tower");
        string("0");
        layer(width, inputs);
        ascii("ub");
        string("fc");
        layer(outputs, width);
        ascii("ub.");
        TorchScriptArchive.add(zip, "version", TorchScriptArchive.ascii("10\n"));
        TorchScriptArchive.add(zip, "data.pkl", pickle.toByteArray());
        TorchScriptArchive.add(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'});
        TorchScriptArchive.add(zip, "code/__torch__.py", TorchScriptArchive.ascii(SOURCE));
        zip.close();
        return bytes.toByteArray();
    }

    private void begin(String type) {
        ascii("c__torch__\n" + type + "\n)");
        pickle.write(0x81);
        ascii("}(");
    }

    private void layer(int rows, int columns) throws IOException {
        begin("Layer");
        string("weight");
        tensor(rows, columns);
        string("bias");
        tensor(rows);
        ascii("ub");
    }

    private void tensor(int... shape) throws IOException {
        int size = shape.length == 1 ? shape[0] : shape[0] * shape[1];
        ByteBuffer values = ByteBuffer.allocate(4 * size).order(ByteOrder.LITTLE_ENDIAN);
        while (values.hasRemaining()) {
            values.putFloat((float) random.nextGaussian());
        }
        String name = String.valueOf(storages++);
        TorchScriptArchive.add(zip, "data/" + name, values.array());
        ascii("ctorch._utils\n_rebuild_tensor_v2\n((");
        string("storage");
        ascii("ctorch\nFloatStorage\n");
        string(name);
        string("cpu");
        number(size);
        ascii("tQ");
        number(0);
        ascii("(");
        for (int side : shape) {
            number(side);
        }
        ascii("t(");
        for (int i = 0; i < shape.length; i++) {
            number(i == shape.length - 1 ? 1 : shape[1]);
        }
        ascii("t");
        pickle.write(0x88); // it requires a gradient
        ascii("ccollections\nOrderedDict\n)RtR");
    }

    private void number(int value) {
        pickle.write('K');
        pickle.write(value);
    }

    private void string(String text) {
        pickle.write('X');
        pickle.write(text.length());
        pickle.writeBytes(new byte[3]);
        ascii(text);
    }

    private void ascii(String text) {
        pickle.writeBytes(TorchScriptArchive.ascii(text));
    }
}
