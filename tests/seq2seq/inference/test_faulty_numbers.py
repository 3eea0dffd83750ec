"""Rows for which a model's numbers are none: they are told, and harm no other row."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import search
from reference.models import random_model
from reference.search import END, Chain

from seq2seq.data.corpus import read_parallel
from seq2seq.data.tokenizer import train_tokenizers
from seq2seq.errors import UserError
from seq2seq.inference import BeamSearch, GreedySearch, RequiringBeamSearch, Sampling, Translator

ROWS, FAULTY = 5, 2
STRATEGIES = {
    "greedy": GreedySearch(),
    "beam": BeamSearch(3, end=END, length_weight=1.0),
    "groups": BeamSearch(4, end=END, groups=2, diversity=0.5),
    "sampling": Sampling(tf.constant([4, 0]), width=3, temperature=1.5, top_k=4, top_p=0.9),
    "required": RequiringBeamSearch(4, [[3, 4], [5]], end=END),
}


SLOW = {("groups", 0), ("required", 0)}


class TimedChain:
    """A chain that ends no hypothesis before its sixth step; one row is faulty from a step on."""

    def __init__(self, since):
        chain = Chain.random(np.random.default_rng(81), ROWS, vocabulary_size=7)
        table = chain.table.copy()
        table[..., END] = -1e9
        self.whole, self.since = chain, since
        self.endless = Chain(table)

    def start(self, rows=None):
        chain = self.whole.start(rows)
        return {**chain, "time": tf.zeros_like(chain["row"])}

    def step(self, tokens, states):
        time = states["time"]
        options = [chain.step(tokens, states) for chain in (self.whole, self.endless)]
        early = (time < 5)[:, None]
        log_probabilities = tf.where(early, options[1][0], options[0][0])
        is_faulty = (states["row"] == FAULTY) & (time >= self.since)
        log_probabilities = tf.where(is_faulty[:, None], np.nan, log_probabilities)
        return log_probabilities, {**options[0][1], "time": time + 1}


@pytest.mark.parametrize(
    ("kind", "since"),
    [
        pytest.param(kind, since, marks=[pytest.mark.slow] * ((kind, since) in SLOW))
        for kind in STRATEGIES
        for since in (0, 2)
    ],
)
def test_a_faulty_row_has_no_score_and_the_others_are_as_without_it(kind, since):
    strategy = STRATEGIES[kind]
    faulty = search(strategy, TimedChain(since), 9)
    whole = search(strategy, TimedChain(since=99), 9)
    assert np.all(np.isnan(faulty.scores[FAULTY]))
    others = [row for row in range(ROWS) if row != FAULTY]
    lengths = faulty.tokens.shape[-1], whole.tokens.shape[-1]
    shared = min(lengths)
    for found, length in zip((faulty, whole), lengths, strict=True):
        assert length == shared or not np.any(found.tokens.numpy()[others][..., shared:])
    for name in ("tokens", "log_probabilities", "scores"):
        found, expected = (getattr(one, name).numpy()[others] for one in (faulty, whole))
        if name == "tokens":
            found, expected = found[..., :shared], expected[..., :shared]
        np.testing.assert_array_equal(found, expected)
    assert not np.any(np.isnan(whole.scores[:, 0]))


@pytest.mark.parametrize("name", ["greedy", "beam", "sampling"])
def test_a_batch_of_faulty_rows_comes_to_its_end_at_once(name):
    chain = TimedChain(since=1)
    found = search(STRATEGIES[name], chain, 9, rows=[FAULTY, FAULTY])
    assert np.all(np.isnan(found.scores))
    assert found.tokens.shape[-1] == 2


def test_a_hypothesis_that_had_ended_before_the_fault_is_still_found():
    """Rows end when they like; the one that is faulty from its third step on may have ended."""
    chain = TimedChain(since=2)
    chain.endless = chain.whole
    found = search(BeamSearch(4, end=END), chain, 9)
    wanted = search(BeamSearch(4, end=END), chain.whole, 2)
    expected = [
        (tokens, score)
        for tokens, score in zip(wanted.tokens[FAULTY].numpy(), wanted.scores[FAULTY], strict=True)
        if END in tokens
    ]
    assert expected
    for index, (tokens, score) in enumerate(expected):
        np.testing.assert_array_equal(found.tokens[FAULTY, index, :2], tokens)
        np.testing.assert_allclose(found.scores[FAULTY, index], score, rtol=1e-5)
    assert np.all(np.isnan(found.scores[FAULTY, len(expected) :]))


LINES = ["A dog sleeps.", "We saw a q.", "", "We saw a z."]
WHOLE = ["A dog sleeps.", "We saw a k.", "", "We saw a z."]


@pytest.fixture(scope="module")
def make(tiny_config):
    """Make translators of a model to which one letter is no number; it says it only if it must."""
    config = tiny_config.replace({"data.shared_vocabulary": False, "model.tie_embeddings": False})
    model = random_model(config, np.random.default_rng(82), scale=0.8)
    data = tiny_config.data
    tokenizers = train_tokenizers(read_parallel(data.source, data.target), data)
    letter = int(tokenizers.source.tokenize(["a q"])[0].numpy()[-1])
    for embedding in (model.encoder.embedding.embeddings, model.decoder.embedding.embeddings):
        values = embedding.numpy()
        values[letter] = np.nan
        embedding.assign(values)
    bias = model.decoder.output_layer.bias
    bias.assign(np.where(np.arange(bias.shape[0]) == letter, -100, bias.numpy()))

    def translator(**decoding):
        settings = config.replace({f"decoding.{key}": value for key, value in decoding.items()})
        return Translator.of_model(model, tokenizers, settings.decoding)

    return translator


@pytest.fixture(scope="module")
def beam_translator(make):
    return make(beam=3)


def calls_of(graph):
    """The functions of a graph of lines."""
    seed, temperature, given = tf.constant(3), tf.constant(1.5), tf.constant(["Ein Hund."] * 4)
    return {
        "align": graph.align,
        "score": lambda text: graph.score(text, given),
        "translate": graph.translate,
        "translate_n_best": graph.translate_n_best,
        "sample": lambda text: graph.sample(text, seed, temperature),
    }


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("translate", marks=pytest.mark.slow),
        *("translate_n_best", "sample", "align", "score"),
    ],
)
def test_a_faulty_line_of_a_batch_is_empty_and_the_others_are_as_without_it(beam_translator, name):
    call = calls_of(beam_translator.graph)[name]
    found, whole = (
        {key: values.numpy() for key, values in call(tf.constant(lines)).items()}
        for lines in (LINES, WHOLE)
    )
    assert np.all(found.get("translation", {1: b""})[1] == b"")
    assert np.all(np.isnan(found["score"][1]))
    for key, values in whole.items():
        for row in (0, 2, 3):
            one, other = (trimmed(of_batch[[row]]) for of_batch in (found[key], values))
            np.testing.assert_array_equal(one, other)
    assert np.all(np.isfinite(whole["score"][[0, 1, 3]]))


def trimmed(values):
    """The values of a line without what fills them up to the longest line of the batch."""
    is_none = (values == b"") if values.dtype == object else (values == 0)
    places = np.argwhere(~is_none)
    ends = places.max(axis=0) + 1 if len(places) else [0] * values.ndim
    return values[tuple(slice(end) for end in ends)]


@pytest.mark.parametrize("beam", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_line_that_is_faulty_from_its_middle_on_is_empty_too(make, eagerly, beam):
    graph = make(beam=beam).graph
    found, whole = (
        graph.complete(
            tf.constant(WHOLE[:2]), graph.target_tokenizer.tokenize(["a", text]).to_tensor()
        )
        for text in ("a q", "a k")
    )
    assert whole["translation"][1].numpy().startswith(b"a k")
    assert found["translation"][1] == b""
    assert np.isnan(found["score"][1])
    for key in ("translation", "score"):
        assert found[key][0] == whole[key][0]


def test_a_faulty_line_is_an_error_that_names_it(beam_translator, make, eagerly):
    text = r"scores for line 2 are no numbers \(nan\)"
    greedy = make(beam=1)
    calls = [
        lambda: list(beam_translator.translate_n_best(LINES, 3)),
        lambda: list(greedy.translate(LINES)),
        lambda: list(greedy.sample(LINES, seed=1)),
        lambda: list(greedy.score([(line, "Ein Hund.") for line in LINES])),
        lambda: list(greedy.complete([(line, "Ein") for line in LINES])),
    ]
    for call in calls:
        with pytest.raises(UserError, match=text):
            call()


def test_who_is_not_strict_gets_the_other_lines(beam_translator):
    with pytest.raises(UserError, match=r"scores for line 2 are no numbers"):
        list(beam_translator.translate(LINES))
    found = list(beam_translator.translate_with_scores(LINES, strict=False))
    assert found[1].translation == ""
    assert np.isnan(found[1].score)
    assert [found[index] for index in (0, 2, 3)] == [
        list(beam_translator.translate_with_scores(WHOLE))[index] for index in (0, 2, 3)
    ]
