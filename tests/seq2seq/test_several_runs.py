"""Several runs as one, and other settings of the search, scored and exported."""

import shutil

import numpy as np
import pytest
from reference.models import random_model

from seq2seq.checkpoint import Checkpoints
from seq2seq.data.corpus import ParallelCorpus, read_parallel
from seq2seq.evaluation import evaluate
from seq2seq.export import export, run_signature
from seq2seq.inference import Translator
from seq2seq.run_folder import Run


@pytest.fixture(scope="module")
def runs(trained_run, tmp_path_factory):
    """Two runs of one vocabulary, of random weights."""
    folders = []
    for seed in (5, 6):
        folder = shutil.copytree(trained_run, tmp_path_factory.mktemp("several") / "run")
        model = random_model(Run.open(folder).config, np.random.default_rng(seed), scale=0.8)
        Checkpoints(folder, model).save_best(99)
        folders.append(folder)
    return folders


@pytest.fixture(scope="module")
def text(tiny_corpus):
    whole = read_parallel(tiny_corpus / "test.en", tiny_corpus / "test.de")
    return ParallelCorpus(whole.source[:3], whole.target[:3])


def test_runs_are_scored_as_one_and_searched_as_asked_for(runs, text):
    together, first = evaluate(runs, text, beam=1), evaluate(runs[0], text)
    translator = Translator.load(runs, beam=1)
    assert together.translations == list(translator.translate(text.source))
    assert together.translations != first.translations
    second = evaluate(runs[1], text).perplexity
    # Of a mean of probabilities the logarithm is at least the mean of theirs (Jensen).
    assert together.perplexity < (first.perplexity * second) ** 0.5
    assert together.perplexity != pytest.approx(first.perplexity, rel=1e-3)


@pytest.mark.slow
def test_an_export_of_runs_translates_as_they_do_together(runs, text, tmp_path):
    version = export(runs, tmp_path / "models", beam=2)
    wanted = list(Translator.load(runs, beam=2).translate_with_scores(text.source))
    translations, scores = run_signature(version, text.source)
    assert translations == [one.translation for one in wanted]
    np.testing.assert_allclose(scores, [one.score for one in wanted], rtol=1e-4)
