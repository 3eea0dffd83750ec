"""Subword regularisation: what is drawn spells the same text, as often as the paper says."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from sentencepiece import SentencePieceProcessor

from seq2seq.config import Config
from seq2seq.data.batches import BatchIterator, Sentences, TokenizedCorpus
from seq2seq.data.subword_sampling import SampledSentences, sampled_batches
from seq2seq.data.tokenizer import Tokenizer, TokenizerPair, train_subword_model
from seq2seq.errors import UserError

LINES = [
    "low lower lowest",
    "new newer newest",
    "wide wider widest",
    "a slow river widens slowly",
    "the lowest of all rivers",
]


@pytest.fixture(scope="module")
def tokenizer():
    stems = ("low", "new", "wide", "slow", "river", "cold", "long", "deep", "kind", "old", "quick")
    endings = ("", "er", "est", "ly", "ness", "s", "ed", "ing", "ish")
    lines = [" ".join(stem + ending for stem in stems) for ending in endings]
    return Tokenizer(train_subword_model([*LINES, *lines, "Xylo"] * 5, 305))


def sentences_of(tokenizer, lines):
    ragged = tokenizer.tokenize(tf.constant(lines))
    return Sentences.from_lengths(ragged.flat_values.numpy(), ragged.row_lengths().numpy())


def corpus_of(tokenizer, lines):
    sentences = sentences_of(tokenizer, lines)
    return TokenizedCorpus(sentences, sentences)


def written(tokenizer, rows):
    return [tokenizer.pieces(row) for row in rows]


def all_cuts(tokenizer, word):
    """Every way to write a word in pieces, with the sum of their log-probabilities."""
    processor = SentencePieceProcessor(model_proto=tokenizer.model)
    text, cuts = "\u2581" + word, {}
    for ends in itertools.product([False, True], repeat=len(text) - 1):
        bounds = [0, *(i + 1 for i, is_end in enumerate(ends) if is_end), len(text)]
        ids = [processor.piece_to_id(text[a:b]) for a, b in itertools.pairwise(bounds)]
        if processor.unk_id() not in ids:
            cuts[tuple(ids)] = sum(map(processor.get_score, ids))
    return cuts


@pytest.mark.parametrize("temperature", [0.7, 2.0, 6.0])
def test_cuts_come_as_often_as_the_paper_says(tokenizer, temperature):
    """`P(cut) ~ p(cut)^(1/T)`, from all cuts of the word, found by trying every one."""
    cuts = all_cuts(tokenizer, "lower")
    assert 4 <= len(cuts) <= 32
    likelihoods = {cut: math.exp(score / temperature) for cut, score in cuts.items()}
    sampled = SampledSentences(sentences_of(tokenizer, ["lower"]), tokenizer, temperature)
    times = 20_000
    drawn = sampled.draw(np.zeros(times, int), np.random.default_rng(1))
    counts = dict.fromkeys(cuts, 0)
    for row in drawn:
        counts[tuple(row.tolist())] += 1
    for cut, likelihood in likelihoods.items():
        share = likelihood / sum(likelihoods.values())
        assert abs(counts[cut] / times - share) < 4 * math.sqrt(share * (1 - share) / times) + 1e-4


def test_what_is_drawn_spells_the_same_sentences(tokenizer):
    lines = [*LINES, "lower", "\u2603 low", "Xylo ☃☃ widest", "漢 slow"]
    sampled = SampledSentences(sentences_of(tokenizer, lines), tokenizer, 8.0)
    order = [8, 0, 3, 3, 7, 6, 5, 4, 2, 1]
    generator, ways = np.random.default_rng(0), set()
    for _ in range(20):
        drawn = sampled.draw(order, generator)
        ways.add(tuple(drawn[1].tolist()))
        text = tokenizer.detokenize(tf.ragged.constant([row.tolist() for row in drawn], tf.int32))
        assert [line.decode() for line in text.numpy()] == [lines[index] for index in order]
        assert all(row.dtype == np.int32 for row in drawn)
    assert len(ways) > 4


def test_words_are_cut_one_apart_from_the_other(tokenizer):
    """The two words of a sentence, though they are alike."""
    sampled = SampledSentences(sentences_of(tokenizer, ["slowly slowly"]), tokenizer, 8.0)
    drawn = written(tokenizer, sampled.draw(np.zeros(50, int), np.random.default_rng(0)))
    halves = ["\u2581".join(["", *"".join(row).split("\u2581")[1:]]) for row in drawn]
    assert set(halves) == {"\u2581slowly\u2581slowly"}
    second = [next(i for i in range(1, len(row)) if row[i][0] == "\u2581") for row in drawn]
    differing = sum(row[:at] != row[at:] for row, at in zip(drawn, second, strict=True))
    assert differing > 30


def test_near_zero_only_the_best_cut_is_left(tokenizer):
    sentences = sentences_of(tokenizer, LINES)
    sampled = SampledSentences(sentences, tokenizer, 1e-6)
    for row, index in zip(sampled.draw(range(5), np.random.default_rng(0)), range(5), strict=True):
        np.testing.assert_array_equal(row, sentences[index])


def test_batches_differ_by_epoch_and_are_the_same_after_a_restore(tokenizer):
    corpus = corpus_of(tokenizer, LINES)
    draw = sampled_batches(corpus, TokenizerPair(tokenizer, tokenizer), 8.0)

    def batches(start=0):
        iterator = BatchIterator(corpus, 1000, seed=4, epochs=3, draw=draw)
        iterator.epoch.assign(start)
        return [batch.source.tolist() for batch in iterator]

    whole = batches()
    assert len(whole) == 3
    assert sorted(map(sorted, whole[0])) != sorted(map(sorted, whole[1]))
    assert batches(start=1) == whole[1:]


def test_source_and_target_stay_translations_of_each_other(tokenizer):
    sentences = sentences_of(tokenizer, LINES)
    turned = sentences_of(tokenizer, [line[::-1] for line in LINES])
    corpus = TokenizedCorpus(sentences, turned)
    draw = sampled_batches(corpus, TokenizerPair(tokenizer, tokenizer), 8.0)
    batch = draw(np.array([3, 1]), np.random.default_rng(0))
    assert [text.decode() for text in tokenizer.detokenize(batch.source).numpy()] == [
        LINES[3],
        LINES[1],
    ]
    assert [text.decode() for text in tokenizer.detokenize(batch.target_out).numpy()] == [
        LINES[3][::-1],
        LINES[1][::-1],
    ]


def test_a_bpe_model_has_no_probabilities_to_draw_by():
    message = r'needs data.subword_model = "unigram" for data.subword_temperature = 3.0'
    with pytest.raises(UserError, match=message):
        Config().replace({"data.subword_model": "bpe", "data.subword_temperature": 3.0})
