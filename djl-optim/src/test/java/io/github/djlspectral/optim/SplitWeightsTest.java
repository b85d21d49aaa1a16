package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import io.github.djlspectral.optim.extra.NorMuon;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is told, drawn, seen and saved of several matrices in one parameter. */
class SplitWeightsTest {

    private static final int BLOCKS = 3;
    private static final String NAME = "01Linear_weight";

    private NDManager manager;
    private Block block;
    private String id;
    private NDArray weight;
    private ParameterRouting whole;
    private ParameterRouting split;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
        block = new SequentialBlock().add(Linear.builder().setUnits(6).build());
        block.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
        id = block.getParameters().get(NAME).getId();
        weight = block.getParameters().get(NAME).getArray();
        whole = ParameterRouting.of(block).withSpectral(NAME);
        split = whole.withBlocks(NAME, BLOCKS);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    /** A block of one's own tells by the names of its own parameters. */
    private static final class Attention extends BareBlock implements FusedWeights {

        Attention() {
            weight("in.weight", 8, 6);
            weight("out.weight", 8, 6);
        }

        @Override
        public int matrices(String parameter) {
            return parameter.equals("in.weight") ? 2 : 1;
        }
    }

    @Test
    void aBlockTellsHowManyAndWithBlocksOverrulesIt() {
        Block block = new BareBlock().add("inner", new BareBlock().add("attn", new Attention()));
        block.initialize(manager, DataType.FLOAT32, new Shape(1));
        ParameterRouting routing = ParameterRouting.of(block);
        assertThat(routing.toTable())
                .containsPattern("attn_in.weight +2 x \\(4, 6\\) .* hidden matrices")
                .containsPattern("attn_out.weight +\\(8, 6\\) .* hidden matrix\n");
        assertThat(
                        routing.withBlocks("in.w", 4)
                                .withBlocks("out", 8)
                                .withBlocks("out", 1)
                                .toTable())
                .containsPattern("attn_in.weight +4 x \\(2, 6\\) ")
                .containsPattern("attn_out.weight +\\(8, 6\\) ");
        try (Muon muon = Muon.builder().build()) {
            ParameterRouting group = routing.withGroup(p -> p.getKey().contains("in.w"), muon);
            assertThat(group.toTable()).containsPattern("in.weight +2 x .* group of Muon");
            assertThat(group.withBlocks("in.w", 4).toTable())
                    .containsPattern("in.weight +4 x .* group of Muon");
        }
    }

    /** And at every step, under every name. */
    @Test
    void everyBlockHasDrawsOfItsOwn() {
        Block block =
                new SequentialBlock()
                        .add(Linear.builder().setUnits(9).build())
                        .add(Linear.builder().setUnits(9).build());
        block.initialize(manager, DataType.FLOAT64, new Shape(1, 9));
        ParameterRouting routing =
                ParameterRouting.of(block).withSpectral("weight").withBlocks("weight", BLOCKS);
        NDArray part = manager.randomNormal(new Shape(3, 9), DataType.FLOAT64);
        NDArray gradient = part.concat(part).concat(part);
        Set<Long> largest = new HashSet<>();
        try (Kaon kaon = Kaon.builder().optRandomSpectrum(7).optRouting(routing).build()) {
            for (String name : List.of("01Linear_weight", "02Linear_weight")) {
                Parameter parameter = BlockParameters.byName(block).get(name);
                for (int step = 0; step < 2; step++) {
                    NDArray weight = manager.zeros(gradient.getShape(), DataType.FLOAT64);
                    kaon.update(parameter.getId(), weight, gradient);
                    for (int i = 0; i < BLOCKS; i++) {
                        double[] s =
                                Oracle.singularValues(
                                        weight.div(0.02).get(3 * i + ":" + 3 * (i + 1)));
                        assertThat(s[0]).isBetween(0.5, 1.5);
                        largest.add(Math.round(s[0] * 1e9));
                    }
                }
            }
        }
        assertThat(largest).hasSize(2 * 2 * BLOCKS);
    }

    /** Of each matrix the momentum, and the update before rate and scale: of its own draw. */
    @Test
    void theObserverSeesEveryMatrix() {
        List<NDArray> seen = new ArrayList<>();
        UpdateObserver observer =
                new UpdateObserver() {
                    @Override
                    public boolean wants(int step) {
                        return true;
                    }

                    @Override
                    public void observe(
                            String name, int step, int blocks, NDArray momentum, NDArray update) {
                        assertThat(name + " " + step + " " + blocks).isEqualTo(NAME + " 1 3");
                        seen.addAll(List.of(momentum.duplicate(), update.duplicate()));
                    }
                };
        try (Kaon kaon =
                Kaon.builder()
                        .optRandomSpectrum(7)
                        .optMomentum(0.5f)
                        .optNesterov(false)
                        .optUpdateScale(UpdateScale.NONE)
                        .optRouting(split)
                        .optObserver(observer)
                        .build()) {
            NDArray before = weight.duplicate();
            NDArray gradient = manager.randomNormal(weight.getShape());
            kaon.update(id, weight, gradient);
            assertThat(seen).hasSize(2).allMatch(a -> a.getShape().equals(new Shape(3, 2, 4)));
            NDArray half = gradient.mul(0.5f).reshape(3, 2, 4);
            assertThat(Oracle.relativeDistance(seen.get(0), half)).isLessThan(1e-6);
            NDArray moved = before.sub(weight).div(0.02f).reshape(3, 2, 4);
            assertThat(Oracle.relativeDistance(seen.get(1), moved)).isLessThan(1e-4);
        }
    }

    /** Of a momentum the shape is the same; other arrays are of so many matrices. */
    @Test
    void aStateOfOtherBlocksIsContinuedOrRefused(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("state");
        try (Muon muon = Muon.builder().optRouting(whole).build();
                Muon other = Muon.builder().optRouting(split).build();
                NorMuon norMuon = NorMuon.builder().optRouting(whole).build();
                SpectralOptimizer splitNorMuon = NorMuon.builder().optRouting(split).build()) {
            for (SpectralOptimizer optimizer : List.of(muon, norMuon)) {
                optimizer.update(id, weight, manager.randomNormal(weight.getShape()));
            }
            OptimizerState.save(muon, block, file);
            OptimizerState.load(other, block, file);
            assertThat(other.firstState(id).step()).isOne();
            assertThat(other.firstState(id).array(0)).isEqualTo(muon.firstState(id).array(0));
            OptimizerState.save(norMuon, block, file);
            assertThatThrownBy(() -> OptimizerState.load(splitNorMuon, block, file))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            file
                                    + " is the state of other blocks: NorMuon.01Linear_weight.variance"
                                    + " is (1, 6, 1) there, (3, 2, 1) here; nothing has changed");
            assertThat(splitNorMuon.firstState(id)).isNull();
        }
    }
}
