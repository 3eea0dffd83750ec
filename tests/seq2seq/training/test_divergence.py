"""Divergence: ten updates in a row without a number, and not nine."""

import math

import pytest

from seq2seq.errors import UserError
from seq2seq.training.divergence import DivergedError, Divergence

BAD = [
    (math.nan, False, "the loss is nan"),
    (math.inf, True, "the loss is inf"),
    (1.0, False, "its gradient is no number"),
]


@pytest.mark.parametrize(("loss", "is_applied", "found"), BAD)
def test_the_tenth_update_in_a_row_without_numbers_is_an_error(loss, is_applied, found):
    divergence = Divergence()
    for step in range(20, 29):
        divergence.add(step, loss, is_applied)
    with pytest.raises(DivergedError) as caught:
        divergence.add(29, loss, is_applied)
    assert isinstance(caught.value, UserError)
    assert str(caught.value) == (
        f"Training diverged at step 29: {found}. Lower training.learning_rate, or clip more "
        "(training.clip_norm; 0 is not at all), and start again."
    )


def test_losses_and_gradients_without_numbers_are_counted_together():
    divergence = Divergence()
    for step in range(9):
        divergence.add(step, *BAD[step % 3][:2])
    with pytest.raises(DivergedError):
        divergence.add(9, *BAD[0][:2])


@pytest.mark.parametrize(("loss", "is_applied", "found"), BAD)
def test_a_good_update_after_nine_begins_the_count_anew(loss, is_applied, found):
    divergence = Divergence()
    for step in range(30):
        divergence.add(step, *((1.0, True) if step % 10 == 9 else (loss, is_applied)))
