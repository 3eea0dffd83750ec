"""From strings to strings, with models of random weights, which say all sorts of things."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from reference.models import says
from reference.search import penalty

from seq2seq.inference import Translator
from seq2seq.marks import BEGIN, END, PAD, UNKNOWN

VOCABULARY = 330
LINES = ["The dog sleeps.", "", "We saw the cow in the garden.", "  \t ", "x", "\u2603 \U0001f600"]


@pytest.fixture(params=["beam", "greedy"])
def translator(request, beam_translator, greedy_translator):
    return beam_translator if request.param == "beam" else greedy_translator


def test_lines_come_back_in_order_whatever_batch_they_were_in(translator):
    alone = [next(translator.translate([line])) for line in LINES]
    assert list(translator.translate(LINES)) == alone
    assert list(translator.translate(LINES[::-1])) == alone[::-1]
    many = LINES * 7
    assert list(translator.translate(many)) == alone * 7
    assert len(set(alone)) > 2


def test_scores_do_not_depend_on_the_batch_either(translator):
    alone = [next(translator.translate_with_scores([line])) for line in LINES]
    together = list(translator.translate_with_scores(LINES))
    assert [line for line, _ in together] == [line for line, _ in alone]
    np.testing.assert_allclose(
        [score for _, score in together], [score for _, score in alone], rtol=1e-4
    )


def test_an_empty_line_gives_an_empty_line_of_score_zero(translator):
    lines = ["", " ", "\t\u00a0\u3000", "\r"]
    assert list(translator.translate_with_scores(lines)) == [("", 0.0)] * 4


def test_no_lines_give_no_lines(translator):
    assert list(translator.translate([])) == []
    found = translator.graph.translate(tf.zeros([0], tf.string))
    assert found["translation"].shape == found["score"].shape == (0,)


def test_lines_are_read_a_chunk_at_a_time(greedy_translator):
    read = []
    endless = (read.append(index) or "A dog." for index in itertools.count())
    translations = greedy_translator.translate(endless)
    assert read == []
    assert len(list(itertools.islice(translations, 3))) == 3
    assert len(read) == 2 * 16


def test_marks_are_never_chosen_however_much_the_model_wants_to(translator, bias):
    bias.assign(np.where(np.isin(np.arange(VOCABULARY), [PAD, UNKNOWN, BEGIN]), 1e4, 0.0))
    source = translator.graph.tokenize(tf.constant(LINES))
    found = translator.graph.tokens.search(source)
    chosen = found.tokens[:, 0].numpy()
    has_ended = np.cumsum(chosen == END, axis=1) - (chosen == END) > 0
    assert not np.isin(chosen[~has_ended], [PAD, UNKNOWN, BEGIN]).any()
    assert not chosen[has_ended].any()
    assert np.all(np.isfinite(found.scores[:, 0]))
    assert np.all(found.scores[:, 0] > -1e3)


@pytest.mark.parametrize("text", ["\n", "\r"])
def test_a_line_break_never_gets_into_a_translation(translator, bias, text):
    pieces = translator.graph.target_tokenizer.pieces(range(VOCABULARY))
    byte, letter = pieces.index(f"<0x{ord(text):02X}>"), pieces.index("a")
    says(bias, byte)
    assert next(translator.translate(["A dog."])).strip() == ""
    says(bias, byte, letter)
    translation = next(translator.translate(["A dog."]))
    assert not set("\r\n") & set(translation)


def test_bytes_that_spell_no_text_become_replacement_characters(translator, bias):
    pieces = translator.graph.target_tokenizer.pieces(range(VOCABULARY))
    says(bias, pieces.index("<0xFF>"))
    assert set(next(translator.translate(["A dog."]))) == {"\ufffd"}


def test_a_translation_without_end_stops_at_the_maximum(translator, bias):
    pieces = translator.graph.target_tokenizer.pieces(range(VOCABULARY))
    says(bias, pieces.index("a"))
    assert next(translator.translate(["A dog."])) == "a" * 12


@pytest.mark.parametrize("length_weight", [pytest.param(0.0, marks=pytest.mark.slow), 1.0])
def test_the_score_is_the_log_probability_of_the_tokens_forced(make, model, length_weight):
    graph = make(beam=3, length_penalty=length_weight).graph
    source = graph.tokenize(tf.constant(["We saw the cow.", "A dog."]))
    found = graph.tokens.search(source)
    for row, best in enumerate(found.tokens[:, 0].numpy().tolist()):
        tokens = best[: best.index(END) + 1] if END in best else best
        target_in = tf.constant([[BEGIN, *tokens[:-1]]])
        logits = model((source[row : row + 1], target_in)).numpy()[0].astype("float64")
        logits[:, [PAD, UNKNOWN, BEGIN]] = -np.inf
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        total = log_p[np.arange(len(tokens)), tokens].sum()
        np.testing.assert_allclose(found.log_probabilities[row, 0], total, rtol=1e-4)
        expected = total / penalty(len(tokens), length_weight)
        np.testing.assert_allclose(found.scores[row, 0], expected, rtol=1e-4)


@pytest.mark.parametrize("line", ["We saw the cow.", "x", "\U0001f600 $5"])
def test_an_alignment_has_a_row_for_each_piece_and_each_sums_to_one(beam_translator, line):
    alignment = beam_translator.align(line)
    assert alignment.source[-1] == alignment.target[-1] == "</s>"
    assert alignment.weights.shape == (len(alignment.target), len(alignment.source))
    np.testing.assert_allclose(alignment.weights.sum(axis=1), 1, rtol=1e-5)
    assert np.all(alignment.weights >= 0)
    tokens = beam_translator.graph.source_tokenizer.tokenize([line])[0]
    assert len(alignment.source) == len(tokens) + 1


def test_an_alignment_is_that_of_the_translation(beam_translator, model):
    line, graph = "We saw the cow in the garden.", beam_translator.graph
    pieces = graph.target_tokenizer.pieces(range(VOCABULARY))
    alignment = beam_translator.align(line)
    tokens = [pieces.index(piece) for piece in alignment.target]
    spelled = graph.target_tokenizer.detokenize(tf.constant([tokens]))
    assert spelled[0].numpy().decode() == next(beam_translator.translate([line]))
    # Row t is where the model looks when it is about to say piece t.
    states, memory = model.encode(graph.tokenize(tf.constant([line])))
    for token, row in zip([BEGIN, *tokens[:-1]], alignment.weights, strict=True):
        _, states = model.decoder.step(tf.constant([token]), states, memory)
        np.testing.assert_allclose(states[-1][0], row, rtol=1e-4, atol=1e-6)


def test_half_a_character_from_python_is_no_error(beam_translator):
    found, wanted = (list(beam_translator.translate([line])) for line in ("\ud800", "?"))
    assert found == wanted
    assert beam_translator.align("\ud800").source == beam_translator.align("?").source


def test_the_bytes_of_a_line_are_bounded_before_all_else(make):
    graph = make(maximum_bytes=5).graph
    expected = graph.tokenize(tf.constant(["abcde"])).numpy()
    np.testing.assert_array_equal(graph.tokenize(tf.constant(["abcdefgh"])), expected)
    cut = graph.tokenize(tf.constant(["abcd\u00e9"])).numpy()
    np.testing.assert_array_equal(cut, make().graph.tokenize(tf.constant(["abcd\ufffd"])))


def test_a_huge_line_costs_what_its_bound_costs(make):
    graph = make(maximum_source_tokens=9).graph
    tokens = graph.tokenize(tf.constant([b"\0" * 1_000_000, "\u0300" * 300_000, "\ufdfa" * 90_000]))
    assert tokens.shape[1] <= 10


def test_lines_that_lose_their_end_are_counted(make, eagerly):
    translator = make(maximum_source_tokens=4, maximum_bytes=30, beam=1)
    lines = ["a", "", "We saw the cow.", "a", "a " * 40]
    assert len(list(translator.translate(lines))) == len(lines)
    assert translator.cut_lines == 2


def test_given_translations_that_lose_their_end_are_counted_too(make, eagerly):
    translator = make(maximum_bytes=30, beam=1)
    pairs = [("a", "b"), ("a", "ä " * 15), ("ä " * 15, "b"), ("ä " * 15, "ä " * 15)]
    assert len(list(translator.score(pairs))) == 4
    assert translator.cut_lines == 3


def test_one_line_ahead_is_translated_before_the_next_is_read(greedy_translator):
    read = []

    def lines():
        for line in LINES:
            read.append(line)
            yield line

    next(greedy_translator.translate_with_scores(lines(), lines_ahead=1))
    assert len(read) == 1


def test_invalid_utf8_is_read_as_replacement_characters(make):
    graph = make().graph
    tokens = graph.tokenize(tf.constant([b"a\xff\xfeb", "a\ufffd\ufffdb".encode()]))
    np.testing.assert_array_equal(tokens[0], tokens[1])


def test_tokens_beyond_the_bound_are_cut_off_and_the_end_stays(make):
    graph = make(maximum_source_tokens=4).graph
    whole = make().graph.tokenize(tf.constant(["We saw the cow.", "a"])).numpy()
    tokens = graph.tokenize(tf.constant(["We saw the cow.", "a"])).numpy()
    assert tokens.shape == (2, 5)
    np.testing.assert_array_equal(tokens[0], [*whole[0, :4], END])
    length = whole[1].tolist().index(END) + 1
    np.testing.assert_array_equal(tokens[1], [*whole[1, :length], *[PAD] * (5 - length)])


def test_the_graph_is_traced_once_whatever_comes(greedy_translator):
    list(greedy_translator.translate(LINES))
    assert greedy_translator.graph.translate.experimental_get_tracing_count() == 1


def test_a_run_is_loaded_with_other_decoding_and_in_float32(trained_run):
    translator = Translator.load(trained_run, beam=1, batch_size=3)
    assert translator.graph.models[0].dtype_policy.name == "float32"
    translations = list(translator.translate(LINES))
    assert len(translations) == len(LINES)
    assert translations[1] == translations[3] == ""
