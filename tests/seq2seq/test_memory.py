"""From text to text: a model that trains on eight sentence pairs must learn them by heart."""

from itertools import islice
from typing import NamedTuple

import numpy as np
import pytest

from seq2seq.data.corpus import ParallelCorpus
from seq2seq.data.synthetic import sentence_pairs
from seq2seq.evaluation import evaluate
from seq2seq.inference import Translator
from seq2seq.training.history import read_history
from seq2seq.training.loop import TrainingResult, train


class Memory(NamedTuple):
    result: TrainingResult
    text: ParallelCorpus


@pytest.fixture(scope="module")
def memory(tiny_config, tmp_path_factory):
    """A run trained on the shortest of some made-up sentences."""
    folder = tmp_path_factory.mktemp("memory")
    pairs = sorted(set(islice(sentence_pairs(5), 400)), key=lambda pair: len("".join(pair)))[:8]
    text = ParallelCorpus([pair.source for pair in pairs], [pair.target for pair in pairs])
    (folder / "source").write_text("\n".join(text.source), encoding="utf-8")
    (folder / "target").write_text("\n".join(text.target), encoding="utf-8")
    config = tiny_config.replace(
        {
            "data.source": str(folder / "source"),
            "data.target": str(folder / "target"),
            "data.validation_source": str(folder / "source"),
            "data.validation_target": str(folder / "target"),
            "data.vocabulary_size": 300,
            "model.embedding_size": 24,
            "model.encoder_units": 16,
            "model.decoder_units": 32,
            "model.attention_units": 16,
            "model.dropout": 0.0,
            "training.epochs": 80,
            "training.learning_rate": 2e-2,
            "training.label_smoothing": 0.0,
            "training.validate_every": 40,
            "decoding.maximum_tokens": 60,
        }
    )
    return Memory(train(config, folder / "run"), text)


def test_the_loss_falls_from_guessing_to_knowing(memory):
    losses = read_history(memory.result.folder)["validation_loss"]
    guessing = np.log(300)
    assert losses[-1] < losses[0] < guessing
    assert memory.result.validation_loss < 0.01 * guessing


def test_greedy_search_translates_every_sentence_as_it_was_learnt(memory):
    translator = Translator.load(memory.result.folder, beam=1)
    assert list(translator.translate(memory.text.source)) == memory.text.target


def test_beam_search_does_too_and_so_scores_a_hundred(memory):
    evaluation = evaluate(memory.result.folder, memory.text)
    assert evaluation.translations == memory.text.target
    np.testing.assert_allclose([evaluation.bleu.value, evaluation.chrf.value], 100)
    np.testing.assert_allclose(evaluation.perplexity, np.exp(-memory.result.best), rtol=1e-5)
