"""Learning rates against the formulas of the docstring."""

import keras
import numpy as np
import pytest

from seq2seq.training.schedules import WarmupSchedule


def expected_rate(n, peak, warmup, decay, total):
    """The rate of update n = 1, 2, ..., in words: rise, then what `decay` says."""
    warmup = max(warmup, 1)
    rise = n / warmup if n < warmup else 1.0
    if decay == "inverse_square_root" and n > warmup:
        return peak * rise * (warmup / n) ** 0.5
    if decay == "linear":
        left = 1.0 if n <= warmup else (total - n) / (total - warmup)
        return peak * rise * max(left, 0.0)
    return peak * rise


@pytest.mark.parametrize("warmup", [0, 1, 4])
@pytest.mark.parametrize("decay", ["constant", "inverse_square_root", "linear", "plateau"])
def test_the_rate_follows_the_formula_at_every_update(decay, warmup):
    schedule = WarmupSchedule(0.3, warmup_steps=warmup, decay=decay, total_steps=12)
    rates = [float(schedule(step)) for step in range(14)]
    expected = [expected_rate(n, 0.3, warmup, decay, 12) for n in range(1, 15)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6, atol=1e-9)


def test_a_linear_rate_ends_at_zero_with_the_last_update():
    schedule = WarmupSchedule(0.3, warmup_steps=2, decay="linear", total_steps=5)
    assert float(schedule(3)) > 0
    assert float(schedule(4)) == 0


def test_a_warm_up_longer_than_the_training_only_rises():
    schedule = WarmupSchedule(1.0, warmup_steps=10, decay="linear", total_steps=5)
    np.testing.assert_allclose([float(schedule(step)) for step in range(4)], [0.1, 0.2, 0.3, 0.4])


def test_the_factor_multiplies_the_rate_also_inside_an_optimizer():
    schedule = WarmupSchedule(0.5, warmup_steps=0, decay="plateau")
    optimizer = keras.optimizers.SGD(schedule)
    schedule.factor.assign(0.25)
    assert float(schedule(7)) == 0.125
    assert float(optimizer.learning_rate) == 0.125


def test_the_optimizer_takes_the_rate_of_its_own_step_count():
    optimizer = keras.optimizers.SGD(WarmupSchedule(1.0, warmup_steps=4, decay="constant"))
    weight = keras.Variable([0.0])
    values = []
    for _ in range(5):
        optimizer.apply([keras.ops.ones(1)], [weight])
        values.append(float(weight[0]))
    np.testing.assert_allclose(np.diff([0.0, *values]), [-0.25, -0.5, -0.75, -1, -1])


def test_a_schedule_survives_serialisation():
    schedule = WarmupSchedule(0.3, warmup_steps=4, decay="linear", total_steps=12)
    serialized = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(serialized)
    assert again.get_config() == schedule.get_config()
    assert float(again(6)) == float(schedule(6))
