package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.text.BadInputException;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainArgumentsTest {

    @Test
    void readsEveryFormOfAnOption() {
        assertThat(TrainArguments.parse("--steps 3 --lr=1e-3 --no-bias --resume --seed 1").toList())
                .containsExactly(
                        "--steps=3", "--lr=1e-3", "--bias=false", "--resume=true", "--seed=1");
        assertThat(TrainArguments.parse(List.of("--data", "a b")).toList())
                .containsExactly("--data=a b");
    }

    @Test
    void laterOptionsWin() {
        TrainArguments first = TrainArguments.parse("--steps 3 --bias");
        assertThat(first.plus(TrainArguments.parse("--no-bias")).plus("--lr", 0.5).toList())
                .containsExactly("--steps=3", "--bias=false", "--lr=0.5");
        assertThat(first.toList()).containsExactly("--steps=3", "--bias=true");
    }

    @Test
    void refusesAValueWithoutAnOption() {
        assertThatThrownBy(() -> TrainArguments.parse("--steps 3 4"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("'4'");
    }
}
