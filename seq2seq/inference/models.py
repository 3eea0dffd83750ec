"""From run folders to the models that translate as one, and the check that they can."""

from collections.abc import Sequence
from pathlib import Path

from seq2seq.data.tokenizer import TokenizerPair
from seq2seq.errors import UserError
from seq2seq.model.translator import TranslationModel, build_model
from seq2seq.run_folder import Run

__all__ = ["check_vocabulary", "load_model", "open_runs"]


def open_runs(folder: str | Path | Sequence[str | Path]) -> list[Run]:
    """Open a run folder, or several of one vocabulary.

    Raises:
        UserError: If there is none, one is no run folder, or their vocabularies differ.
    """
    folders = [folder] if isinstance(folder, str | Path) else list(folder)
    if not folders:
        raise UserError("A translator needs a run folder. Received: none. Name at least one.")
    first, *others = runs = [Run.open(Path(name)) for name in folders]
    for run in others:
        pairs = zip(first.tokenizers, run.tokenizers, strict=True)
        if any(one.model != other.model for one, other in pairs):
            raise UserError(
                "An ensemble needs runs of one vocabulary. Received: "
                f"{first.folder} and {run.folder}, whose tokenizers differ. Train both on the same "
                "text, with the same vocabulary_size."
            )
    return runs


def load_model(run: Run) -> TranslationModel:
    """Return the model of a run with its best weights.

    Raises:
        UserError: If it has no checkpoint.
    """
    # Whatever it was trained in, a float32 result is the same on every machine.
    model = build_model(run.config.replace({"training.precision": "float32"}))
    run.load_weights(model)
    return model


def check_vocabulary(models: Sequence[TranslationModel], tokenizers: TokenizerPair) -> None:
    """Raise `UserError` unless there are models, each of as many tokens as the tokenizer knows."""
    wanted = tokenizers.target.vocabulary_size
    known = [model.decoder.output_layer.vocabulary_size for model in models]
    if set(known) != {wanted}:
        raise UserError(
            f"A translator needs models of its tokenizer's vocabulary, {wanted} tokens. "
            f"Received: {known or 'no model'}. Train them with these tokenizers."
        )
