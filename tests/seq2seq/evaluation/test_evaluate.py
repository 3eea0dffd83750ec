"""Evaluation of a run, and the scores that training asks for at each validation."""

import dataclasses

import numpy as np
import pytest
from reference.models import random_model

from seq2seq.data.batches import make_batch
from seq2seq.data.corpus import ParallelCorpus, read_parallel
from seq2seq.evaluation import ValidationScores, bleu, chrf, evaluate
from seq2seq.inference import Translator
from seq2seq.model.translator import build_model
from seq2seq.run_folder import Run


@pytest.fixture(scope="module")
def text(tiny_corpus):
    whole = read_parallel(tiny_corpus / "test.en", tiny_corpus / "test.de")
    return ParallelCorpus(whole.source[:2], whole.target[:2])


@pytest.fixture(scope="module")
def run(trained_run):
    return Run.open(trained_run)


def test_evaluation_scores_translations_and_weighs_every_token_of_the_references(run, text):
    evaluation = evaluate(run.folder, text)
    assert len(evaluation.translations) == len(text.source)
    assert evaluation.bleu == bleu(evaluation.translations, text.target)
    assert evaluation.chrf == chrf(evaluation.translations, text.target)
    model = build_model(run.config)
    run.load_weights(model)
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


def test_validation_scores_greedy_translations_and_compiles_once_for_a_model(run, text, rng):
    # A model of random weights says something, and something else when it looks ahead.
    config = run.config.replace({"model.normalize_output": False})
    model, other = (random_model(config, rng, scale=0.8) for _ in range(2))
    greedy = dataclasses.replace(run.config.decoding, beam=1)
    translator = Translator.of_model(model, run.tokenizers, greedy)
    validate, measured = ValidationScores(), []
    for _ in range(2):
        translations = list(translator.translate(text.source))
        assert any(translations)
        measured.append(validate(run, model, text))
        assert measured[-1] == {
            "bleu": bleu(translations, text.target).value,
            "chrf": chrf(translations, text.target).value,
        }
        graph = validate._translator.graph
        assert graph.translate.experimental_get_tracing_count() == 1
        model.decoder.embedding.embeddings.assign(other.decoder.embedding.embeddings)
    assert measured[0] != measured[1]
    validate(run, other, text)
    assert validate._translator.graph.models[0] is other


def test_validation_says_nothing_of_text_in_tokens_but_evaluation_does(
    run, rng, monkeypatch, caplog
):
    in_tokens = ["a b c ."] * 100  # from so many on sacreBLEU warns
    monkeypatch.setattr(Translator, "translate", lambda *args, **options: iter(in_tokens))
    corpus = ParallelCorpus(in_tokens, in_tokens)
    scores = ValidationScores()(run, random_model(run.config, rng), corpus)
    assert scores["bleu"] == pytest.approx(100)
    assert "forgot to detokenize" not in caplog.text
    bleu(in_tokens, in_tokens)
    assert "forgot to detokenize" in caplog.text
