"""One update: the gradient, its clipping, and what happens when it is no number."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.models import VOCABULARY, BagModel, random_tokens

from seq2seq.training.losses import masked_cross_entropy
from seq2seq.training.step import make_evaluation_step, make_train_step


def values(variables):
    return [variable.numpy() for variable in variables]


def norm_of(arrays):
    return np.sqrt(sum(float(np.sum(np.square(array))) for array in arrays))


def changes(model, before):
    return [old - new for old, new in zip(before, values(model.trainable_variables), strict=True)]


@pytest.fixture
def batch(rng):
    """Tokens come twice, so the gradient of an embedding comes as rows of which some are alike."""
    source = np.full((2, 4), 9, "int32")
    target_in = np.array([[2, 9, 9, 9], [2, 8, 8, 0]], "int32")
    target_out = np.array([[9, 9, 9, 3], [8, 8, 3, 0]], "int32")
    return source, target_in, target_out


def dense_gradients(model, batch, smoothing=0.0):
    source, target_in, target_out = batch
    with tf.GradientTape() as tape:
        sums = masked_cross_entropy(target_out, model((source, target_in)), smoothing)
        loss = sums.loss / sums.tokens
    gradients = tape.gradient(loss, model.trainable_variables)
    return [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def test_an_sgd_update_is_the_rate_times_the_gradient_of_the_mean_loss(batch):
    model = BagModel(VOCABULARY)
    expected = dense_gradients(model, batch, smoothing=0.2)
    before = values(model.trainable_variables)
    update = make_train_step(model, keras.optimizers.SGD(0.5), 0.2, clip_norm=0)
    sums = update(*batch)
    assert float(sums.tokens) == 7
    for change, gradient in zip(changes(model, before), expected, strict=True):
        np.testing.assert_allclose(change, 0.5 * gradient, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_clipped_update_is_as_long_as_the_bound_and_keeps_its_direction(batch, precision):
    model = BagModel(VOCABULARY, dtype=precision)
    gradients = dense_gradients(model, batch)
    bound = norm_of(gradients) / 3
    before = values(model.trainable_variables)
    optimizer = keras.optimizers.SGD(1.0)
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=256.0)
    make_train_step(model, optimizer, 0.0, bound)(*batch)
    rough = 1e-5 if precision == "float32" else 5e-3
    np.testing.assert_allclose(norm_of(changes(model, before)), bound, rtol=rough)
    for change, gradient in zip(changes(model, before), gradients, strict=True):
        np.testing.assert_allclose(change, gradient / 3, atol=rough * bound)


def test_a_gradient_shorter_than_the_bound_is_left_as_it_is(batch):
    model = BagModel(VOCABULARY)
    gradients = dense_gradients(model, batch)
    before = values(model.trainable_variables)
    make_train_step(model, keras.optimizers.SGD(1.0), 0.0, 2 * norm_of(gradients))(*batch)
    np.testing.assert_allclose(norm_of(changes(model, before)), norm_of(gradients), rtol=1e-5)


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_an_update_that_is_no_number_leaves_weights_and_optimizer_alone(batch, clip_norm):
    model = BagModel(VOCABULARY)
    optimizer = keras.optimizers.Adam(0.1)
    update = make_train_step(model, optimizer, 0.1, clip_norm)
    update(*batch)
    model.dense.bias.assign(np.full(VOCABULARY, np.nan))
    before = values([*model.variables, *optimizer.variables])
    assert np.isnan(float(update(*batch).loss))
    for old, new in zip(before, values([*model.variables, *optimizer.variables]), strict=True):
        np.testing.assert_array_equal(old, new)
    model.dense.bias.assign(np.zeros(VOCABULARY))
    assert np.isfinite(float(update(*batch).loss))
    assert int(optimizer.iterations) == 2


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_an_overflow_of_half_precision_is_skipped_and_lowers_the_scale(batch, clip_norm):
    model = BagModel(VOCABULARY, dtype="mixed_float16")
    inner = keras.optimizers.SGD(0.1)
    optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**40)
    update = make_train_step(model, optimizer, 0.0, clip_norm)
    before = values(model.trainable_variables)
    update(*batch)
    assert not any(change.any() for change in changes(model, before))
    assert float(optimizer.dynamic_scale) == 2.0**39
    assert int(optimizer.iterations) == 0
    optimizer.dynamic_scale.assign(256.0)
    update(*batch)
    assert int(optimizer.iterations) == 1
    assert all(change.any() for change in changes(model, before))
    assert all(np.isfinite(value).all() for value in values(model.trainable_variables))


def test_the_step_trains_with_dropout_and_evaluates_without(batch):
    model = BagModel(VOCABULARY, dropout=0.5)
    evaluate = make_evaluation_step(model)
    first, second = (float(evaluate(*batch).loss) for _ in range(2))
    assert first == second
    update = make_train_step(model, keras.optimizers.SGD(0.0), 0.0, 1.0)
    losses = {float(update(*batch).loss) for _ in range(3)}
    assert len(losses) == 3


def test_two_runs_without_dropout_train_as_one_and_with_dropout_are_told_apart(batch):
    expected = dense_gradients(BagModel(VOCABULARY), batch, smoothing=0.2)
    model = BagModel(VOCABULARY)
    before = values(model.trainable_variables)
    update = make_train_step(model, keras.optimizers.SGD(0.5), 0.2, clip_norm=0, r_drop=3.0)
    assert float(update(*batch).tokens) == 7
    for change, gradient in zip(changes(model, before), expected, strict=True):
        np.testing.assert_allclose(change, 0.5 * gradient, atol=1e-6)
    model = BagModel(VOCABULARY, dropout=0.5)
    sums = make_train_step(model, keras.optimizers.SGD(0.0), 0.0, 1.0, r_drop=3.0)(*batch)
    assert float(sums.loss) > float(sums.negative_log_likelihood)


def test_evaluation_measures_without_smoothing_and_moves_nothing(batch):
    model = BagModel(VOCABULARY, dropout=0.5)
    before = values(model.variables)
    sums = make_evaluation_step(model)(*batch)
    expected = masked_cross_entropy(batch[2], model(batch[:2]))
    np.testing.assert_allclose(list(sums), list(expected), rtol=1e-6)
    assert float(sums.loss) == float(sums.negative_log_likelihood)
    for old, new in zip(before, values(model.variables), strict=True):
        np.testing.assert_array_equal(old, new)


def test_evaluation_of_several_models_averages_their_probabilities(batch):
    models = [BagModel(VOCABULARY), BagModel(VOCABULARY)]
    for variable in models[1].trainable_variables:
        variable.assign(3 * variable + 0.1)
    mean = np.mean([keras.ops.softmax(model(batch[:2])) for model in models], axis=0)
    sums = make_evaluation_step(*models)(*batch)
    of_targets = np.take_along_axis(mean, batch[2][..., None], axis=-1)[..., 0]
    expected = -np.sum(np.where(batch[2] != 0, np.log(of_targets), 0))
    np.testing.assert_allclose(sums.loss, expected, rtol=1e-5)
    alone = float(make_evaluation_step(models[0])(*batch).loss)
    assert abs(float(sums.loss) - alone) > 0.01


def test_batches_of_other_shapes_share_one_graph(batch, rng):
    update = make_train_step(BagModel(VOCABULARY), keras.optimizers.SGD(0.1), 0.0, 1.0)
    for lengths in ([1], [3, 2], [5, 4, 1]):
        update(*(random_tokens(rng, lengths) for _ in range(3)))
    assert update.experimental_get_tracing_count() == 1
