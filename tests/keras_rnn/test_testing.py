"""`check_cell`: each fault is found by the promise that it breaks, by name."""

import keras
import numpy as np
import pytest
from reference import faulty_cells as faulty
from reference.faulty_cells import SoundCell, sound_step

from keras_rnn import GRUCell
from keras_rnn.scan.backward import Loop
from keras_rnn.testing import PROMISES, CellCase, check_cell, learns_to_remember, remember, serve

FAULTS = [
    ("config", lambda: faulty.ForgetsArgumentCell(keep=0.9), "a cell with keep=0.9"),
    ("config", lambda: faulty.ForgetsHiddenArgumentCell(leak=0.75), "a cell with keep=0.25"),
    ("config", lambda: faulty.ForgetsConstraintCell("unit_norm"), "bound=(<class 'keras."),
    ("inference", faulty.KeepsStateCell, "the same call before"),
    ("inference", faulty.LeavesTensorCell, "Received: seen"),
    ("inference", faulty.CountsCell, "`count` as before the call"),
    ("inference", faulty.NoisyCell, "the same call before"),
    ("steps", faulty.OtherCallCell, "steps one by one"),
    ("steps", faulty.MixesStepsCell, "part 0 of `project` at step 0"),
    ("keras_layer", faulty.OtherCallCell, "`keras.layers.RNN(cell)`"),
    ("padding", faulty.MixesRowsCell, "without other rows"),
    ("padding", faulty.ReadsFirstRowCell, "without other rows"),
    ("padding", faulty.MixesStepsCell, "other padding"),
    ("keras_file", faulty.UnregisteredCell, "`@keras.saving.register_keras_serializable()`"),
    ("keras_file", faulty.UnsavedWeightCell, "the model that was saved"),
    ("deep_bidirectional", faulty.FixedFeaturesCell, "no error. Received: "),
    ("noise", faulty.SameNoiseCell, "part 0 of the noise"),
    ("noise", faulty.FrozenNoiseCell, "in a graph"),
    ("scan_gradient", faulty.CountsCell, "`recompute` and `truncation` need a cell"),
    ("finite_differences", faulty.StopsGradientCell, "direction of inputs"),
    ("compiled", faulty.EagerCell, "in a graph"),
    ("compiled", faulty.NumpyCell, "unsupported operations"),
    ("mixed_float16", faulty.OverflowsCell, "finite values"),
    ("mixed_float16", faulty.LosesGradientCell, "gradient of inputs as that of float32"),
    ("mixed_bfloat16", faulty.RoundsCell, "as that of float32"),
    ("mixed_bfloat16", faulty.WrongTypeCell, "no error. Received: "),
]


def breach(cell, promise, **options):
    """Return what `check_cell` says of the cell; it has to name the cell and the promise."""
    told = rf"`{type(cell).__name__}` breaks the promise `{promise}`: .*Expected: .*Received: "
    with pytest.raises(AssertionError, match=f"(?s){told}") as raised:
        check_cell(cell, promises=[promise], **options)
    return str(raised.value)


@pytest.mark.parametrize(("promise", "make", "text"), FAULTS)
def test_a_fault_is_found_by_its_promise(promise, make, text):
    assert text in breach(make(), promise)


def test_another_reference_is_found():
    def other(inputs, states, weights):
        return sound_step(inputs, states, weights, keep=0.4)

    check_cell(SoundCell(), reference=sound_step, promises=["reference"])
    assert "output at step 0 as that of the reference" in breach(
        SoundCell(), "reference", reference=other
    )


def test_a_fault_of_the_scan_is_found(monkeypatch):
    right = Loop.kernel_gradients
    monkeypatch.setattr(
        Loop, "kernel_gradients", lambda *given: [[1.001 * d for d in ds] for ds in right(*given)]
    )
    assert "gradient of weight 1, `recurrent_kernel`" in breach(SoundCell(), "scan_gradient")


