"""What the package promises by name, and that a name is cheap where it can be."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import seq2seq

MODULES = [module.name for module in pkgutil.walk_packages(seq2seq.__path__, "seq2seq.")]
NAMES = [
    (name, public)
    for name in MODULES
    if not name.endswith("__main__")
    for public in getattr(importlib.import_module(name), "__all__", [])
]
LIGHT = [
    "seq2seq",
    "seq2seq.errors",
    "seq2seq.options",
    "seq2seq.config",
    "seq2seq.cli.main",
    "seq2seq.data.corpus",
    "seq2seq.data.synthetic",
]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_each_module_is_documented_and_its_names_are_there_once(name):
    module = importlib.import_module(name)
    assert module.__doc__
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert [public for public in names if not hasattr(module, public)] == []


@pytest.mark.parametrize(("name", "public"), NAMES)
def test_each_public_class_and_function_is_documented_and_typed(name, public):
    value = getattr(importlib.import_module(name), public)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    assert value.__doc__
    assert not value.__doc__.startswith(f"{public}(")  # what a dataclass gets by itself
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        parameters = signature.parameters.values()
        assert [p.name for p in parameters if p.annotation is inspect.Parameter.empty] == []
        assert signature.return_annotation is not inspect.Signature.empty


def test_what_needs_no_tensorflow_does_not_import_it():
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    heavy = {'tensorflow', 'keras', 'keras_rnn'} & set(sys.modules)\n"
        "    assert not heavy, (name, heavy)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, *LIGHT], capture_output=True, check=False, text=True
    )
    assert found.returncode == 0, found.stderr


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert seq2seq.__version__ == version("keras-rnn")
