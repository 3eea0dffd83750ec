"""What a translator does beside translating: n-best lists, completion, sampling, scoring."""

import numpy as np
import pytest
import tensorflow as tf
from reference.search import penalty

from seq2seq.errors import UserError
from seq2seq.marks import BEGIN, END, PAD, UNKNOWN

VOCABULARY = 330
LINES = ["The dog sleeps.", "", "We saw the cow in the garden.", "x", "\u2603"]
# Of no token, of some, and of almost as many as there is room for.
BEGINNINGS = ["Der Hund", "Ein", "", "a a a a a", "Wir"]


def until_mark(tokens):
    tokens = [int(token) for token in tokens]
    return tokens[: tokens.index(END) + 1] if END in tokens else tokens


def test_the_best_translations_come_best_first_and_begin_with_the_one(beam_translator):
    found = list(beam_translator.translate_n_best(LINES, 3))
    # Of an empty line there is one.
    assert [len(candidates) for candidates in found] == [3 if line else 1 for line in LINES]
    assert [candidates[0] for candidates in found] == list(
        beam_translator.translate_with_scores(LINES)
    )
    for line, candidates in zip(LINES, found, strict=True):
        scores = [candidate.score for candidate in candidates]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) == (3 if line else 1)
    assert list(beam_translator.translate_n_best(LINES, 2)) == [one[:2] for one in found]


def test_fewer_translations_come_where_there_are_no_more(make, eagerly):
    """Of one token, the end or one of two, there are three."""
    translator = make(beam=4, maximum_tokens=1)
    translator.graph.tokens._constraints.append(
        lambda now, given: tf.where(tf.range(tf.shape(given)[-1]) < 6, given, -1e9)
    )
    (found,) = translator.translate_n_best(["The dog sleeps."], 4)
    assert len(found) == 3
    assert all(np.isfinite(candidate.score) for candidate in found)


@pytest.mark.parametrize("count", [0, -1, 4])
def test_more_translations_than_the_beam_is_wide_are_refused(beam_translator, count):
    text = rf"as many as the beam is wide, 3\. Received: {count}\."
    with pytest.raises(UserError, match=text):
        next(beam_translator.translate_n_best(LINES, count))


@pytest.mark.parametrize("weights", [pytest.param((1.0, 0.0), marks=pytest.mark.slow), (0.6, 0.4)])
def test_every_score_is_what_forced_decoding_gives_the_tokens(make, weights):
    """With the coverage penalty too: where the decoder looked is what forcing says."""
    length_weight, coverage_weight = weights
    options = {"length_penalty": length_weight, "coverage_penalty": coverage_weight}
    graph = make(beam=3, maximum_tokens=8, **options).graph
    source = graph.tokenize(tf.constant(["We saw the cow.", "A dog.", "x"]))
    found = graph.tokens.search(source)
    assert found.scores.shape == (3, 3)
    for index in range(3):
        tokens = found.tokens[:, index]
        forced = graph.tokens.force(source, tokens)
        totals = forced.log_probabilities.numpy().sum(axis=1)
        np.testing.assert_allclose(totals, found.log_probabilities[:, index], rtol=1e-4)
        for row in range(3):
            said = until_mark(token for token in tokens[row].numpy() if token != PAD)
            expected = totals[row] / penalty(len(said), length_weight)
            if END in said:
                length = int(np.sum(source[row] != PAD))
                covered = forced.alignments[row, :, :length].numpy().sum(axis=0)
                expected += coverage_weight * np.sum(np.log(np.minimum(covered, 1)))
            np.testing.assert_allclose(found.scores[row, index], expected, rtol=1e-4)


@pytest.mark.parametrize("text", ["A dog.", b"A dog."])
def test_a_string_in_place_of_lines_is_refused(beam_translator, text):
    for call in (beam_translator.translate, lambda lines: beam_translator.sample(lines, seed=1)):
        with pytest.raises(UserError, match=r"needs lines, .* Received: b?'A dog\.'"):
            call(text)


def test_a_completion_begins_as_given(beam_translator):
    found = list(beam_translator.complete(zip(LINES, BEGINNINGS, strict=True)))
    for line, beginning, (translation, score) in zip(LINES, BEGINNINGS, found, strict=True):
        assert translation.startswith(beginning if line else "")
        assert (score < 0) == bool(line)
    assert found[1] == ("", 0.0)
    whole = list(beam_translator.translate_with_scores(LINES))
    assert found[2][0] == whole[2][0]
    assert found[2][0] != found[0][0]


def test_a_completion_is_the_same_whatever_others_are_in_its_batch(beam_translator):
    pairs = list(zip(LINES, BEGINNINGS, strict=True))
    together = list(beam_translator.complete(pairs))
    for pair, (translation, score) in zip(pairs, together, strict=True):
        ((alone, score_alone),) = beam_translator.complete([pair])
        assert alone == translation
        np.testing.assert_allclose(score_alone, score, rtol=1e-4)


