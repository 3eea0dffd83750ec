"""The space of a search: check what the config says of it, declare it to keras-tuner.

[tuning.space]
"model.cell" = {choices = ["gru", "lstm"]}
"model.dropout" = {minimum = 0.1, maximum = 0.5}
"model.encoder_units" = {minimum = 64, maximum = 512, step = 64}
"training.learning_rate" = {minimum = 1e-4, maximum = 1e-2, sampling = "log"}
"""

import difflib
from typing import Any

import keras_tuner

from seq2seq.config import Config
from seq2seq.errors import UserError

__all__ = ["Space", "check_space", "declare"]

Space = dict[str, dict[str, Any]]
"""For each config key its choices or its range, with values of the type that the config needs."""

_RANGE = {"minimum", "maximum", "sampling", "step"}
_EXAMPLE = '"model.dropout" = {minimum = 0.1, maximum = 0.5}'

# A trial is judged by greedy search in batches of any size.
_WITHOUT_EFFECT = {
    f"decoding.{name}"
    for name in (
        *("beam", "beam_groups", "diversity", "length_penalty", "coverage_penalty"),
        *("sampling_top_k", "sampling_top_p", "batch_size"),
    )
} | {"training.parallel_parts"}
_TEXT = {
    f"data.{side}{name}" for side in ("", "validation_") for name in ("source", "target", "pairs")
}

# They decide what a token is, so the losses a token under two of their values do not compare.
_TOKEN_KEYS = {
    "data.vocabulary_size",
    "data.shared_vocabulary",
    "data.subword_model",
    "data.maximum_tokens",
}


def check_space(config: Config) -> Space:
    """Return `config.tuning.space`, checked, every value as the config would hold it.

    Raises:
        UserError: If it is empty, a key is unknown or cannot be searched for, or an entry is
            neither choices nor a range of values that the config allows.
    """
    if not config.tuning.space:
        raise UserError(
            f"Tuning needs something to vary. Received: an empty [tuning.space]. Add {_EXAMPLE}."
        )
    for key in config.tuning.space:
        _check_key(config, key)
    return {key: _check_entry(config, key, entry) for key, entry in config.tuning.space.items()}


def declare(hp: keras_tuner.HyperParameters, key: str, entry: dict[str, Any]) -> Any:
    """Declare one key of a checked space in `hp` and return its value there."""
    if "choices" in entry:
        choices = entry["choices"]
        # keras-tuner makes 1 of true, and NumPy's numbers of Python's.
        return type(choices[0])(hp.Choice(key, choices))
    low, high = entry["minimum"], entry["maximum"]
    number = hp.Int if isinstance(low, int) else hp.Float
    value = number(key, low, high, step=entry.get("step"), sampling=entry["sampling"])
    # The end of a range can be passed: by rounding, and by an integer without a step.
    return type(low)(min(max(value, low), high))


def _check_key(config: Config, key: str) -> None:
    tree = config.to_dict()
    known = [f"{section}.{name}" for section, values in tree.items() for name in values]
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Write for example {_EXAMPLE}."
        raise UserError(
            f'[tuning.space] needs config keys as "section.key", in quotes. Received: {key!r}. '
            f"{hint}"
        )
    if key.startswith("tuning.") or key == "training.epochs":
        raise UserError(
            f"[tuning.space] has {key!r}, which is no part of a trial: a trial trains for "
            "tuning.epochs, and the search is one for all. Leave it out."
        )
    is_of_search = key.startswith("decoding.") and config.tuning.objective == "loss"
    if key in _WITHOUT_EFFECT or is_of_search:
        raise UserError(
            f"[tuning.space] has {key!r}, which does not make one trial better than another: all "
            "are judged by their loss or by greedy search. Leave it out."
        )
    if key in _TEXT:
        raise UserError(
            f"[tuning.space] has {key!r}, a path: a search is over one text. Leave it out, and "
            "tune on each text in a folder of its own."
        )
    if key in _TOKEN_KEYS and config.tuning.objective == "loss":
        raise UserError(
            f"[tuning.space] has {key!r}, which changes what a token is, so losses a token do not "
            'compare. Set tuning.objective = "bleu", or leave it out.'
        )


def _check_entry(config: Config, key: str, entry: Any) -> dict[str, Any]:
    is_choices = isinstance(entry, dict) and set(entry) == {"choices"}
    is_range = isinstance(entry, dict) and {"minimum", "maximum"} <= set(entry) <= _RANGE
    if not (is_choices or is_range):
        names = list(entry) if isinstance(entry, dict) else []
        unknown = [name for name in names if name not in {"choices", *_RANGE}]
        near = difflib.get_close_matches(str(unknown[0]), ["choices", *_RANGE]) if unknown else []
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UserError(
            f"[tuning.space] needs {key!r} to be {{choices = [...]}} or {{minimum = a, maximum = "
            f"b}}, the latter with sampling and step as options. Received: {entry!r}.{hint}"
        )
    if is_range:
        return _check_range(config, key, entry)
    choices = entry["choices"]
    if not isinstance(choices, list) or not choices:
        raise UserError(
            f"[tuning.space] needs the choices of {key!r} to be a list of at least one. "
            f"Received: {choices!r}."
        )
    return {"choices": [_checked(config, key, choice) for choice in choices]}


def _check_range(config: Config, key: str, entry: dict[str, Any]) -> dict[str, Any]:
    low, high = (_checked(config, key, entry[name]) for name in ("minimum", "maximum"))
    if type(low) not in (int, float):
        raise UserError(
            f"[tuning.space] needs choices for {key!r}, which is no number. Received: {entry!r}."
        )
    sampling, step = entry.get("sampling", "linear"), entry.get("step")
    least_step = 1 if sampling == "log" else 0
    number = "an integer" if isinstance(low, int) else "a number"
    for is_right, need in (
        (low <= high, "minimum to be at most maximum"),
        (sampling in ("linear", "log"), 'sampling to be "linear" or "log"'),
        (sampling != "log" or low > 0, 'minimum over 0 where sampling = "log"'),
        (
            step is None or (type(step) in (int, type(low)) and step > least_step),
            f"step to be {number} over {least_step}",
        ),
    ):
        if not is_right:
            raise UserError(f"[tuning.space] needs {need}. Received: {key!r} = {entry!r}.")
    return {"minimum": low, "maximum": high, "sampling": sampling, "step": step}


def _checked(config: Config, key: str, value: Any) -> Any:
    """Return a value as the config would hold it."""
    section, _, name = key.partition(".")
    try:
        return getattr(getattr(config.replace({key: value}), section), name)
    except UserError as error:
        raise UserError(f"[tuning.space] {key!r}: {error}") from error
