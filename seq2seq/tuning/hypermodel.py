"""What keras-tuner varies: a translation model, trained by our own loop."""

import math
from pathlib import Path
from typing import Any

import keras_tuner

from seq2seq.config import Config
from seq2seq.errors import UserError
from seq2seq.evaluation import ValidationScores
from seq2seq.model.translator import TranslationModel, build_model
from seq2seq.training.loop import train
from seq2seq.training.progress import Display
from seq2seq.tuning.space import check_space, declare

__all__ = ["TranslationHyperModel"]


class TranslationHyperModel(keras_tuner.HyperModel):
    """Models whose configuration comes from hyperparameters.

        hp -> values -> config -> build: the model -> fit: trained in a run folder -> the objective

    Args:
        config: The configuration, with what to vary in `config.tuning.space`.

    Raises:
        UserError: If the space is not as it must be.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.space = check_space(config)

    def values(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        """Declare the space in `hp` and return the values there, by config key."""
        return {key: declare(hp, key, entry) for key, entry in self.space.items()}

    def configure(self, hp: keras_tuner.HyperParameters) -> Config:
        """Return the configuration of a trial."""
        epochs = {"training.epochs": self.config.tuning.epochs}
        return self.config.replace(self.values(hp) | epochs)

    def build(self, hp: keras_tuner.HyperParameters) -> TranslationModel:
        """Declare the space in `hp` and build the model that its values describe."""
        return build_model(self.configure(hp))

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: TranslationModel,
        *,
        folder: Path,
        display: Display | None = None,
    ) -> dict[str, float]:
        """Train the model in a run folder, or go on there.

        Args:
            hp: The hyperparameters. Hyperband's `tuner/epochs` in them says where to pause.
            model: What `build` made of them.
            folder: The run folder.
            display: Where to show progress.

        Returns:
            The objective by name, at the best validation.

        Raises:
            UserError: If the training fails, or ends in a loss that is no number.
            KeyboardInterrupt: If the training was stopped from outside and can go on.
        """
        objective = self.config.tuning.objective
        validate = ValidationScores() if objective == "bleu" else None
        pause = hp.values.get("tuner/epochs")
        result = train(self.configure(hp), folder, validate, display, model=model, epochs=pause)
        if result.is_interrupted:
            raise KeyboardInterrupt
        # Asked of the loss, since a model that is all NaN has a BLEU: 0.
        if not math.isfinite(result.validation_loss):
            raise UserError(f"Training diverged: the validation loss is {result.validation_loss}.")
        return {objective: result.best if objective == "bleu" else -result.best}
