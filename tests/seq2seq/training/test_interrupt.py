"""Signals: heard once, and none that the user has told us to ignore."""

import signal

import pytest

from seq2seq.training.interrupt import stop_on_signal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_is_heard_and_said_and_its_handler_restored(terminal, number):
    before, said = signal.getsignal(number), []
    with stop_on_signal(said.append) as is_stopped:
        assert not is_stopped()
        signal.raise_signal(number)
        assert is_stopped()
    message = "Stopping after this step; once more Ctrl-C to stop at once, without saving."
    assert said == [message]
    assert signal.getsignal(number) is before


def test_of_several_signals_the_first_is_said(terminal):
    said = []
    with stop_on_signal(said.append):
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
        assert len(said) == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_closed_terminal_that_is_to_be_ignored_is(terminal):
    """As under `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_on_signal(print) as is_stopped:
        signal.raise_signal(signal.SIGHUP)
        assert not is_stopped()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
