package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.NormalInitializer;
import ai.djl.training.initializer.XavierInitializer;
import ai.djl.training.loss.Loss;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** Layers are isometric at the beginning, whatever draws their parameters. */
class ForeignInitializerTest extends ManagedTest {

    private static final Shape ROW = new Shape(1, 9);

    /** DJL's idiom: one initializer for all weights of a network. */
    @ParameterizedTest
    @EnumSource(Parametrization.class)
    void anInitializerOfOneOwnGivesItsNearestOrthonormalMatrix(Parametrization way) {
        for (Initializer given : List.of(new XavierInitializer(), new NormalInitializer(0.01f))) {
            for (int units : new int[] {5, 9, 14}) {
                OrthogonalLinear linear =
                        OrthogonalLinear.builder().setUnits(units).optParametrization(way).build();
                linear.setInitializer(given, Parameter.Type.WEIGHT);
                linear.initialize(manager, DataType.FLOAT32, new Shape(1, 9));
                NDArray w = linear.effectiveWeight(manager);
                NDArray gram = units > 9 ? w.transpose().matMul(w) : w.matMul(w.transpose());
                assertThat(IsometryCatalogue.offIdentity(gram)).isLessThan(3e-6);
            }
        }
        OrthogonalLinear linear =
                OrthogonalLinear.builder().setUnits(5).optParametrization(way).build();
        linear.setInitializer(Initializer.ONES, Parameter.Type.WEIGHT);
        if (way == Parametrization.RETRACTION || way == Parametrization.INITIAL) {
            assertThatThrownBy(() -> linear.initialize(manager, DataType.FLOAT32, new Shape(1, 9)))
                    .hasStackTraceContaining("choose another initializer");
        }
    }

    @ParameterizedTest
    @EnumSource(value = Parametrization.class, mode = Mode.EXCLUDE, names = "HOUSEHOLDER")
    void aGivenMatrixIsWhereALayerBegins(Parametrization way) {
        NDArray given =
                new OrthogonalInitializer().initialize(manager, new Shape(3, 9), DataType.FLOAT64);
        OrthogonalLinear.Builder builder =
                OrthogonalLinear.builder().setUnits(3).optParametrization(way);
        for (double factor : new double[] {1, 0.5, 1.3}) { // the nearest is the same
            OrthogonalLinear linear = builder.optInitialWeight(given.mul(factor)).build();
            linear.initialize(manager, DataType.FLOAT32, new Shape(1, 9));
            NDArray w = linear.effectiveWeight(manager).toType(DataType.FLOAT64, true);
            assertThat(w.sub(given).abs().max().getDouble()).isLessThan(1e-6);
        }
        ResidualFold.Builder folds = ResidualFold.builder().setWidth(9).optRows(3);
        ResidualFold fold = folds.optParametrization(way).optInitialWeight(given).build();
        fold.initialize(manager, DataType.FLOAT64, new Shape(1, 9));
        NDArray w = fold.effectiveWeight(manager);
        assertThat(w.sub(given).abs().max().getDouble()).isLessThan(1e-14);
        assertThatThrownBy(
                        () ->
                                builder.setUnits(4)
                                        .build()
                                        .initialize(manager, DataType.FLOAT32, ROW))
                .hasStackTraceContaining("must be (4, 9), was (3, 9)");
        assertThatThrownBy(builder.optParametrization(Parametrization.HOUSEHOLDER)::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("optInitialWeight and HOUSEHOLDER");
    }

    @ParameterizedTest
    @EnumSource(Parametrization.class)
    void convolutionsStayOrthogonalUnderAnInitializerOfOneOwn(Parametrization way) {
        OrthogonalConvolution layer =
                OrthogonalConvolution.builder()
                        .setFilters(4)
                        .setChannels(4)
                        .setKernel(3)
                        .optParametrization(way)
                        .build();
        layer.setInitializer(new NormalInitializer(1), p -> p.getType() != Parameter.Type.BIAS);
        layer.initialize(manager, DataType.FLOAT64, new Shape(1, 4, 6, 6));
        NDArray x = manager.randomNormal(0, 1, new Shape(1, 4, 6, 6), DataType.FLOAT64);
        NDArray y =
                layer.forward(new ParameterStore(manager, false), new NDList(x), false)
                        .singletonOrThrow();
        double ratio = y.norm().getDouble() / x.norm().getDouble();
        assertThat(ratio).isCloseTo(1, within(1e-10));
    }

    /** An initializer for whatever there is: of a trainer, as DJL's examples set theirs. */
    @ParameterizedTest
    @EnumSource(Parametrization.class)
    void anInitializerOfEveryParameterLeavesLayersIsometric(Parametrization way) {
        SequentialBlock network =
                new SequentialBlock()
                        .add(OrthogonalLinear.builder().setUnits(6).optParametrization(way).build())
                        .add(ResidualFold.builder().setWidth(6).optParametrization(way).build())
                        .add(
                                PersistentFold.builder()
                                        .setWidth(6)
                                        .setDirections(6)
                                        .optParametrization(way)
                                        .build());
        try (Model model = Model.newInstance("network", "PyTorch")) {
            model.setBlock(network);
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.l2Loss())
                            .optInitializer(new NormalInitializer(0.3f), p -> true);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, 6));
                NDArray x = manager.randomNormal(new Shape(6));
                assertThat(IsometryCatalogue.deviation(network, manager, x)).isLessThan(1e-5);
            }
        }
    }

    /** Otherwise a layer of Lipschitz constant 1 would stretch. */
    @ParameterizedTest
    @EnumSource(
            value = Parametrization.class,
            names = {"RETRACTION", "INITIAL"})
    void theRestOfALipschitzFoldIsOrthonormalToo(Parametrization way) {
        PersistentFold fold =
                PersistentFold.builder()
                        .setWidth(6)
                        .setDirections(2)
                        .optLipschitz(true)
                        .optParametrization(way)
                        .build();
        fold.setInitializer(new NormalInitializer(0.3f), Parameter.Type.WEIGHT);
        fold.initialize(manager, DataType.FLOAT32, new Shape(1, 6));
        NDArray w = fold.getParameters().get("weight").getArray();
        assertThat(IsometryCatalogue.offIdentity(w.matMul(w.transpose()))).isLessThan(3e-6);
    }
}
