"""Phrases in words: what must and what must not stand in a translation, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import holds
from reference.models import says
from reference.search import penalty

from seq2seq.errors import UserError
from seq2seq.marks import END, PAD

VOCABULARY = 330
LINES = ["The dog sleeps.", "We saw the cow in the garden.", "", "x"]


def tokens_of(translator, phrase):
    return translator.graph.target_tokenizer.tokenize([phrase])[0].numpy().tolist()


def found_tokens(translator, lines):
    """The tokens of the best hypothesis of each line."""
    graph = translator.graph
    found = graph.tokens.search(graph.tokenize(tf.constant(lines)))
    return [tuple(row) for row in found.tokens[:, 0].numpy().tolist()]


@pytest.mark.slow
def test_required_phrases_stand_in_every_translation_in_words(make):
    phrases = ["Hund", "die"]
    translator = make(beam=4, required=phrases)
    found = list(translator.translate_with_scores(LINES))
    for line, (translation, score) in zip(LINES, found, strict=True):
        assert all((phrase in translation) == bool(line) for phrase in phrases)
        assert np.isfinite(score)
    assert [translation for translation, _ in found] == [
        next(translator.translate([line])) for line in LINES
    ]


def test_a_required_phrase_is_found_without_a_beam_too_and_scored_alike(make, eagerly):
    translator = make(beam=1, required=["Hund"])
    (phrase,) = translator.graph.tokens.strategy.phrases
    source = translator.graph.tokenize(tf.constant(LINES[:2]))
    found = translator.graph.tokens.search(source)
    forced = translator.graph.tokens.force(source, found.tokens[:, 0])
    totals = np.sum(forced.log_probabilities, axis=1)
    for tokens, score, total in zip(found.tokens[:, 0].numpy(), found.scores, totals, strict=True):
        assert holds(tuple(tokens.tolist()), phrase)
        weight = translator.decoding.length_penalty
        wanted = total / penalty(np.count_nonzero(tokens), weight)
        np.testing.assert_allclose(score[0], wanted, rtol=1e-4)


@pytest.mark.parametrize("beam", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_banned_phrases_stand_in_no_translation(make, bias, beam, eagerly):
    """The model would say nothing but one word, again and again."""
    free = make(beam=beam, maximum_tokens=6)
    pieces = enumerate(free.graph.target_tokenizer.pieces(range(VOCABULARY)))
    words = ((token, piece.lstrip("\u2581")) for token, piece in pieces if len(piece) > 3)
    token, word = next(pair for pair in words if tokens_of(free, pair[1]) == [pair[0]])
    says(bias, token)
    assert all(holds(tokens, [token, token]) for tokens in found_tokens(free, LINES[:2]))
    banned = make(beam=beam, banned=["Der Hund", f"{word} {word}"], maximum_tokens=6)
    for tokens in found_tokens(banned, LINES[:2]):
        assert token in tokens
        assert not holds(tokens, [token, token])


REFUSED = [
    ({"banned": [""]}, r"A banned phrase needs text that the vocabulary can spell\. Received: ''"),
    ({"banned": ["Hund", " "]}, r"A banned phrase needs text .* Received: ' '"),
    ({"banned": ["Hund\udcff"]}, r"A banned phrase needs text .* Received: 'Hund\\udcff'"),
    ({"required": [""]}, r"A required phrase needs text .* Received: ''"),
    ({"required": ["a " * 12]}, "Required phrases need room: together they have .* tokens"),
    ({"required": ["Der Hund", "Die Katze"], "maximum_tokens": 4}, r"has 4 at most, its end"),
    (
        {"required": ["Hund"], "beam": 4, "beam_groups": 2},
        r"Required phrases need decoding\.beam_groups = 1\. Received: 2\.",
    ),
    ({"beam": 5, "beam_groups": 2}, r"Received: 2 groups, a beam of 5\."),
]


@pytest.mark.parametrize(("options", "text"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_translated(make, options, text):
    with pytest.raises(UserError, match=text):
        make(**options)


def test_a_required_phrase_that_is_banned_is_an_error_not_a_translation_without(make, eagerly):
    translator = make(beam=2, banned=["Hund"], required=["Hund"])
    with pytest.raises(UserError, match=r"line 1 are no numbers.* or nothing that prefix, phrases"):
        list(translator.translate(LINES))


def test_settings_of_the_search_reach_the_translations(make, bias):
    """A minimum length and no repetition, of a model that would end at once or say one token."""
    says(bias, END, VOCABULARY - 1)
    translator = make(beam=2, minimum_tokens=4, maximum_tokens=6, no_repeat_ngram_size=1)
    for tokens in found_tokens(translator, LINES):
        said = [token for token in tokens if token not in (PAD, END)]
        assert len(said) >= 4
        assert len(set(said)) == len(said)


def test_groups_of_a_beam_begin_with_other_tokens_where_the_settings_say_so(make):
    diverse = make(beam=4, beam_groups=4, diversity=100.0, maximum_tokens=6)
    source = diverse.graph.tokenize(tf.constant(LINES[:1]))
    assert len(set(diverse.graph.tokens.search(source).tokens[0, :, 0].numpy().tolist())) == 4
