"""What all tests share: a seeded generator of random numbers, and a quiet TensorFlow."""

import gc
import os
import random

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests ask what XLA's programs give, not how fast they are, and wait for them to be compiled.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import numpy as np
import pytest

# Two workers on two cores: threads of their own would stand in each other's way. The slow run, and
# test_resume.py, have as many as users have.
THREADS = {"TF_NUM_INTEROP_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}


def pytest_configure(config):
    if config.option.markexpr == "not slow":
        os.environ.update(THREADS)


def pytest_collection_modifyitems(items):
    """Put the longest file first, so that two workers end at almost the same time."""
    items.sort(key=lambda item: item.path.name != "test_conformance.py")


def pytest_collection_finish():
    """Spare the garbage collector the million objects that imports and collection have left."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Let what has no seed of its own be the same in each run: Keras draws it from here."""
    random.seed(item.nodeid)


@pytest.fixture(scope="session", autouse=True)
def quick_graphs(request):
    """In the default run graphs are run as they are written: to rewrite them first takes longer.

    The slow run, and what tests start as processes of their own, rewrites them as users do.
    """
    if request.config.option.markexpr == "not slow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture
def rng():
    return np.random.default_rng(7)
