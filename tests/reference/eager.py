"""Graphs that run as Python, for what is called a few times: to trace it would take longer."""

from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def run_eagerly():
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
