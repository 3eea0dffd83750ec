"""Every cell keeps every promise: one row in the table adds a cell."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import ops
from reference.cells import gru_step, lstm_step, simple_step

import keras_rnn
from keras_rnn import (
    AdditiveAttention,
    AttentionCell,
    CellWrapper,
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNNCell,
    StackedRNNCells,
)
from keras_rnn.cells import contract
from keras_rnn.scan import loop
from keras_rnn.testing import PROMISES, CellCase, learns_to_remember, runs, serve