def test_beginnings_too_long_or_of_nothing_are_refused(beam_translator):
    with pytest.raises(UserError, match=r"shorter than a translation may be, 12 tokens\. Received"):
        list(beam_translator.complete([("The dog.", "a " * 20)]))
    for beginning in (" ", "Hund\udcff"):
        with pytest.raises(UserError) as error:
            list(beam_translator.complete([("The dog.", beginning)]))
        text = "A prefix needs text that the vocabulary can spell. Received: "
        assert str(error.value) == f"{text}{beginning!r}. Change it."


def test_the_same_seed_samples_the_same_and_another_seed_another(beam_translator):
    once, again, other = (list(beam_translator.sample(LINES, seed)) for seed in (7, 7, 8))
    assert once == again
    assert once[1] == other[1] == ("", 0.0)
    assert sum(one != two for one, two in zip(once, other, strict=True)) >= 2
    assert once != list(beam_translator.sample(LINES, 7, temperature=3.0))
    # Seeds of any size and sign.
    assert len(list(beam_translator.sample(LINES, -(10**12)))) == len(LINES)


def test_lines_that_are_the_same_are_drawn_each_on_its_own(beam_translator):
    found = list(beam_translator.sample(["The dog sleeps."] * 8, seed=1))
    assert len({translation for translation, _ in found}) > 4


def test_a_sample_of_hardly_any_temperature_is_greedy(beam_translator, greedy_translator):
    found = list(beam_translator.sample(LINES, 1, temperature=0.001))
    wanted = list(greedy_translator.translate_with_scores(LINES))
    assert [translation for translation, _ in found] == [one for one, _ in wanted]
    np.testing.assert_allclose([one[1] for one in found], [one[1] for one in wanted], rtol=1e-4)


@pytest.mark.parametrize("temperature", [0.0, -1.0, 2e3, float("nan")])
def test_a_temperature_out_of_its_bounds_is_refused(beam_translator, temperature):
    text = rf"Sampling needs a temperature from 0\.001 to 1000\. Received: {temperature}\."
    with pytest.raises(UserError, match=text):
        list(beam_translator.sample(LINES, 1, temperature))


PAIRS = [("The dog sleeps.", "Der Hund."), ("x", "a"), ("We saw the cow.", ""), ("A dog.", "Wir")]


@pytest.mark.parametrize("beam", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_score_is_that_of_teacher_forcing(beam, request, model, eagerly):
    """Of the tokens and the end; with a beam, divided by the length penalty."""
    translator = request.getfixturevalue("beam_translator" if beam > 1 else "greedy_translator")
    graph, scores = translator.graph, list(translator.score(PAIRS))
    for (line, target), score in zip(PAIRS, scores, strict=True):
        source = graph.tokenize(tf.constant([line]))
        tokens = [*graph.target_tokenizer.tokenize([target])[0].numpy().tolist(), END]
        logits = model((source, tf.constant([[BEGIN, *tokens[:-1]]]))).numpy()[0]
        logits[:, [PAD, UNKNOWN, BEGIN]] = -np.inf
        log_p = np.asarray(tf.nn.log_softmax(logits.astype("float64")))
        total = log_p[np.arange(len(tokens)), tokens].sum()
        expected = total / penalty(len(tokens), 1.0) if beam > 1 else total
        np.testing.assert_allclose(score, expected, rtol=1e-4)


def test_a_score_of_a_graph_says_its_parts(beam_translator):
    source, target = (tf.constant(side) for side in zip(*PAIRS, strict=True))
    found = {
        name: value.numpy() for name, value in beam_translator.graph.score(source, target).items()
    }
    assert set(found) == {"score", "log_probability", "tokens"}
    ragged = beam_translator.graph.target_tokenizer.tokenize(target)
    np.testing.assert_array_equal(found["tokens"], ragged.row_lengths() + 1)
    divided = found["log_probability"] / [penalty(count, 1.0) for count in found["tokens"]]
    np.testing.assert_allclose(found["score"], divided, rtol=1e-5)


def test_a_score_is_what_a_search_gives_the_same_tokens_coverage_counted(make, bias, eagerly):
    """The model ends where it may, so that what is completed is what was given."""
    bias.assign(bias.numpy() + np.where(np.arange(VOCABULARY) == END, 100.0, 0.0))
    pairs = [("The dog sleeps.", "Der Hund"), ("We saw the cow in the garden.", "Wir")]
    for options in ({"beam": 2, "coverage_penalty": 0.5}, {"beam": 1}):
        translator = make(**options)
        found = list(translator.complete(pairs))
        assert [translation for translation, _ in found] == [beginning for _, beginning in pairs]
        scores = list(translator.score(pairs))
        np.testing.assert_allclose(scores, [score for _, score in found], rtol=1e-4)
