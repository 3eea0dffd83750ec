"""Evaluation of a run, and the scores that training asks for at each validation."""

import numpy as np
import pytest

from seq2seq.checkpoint import Run
from seq2seq.data.batches import make_batch
from seq2seq.data.corpus import ParallelCorpus, read_parallel
from seq2seq.evaluation import ValidationScores, bleu, chrf, evaluate
from seq2seq.inference import Translator
from seq2seq.model.translator import build_model


@pytest.fixture(scope="module")
def text(tiny_corpus):
    whole = read_parallel(tiny_corpus / "test.en", tiny_corpus / "test.de")
    return ParallelCorpus(whole.source[:2], whole.target[:2])


@pytest.fixture(scope="module")
def run(trained_run):
    return Run.open(trained_run)


@pytest.fixture(scope="module")
def model(run):
    """The trained model."""
    model = build_model(run.config)
    run.load_weights(model)
    return model


def test_evaluation_scores_translations_and_weighs_every_token_of_the_references(run, model, text):
    evaluation = evaluate(run.folder, text)
    assert len(evaluation.translations) == len(text.source)
    assert evaluation.bleu == bleu(evaluation.translations, text.target)
    assert evaluation.chrf == chrf(evaluation.translations, text.target)
    total, count = 0.0, 0
    for pair in zip(text.source, text.target, strict=True):
        sides = zip(run.tokenizers, pair, strict=True)
        ids = [tokenizer.tokenize([line])[0].numpy() for tokenizer, line in sides]
        batch = make_batch([ids[0]], [ids[1]])
        logits = model((batch.source, batch.target_in)).numpy()[0].astype("float64")
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        total -= log_p[np.arange(len(logits)), batch.target_out[0]].sum()
        count += len(logits)
    np.testing.assert_allclose(evaluation.perplexity, np.exp(total / count), rtol=1e-4)


def test_validation_scores_greedy_translations_and_compiles_once_for_a_model(run, model, text):
    validate = ValidationScores()
    translations = list(Translator.load(run.folder, beam=1).translate(text.source))
    expected = {
        "bleu": bleu(translations, text.target).value,
        "chrf": chrf(translations, text.target).value,
    }
    assert validate(run, model, text) == expected
    graph, bias = validate._translator.graph, model.decoder.output_layer.bias
    before = bias.numpy()
    letter = run.tokenizers.target.pieces(range(330)).index("e")
    bias.assign(100 * np.eye(330)[letter])
    assert validate(run, model, text) != expected
    assert validate._translator.graph is graph
    assert graph.translate.experimental_get_tracing_count() == 1
    bias.assign(before)
    other = build_model(run.config)
    validate(run, other, text)
    assert validate._translator.graph.model is other
