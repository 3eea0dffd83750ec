"""Several models, or several runs, that translate as one."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
from reference.models import random_model

from seq2seq.data.tokenizer import Tokenizer, TokenizerPair, train_subword_model
from seq2seq.errors import UserError
from seq2seq.inference import Translator
from seq2seq.marks import PAD
from seq2seq.run_folder import Run

LINES = ["The dog sleeps.", "We saw the cow in the garden.", "", "x"]


@pytest.fixture(scope="module")
def other(tiny_config):
    return random_model(tiny_config, np.random.default_rng(6), scale=0.8)


def searched(translator):
    graph = translator.graph
    source = graph.tokenize(tf.constant(LINES))
    return source, graph.tokens.search(source)


def test_one_model_twice_translates_as_the_model(make, model):
    (_, once), (_, twice) = (
        searched(make(models, beam=3, maximum_tokens=5)) for models in (model, [model, model])
    )
    np.testing.assert_array_equal(once.tokens, twice.tokens)
    np.testing.assert_allclose(once.scores, twice.scores, rtol=1e-4)


def test_an_ensemble_says_the_mean_of_the_probabilities(make, model, other):
    models = [model, other]
    ensemble = make(models, beam=1, maximum_tokens=5)
    source, found = searched(ensemble)
    tokens = found.tokens[:, 0]
    alone = [
        make(one, beam=1, maximum_tokens=5).graph.tokens.force(source, tokens) for one in models
    ]
    mean = np.mean([np.exp(one.log_probabilities) for one in alone], axis=0)
    together = ensemble.graph.tokens.force(source, tokens)
    is_token = tokens != PAD
    np.testing.assert_allclose(
        together.log_probabilities, np.where(is_token, np.log(mean), 0), rtol=1e-4, atol=1e-5
    )
    totals = np.sum(together.log_probabilities, axis=1)
    np.testing.assert_allclose(found.log_probabilities[:, 0], totals, rtol=1e-4)
    # They look where they look on average.
    mean = np.mean([one.alignments for one in alone], axis=0)
    np.testing.assert_allclose(together.alignments, mean, rtol=1e-4, atol=1e-6)
    assert np.max(np.abs(alone[0].log_probabilities - alone[1].log_probabilities)) > 0.5


@pytest.mark.slow
def test_an_ensemble_translates_in_a_graph_as_it_does_eagerly(make, model, other):
    translator = make([model, other], beam=2)
    _, found = searched(translator)
    scores = [score for _, score in translator.translate_with_scores(LINES)]
    assert scores[2] == 0.0
    np.testing.assert_allclose(np.delete(scores, 2), np.delete(found.scores[:, 0], 2), rtol=1e-4)


def test_runs_are_loaded_as_an_ensemble(trained_run):
    alone = Translator.load(trained_run, beam=1, maximum_tokens=5)
    twice = Translator.load([trained_run, trained_run], beam=1, maximum_tokens=5)
    assert [len(one.graph.models) for one in (alone, twice)] == [1, 2]
    (_, once), (_, again) = searched(alone), searched(twice)
    np.testing.assert_array_equal(once.tokens, again.tokens)
    np.testing.assert_allclose(once.scores, again.scores, rtol=1e-4)


def test_runs_of_different_vocabularies_are_refused(trained_run, tiny_config, tmp_path):
    text = [f"ein anderer Text {index} mit der Katze" for index in range(30)]
    other = Tokenizer(train_subword_model(text, 285))
    run = Run.open(trained_run)
    for name, pair in {
        "both": TokenizerPair(other, other),
        "target": TokenizerPair(run.tokenizers.source, other),
    }.items():
        Run.create(tmp_path / name, tiny_config, pair)
        match = rf"needs runs of one vocabulary\. Received: {trained_run} and .*{name}, whose"
        with pytest.raises(UserError, match=match):
            Translator.load([trained_run, tmp_path / name])


def test_no_run_is_refused_and_so_is_one_that_is_none(trained_run, tmp_path):
    with pytest.raises(UserError, match=r"needs a run folder\. Received: none"):
        Translator.load([])
    with pytest.raises(UserError, match="There is no run folder"):
        Translator.load([trained_run, tmp_path / "nowhere"])
    shutil.copytree(trained_run, tmp_path / "damaged")
    (tmp_path / "damaged" / "run.json").unlink()
    with pytest.raises(UserError, match="is not a whole run folder"):
        Translator.load([trained_run, tmp_path / "damaged"])


def test_models_of_another_vocabulary_than_the_tokenizers_are_refused(make, model, tiny_config):
    larger = tiny_config.replace({"data.vocabulary_size": 340})
    larger = random_model(larger, np.random.default_rng(6), scale=0.8)
    with pytest.raises(UserError, match=r"vocabulary, 330 tokens\. Received: \[330, 340\]"):
        make([model, larger])
    with pytest.raises(UserError, match=r"330 tokens\. Received: no model"):
        make([])
