"""What the package promises by name: documented, typed, sorted."""

import importlib
import inspect
import pkgutil

import keras
import pytest

import keras_rnn

MODULES = ["keras_rnn"] + [
    module.name for module in pkgutil.walk_packages(keras_rnn.__path__, "keras_rnn.")
]


def public_methods(cls):
    """The constructor, methods and properties that our own code gives a class."""
    for base in cls.__mro__:
        if base.__module__.startswith("keras_rnn"):
            for name, member in vars(base).items():
                function = member.fget if isinstance(member, property) else member
                function = getattr(function, "__func__", function)
                public = name == "__init__" or not name.startswith("_")
                if public and inspect.isfunction(function):
                    yield f"{base.__name__}.{name}", function


def lacks_hints(function):
    parameters = inspect.signature(function).parameters.values()
    named = [parameter for parameter in parameters if parameter.name not in {"self", "cls"}]
    untyped = [p.name for p in named if p.annotation is inspect.Parameter.empty]
    missing_return = inspect.signature(function).return_annotation is inspect.Signature.empty
    return untyped + ["return"] * missing_return


def test_the_public_names_are_these():
    assert keras_rnn.__all__ == [
        "ESN",
        "GRU",
        "LSTM",
        "MGU",
        "NAS",
        "RNN",
        "SLSTM",
        "SRU",
        "SSRU",
        "AttentionCell",
        "AttentionMechanism",
        "BahdanauAttention",
        "BahdanauMonotonicAttention",
        "Bidirectional",
        "CellWrapper",
        "ConditionalGRU",
        "ConditionalGRUCell",
        "CoverageAttention",
        "DeepTransition",
        "DeepTransitionCell",
        "DropoutCell",
        "ESNCell",
        "EachStep",
        "GNMTCell",
        "GRUCell",
        "GradientFlow",
        "HighwayCell",
        "IndRNN",
        "IndRNNCell",
        "LSTMCell",
        "LayerNormGRU",
        "LayerNormGRUCell",
        "LayerNormLSTM",
        "LayerNormLSTMCell",
        "LayerNormSimpleRNN",
        "LayerNormSimpleRNNCell",
        "LocationAwareAttention",
        "Look",
        "LuongAttention",
        "LuongMonotonicAttention",
        "MGUCell",
        "MaxAbsolute",
        "Memory",
        "MinGRU",
        "MinGRUCell",
        "MinLSTM",
        "MinLSTMCell",
        "MultiHeadDotAttention",
        "MultiplicativeLSTM",
        "MultiplicativeLSTMCell",
        "NASCell",
        "PeepholeLSTM",
        "PeepholeLSTMCell",
        "ProjectedLSTM",
        "ProjectedLSTMCell",
        "RecurrentCell",
        "ResidualCell",
        "SLSTMCell",
        "SRUCell",
        "SSRUCell",
        "SeveralAttentions",
        "SimpleRNN",
        "SimpleRNNCell",
        "StackedRNN",
        "StackedRNNCells",
        "WeightDropCell",
        "ZoneoutCell",
        "convert",
        "gradient_flow",
        "hardmax",
        "monotonic_attention",
        "plot_gradient_flow",
        "safe_cumprod",
    ]


def test_a_star_import_brings_the_public_names_and_no_others():
    namespace = {}
    exec("from keras_rnn import *", namespace)  # noqa: S102
    assert set(namespace) - {"__builtins__"} == set(keras_rnn.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_each_module_is_documented_and_sorts_its_names(name):
    module = importlib.import_module(name)
    assert module.__doc__
    assert module.__all__ == sorted(
        module.__all__, key=lambda public: (not public.isupper(), public[0].islower(), public)
    )
    for public in module.__all__:
        member = getattr(module, public)
        if inspect.isfunction(member):
            assert member.__doc__, public
            assert not lacks_hints(member), public


CLASSES = [name for name in keras_rnn.__all__ if inspect.isclass(getattr(keras_rnn, name))]


@pytest.mark.parametrize("name", CLASSES)
def test_each_public_class_is_documented_and_typed(name):
    cls = getattr(keras_rnn, name)
    assert inspect.getdoc(cls)
    for method, function in public_methods(cls):
        assert function.__doc__ or method.endswith("__init__"), method
        assert not lacks_hints(function), method


# No layers, or layers to inherit from.
NOT_SAVED = {
    *("AttentionMechanism", "CellWrapper", "EachStep", "GradientFlow", "Look", "Memory"),
    "RecurrentCell",
}
# Those that saved models of TensorFlow Addons name so.
ADDONS = {"ESNCell", "LayerNormLSTMCell", "LayerNormSimpleRNNCell", "NASCell", "PeepholeLSTMCell"}


@pytest.mark.parametrize("name", CLASSES)
def test_each_public_layer_is_saved_under_the_name_of_the_package(name):
    cls = getattr(keras_rnn, name)
    if name not in NOT_SAVED:
        package = "Addons" if name in ADDONS else "keras_rnn"
        assert keras.saving.get_registered_name(cls) == f"{package}>{name}"


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert keras_rnn.__version__ == version("keras-rnn")
