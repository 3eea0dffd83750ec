"""The further cells by name, with the options under which they are tested."""

from keras_rnn import (
    IndRNNCell,
    MGUCell,
    MinGRUCell,
    MinLSTMCell,
    MultiplicativeLSTMCell,
    ProjectedLSTMCell,
    SLSTMCell,
    SRUCell,
    SSRUCell,
)

CELLS = {
    "ind": (IndRNNCell, {}),
    "mgu": (MGUCell, {}),
    "multiplicative": (MultiplicativeLSTMCell, {}),
    "projected": (ProjectedLSTMCell, {"projection": 2}),
    "slstm": (SLSTMCell, {}),
    "slstm_heads": (SLSTMCell, {"heads": 3, "forget_gate": "exponential"}),
    "sru": (SRUCell, {}),
    "sru_first": (SRUCell, {"gates_read_state": False}),
    "ssru": (SSRUCell, {}),
    "min_gru": (MinGRUCell, {}),
    "min_lstm": (MinLSTMCell, {}),
}
RECURRENT = ["ind", "mgu", "multiplicative", "projected", "slstm", "slstm_heads"]
KERNEL_FREE = [name for name in CELLS if name not in RECURRENT]
CLASSES = dict(CELLS.values())


def make(key, units=3, **more):
    cell_class, options = CELLS[key]
    return cell_class(units, **(options | more))