@pytest.mark.slow
def test_a_model_that_runs_only_where_it_was_made_is_found_among_others():
    cases = [CellCase(cell) for cell in (SoundCell(), faulty.NumpyCell(), SoundCell(units=2))]
    serve(cases)
    for case in (cases[0], cases[2]):
        PROMISES["saved_model"](case)
    with pytest.raises(AssertionError, match="`NumpyCell` breaks the promise `saved_model`"):
        PROMISES["saved_model"](cases[1])


def test_all_promises_are_checked_on_one_case_unless_some_are_named(monkeypatch):
    seen = []
    for name in PROMISES:
        monkeypatch.setitem(PROMISES, name, lambda case, name=name: seen.append((name, case)))
    check_cell(SoundCell(), features=5)
    assert [name for name, _ in seen] == list(PROMISES)
    assert len({id(case) for _, case in seen}) == 1
    assert seen[0][1].features == 5
    seen.clear()
    check_cell(SoundCell(), promises=["steps", "config"])
    assert [name for name, _ in seen] == ["steps", "config"]


def test_the_cell_is_only_read():
    cell = keras.layers.GRUCell(3, dropout=0.5, seed=1)
    before = dict(vars(cell))
    check_cell(cell, promises=["config", "inference", "steps"])
    assert vars(cell) == before
    assert not cell.built


def test_each_copy_has_the_same_weights_in_its_own_type():
    case = CellCase(SoundCell(dtype="mixed_float16"))
    single, double = case.built("mixed_bfloat16"), case.built("float64")
    assert (single.compute_dtype, double.compute_dtype) == ("bfloat16", "float64")
    for one, other in zip(single.get_weights(), double.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert case.copy(dtype=None).compute_dtype == "float16"


def test_a_cell_whose_config_has_no_type_is_copied_in_the_wanted_one():
    copy = CellCase(faulty.ForgetsHiddenArgumentCell()).copy("float64")
    assert copy.compute_dtype == "float64"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"promises": ["step"]}, "`check_cell` needs `promises` to be one of 'config', .*'step'"),
        ({"features": 0}, "`CellCase` needs `features` to be a positive integer.*features=0"),
        ({"cell": keras.layers.LSTM(3)}, "`CellCase` needs a cell, one step in time"),
        ({"cell": 3}, "`CellCase` needs a cell with `call"),
    ],
)
def test_bad_input_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        check_cell(**{"cell": SoundCell(), **given})


def test_the_adding_task_marks_a_number_in_each_half_and_never_the_last(rng):
    sequences, sums = remember._adding_task(500, 7, rng)
    numbers, marks = sequences[..., 0], sequences[..., 1]
    assert sequences.shape == (500, 7, 2)
    np.testing.assert_array_equal(marks[:, :3].sum(axis=1), 1)
    np.testing.assert_array_equal(marks[:, 3:6].sum(axis=1), 1)
    assert not marks[:, 6].any()
    assert marks[:, :6].any(axis=0).all()
    np.testing.assert_allclose(sums[:, 0], numbers[marks == 1].reshape(500, 2).sum(axis=1), 1e-6)
    np.testing.assert_allclose(np.var(sums), 1 / 6, atol=0.02)


def test_the_adding_task_needs_three_steps_and_looks_after_the_last_update():
    with pytest.raises(ValueError, match=r"needs a `length` of at least 3.*length=2"):
        learns_to_remember(GRUCell(2), length=2)
    with pytest.raises(AssertionError, match=r"after 2 updates .*Received: \d\.\d+"):
        learns_to_remember(GRUCell(2), length=3, updates=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "error"),
    [(faulty.NoMemoryCell, 1 / 6), (lambda: faulty.LaterNumberCell(units=1), 1 / 12)],
    ids=["no_memory", "later_number"],
)
def test_who_remembers_nothing_or_one_number_does_not_learn_to_remember(make, error):
    with pytest.raises(AssertionError, match="does not learn to remember") as raised:
        learns_to_remember(make(), length=6, updates=200, learning_rate=0.05)
    assert float(str(raised.value).split()[-1][:-1]) == pytest.approx(error, rel=0.1)
