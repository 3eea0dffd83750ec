"""Subword regularisation: what is drawn spells the same text, as often as the paper says."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from sentencepiece import SentencePieceProcessor

from seq2seq.config import Config
from seq2seq.data.batches import BatchIterator
from seq2seq.data.sentences import Sentences, TokenizedCorpus
from seq2seq.data.subword_sampling import SampledSentences, make_resample
from seq2seq.data.tokenizer import Tokenizer, TokenizerPair, train_subword_model
from seq2seq.errors import UserError
from seq2seq.training.prepare import prepare

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
    times = 20_000
    words = sentences_of(tokenizer, ["lower"] * times)
    drawn = SampledSentences(words, tokenizer, temperature).draw(np.random.default_rng(1))
    counts = dict.fromkeys(cuts, 0)
    for index in range(times):
        counts[tuple(drawn[index].tolist())] += 1
    for cut, likelihood in likelihoods.items():
        share = likelihood / sum(likelihoods.values())
        assert abs(counts[cut] / times - share) < 4 * math.sqrt(share * (1 - share) / times) + 1e-4


def test_what_is_drawn_spells_the_same_sentences(tokenizer):
    lines = [*LINES, "lower", "\u2603 low", "Xylo ☃☃ widest", "漢 slow"]
    sampled = SampledSentences(sentences_of(tokenizer, lines), tokenizer, 8.0)
    generator, ways = np.random.default_rng(0), set()
    for _ in range(20):
        drawn = sampled.draw(generator)
        ways.add(tuple(drawn[0].tolist()))
        ragged = tf.RaggedTensor.from_row_lengths(drawn.ids, drawn.lengths)
        text = tokenizer.detokenize(ragged)
        assert [line.decode() for line in text.numpy()] == lines
        assert drawn.ids.dtype == np.int32
    assert len(ways) > 4


def test_words_are_cut_one_apart_from_the_other(tokenizer):
    """The two words of a sentence, though they are alike."""
    sampled = SampledSentences(sentences_of(tokenizer, ["slowly slowly"] * 50), tokenizer, 8.0)
    drawn = sampled.draw(np.random.default_rng(0))
    rows = [tokenizer.pieces(drawn[index]) for index in range(50)]
    second = [next(i for i in range(1, len(row)) if row[i][0] == "\u2581") for row in rows]
    differing = sum(row[:at] != row[at:] for row, at in zip(rows, second, strict=True))
    assert differing > 30


def test_near_zero_only_the_best_cut_is_left(tokenizer):
    sentences = sentences_of(tokenizer, LINES)
    drawn = SampledSentences(sentences, tokenizer, 1e-6).draw(np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.ids, sentences.ids)
    np.testing.assert_array_equal(drawn.lengths, sentences.lengths)


def test_epochs_differ_have_as_many_batches_and_are_the_same_after_a_restore(tokenizer):
    corpus = corpus_of(tokenizer, LINES * 8)
    resample = make_resample(corpus, TokenizerPair(tokenizer, tokenizer), 8.0)

    def batches(start=0):
        iterator = BatchIterator(corpus, 100, seed=4, epochs=3, resample=resample)
        iterator.epoch.assign(start)
        count = iterator.batches_per_epoch()
        whole = [batch.source.tolist() for batch in iterator]
        assert len(whole) == (3 - start) * count
        return whole, count

    whole, count = batches()
    epochs = [sorted(row for batch in whole[i : i + count] for row in batch) for i in (0, count)]
    assert epochs[0] != epochs[1]
    assert batches(start=1) == (whole[count:], count)


def test_a_long_word_has_its_likeliest_cuts_only(tokenizer):
    """They are many more than the 32 that are looked at; the best and no other word's come."""
    word = "lowestwidestnewest" * 2
    sentences = sentences_of(tokenizer, [word, "slow"])
    assert len(tokenizer.likeliest_cuts(sentences[0], 100)[0]) > 32
    sampled = SampledSentences(sentences, tokenizer, 8.0)
    ways = {tuple(sampled.draw(np.random.default_rng(seed))[0].tolist()) for seed in range(300)}
    text = tokenizer.detokenize(tf.ragged.constant([list(way) for way in ways], tf.int32))
    assert {line.decode() for line in text.numpy()} == {word}
    assert 20 < len(ways) <= 32
    assert tuple(sentences[0].tolist()) in ways


def test_training_batches_are_resampled_where_the_config_says_so(tiny_config, tmp_path):
    epochs = {}
    for temperature in (0.0, 6.0):
        changes = {"data.subword_temperature": temperature, "training.epochs": 2}
        prepared = prepare(tiny_config.replace(changes), tmp_path / str(temperature))
        batches = [batch.source for batch in prepared.batches]
        half = len(batches) // 2
        epochs[temperature] = [
            sorted(tuple(row[row > 0]) for batch in part for row in batch)
            for part in (batches[:half], batches[half:])
        ]
    assert epochs[0.0][0] == epochs[0.0][1]
    assert epochs[6.0][0] != epochs[6.0][1]


def test_source_and_target_stay_translations_of_each_other(tokenizer):
    sentences = sentences_of(tokenizer, LINES)
    turned = sentences_of(tokenizer, [line[::-1] for line in LINES])
    corpus = TokenizedCorpus(sentences, turned)
    resample = make_resample(corpus, TokenizerPair(tokenizer, tokenizer), 8.0)
    for batch in BatchIterator(corpus, 60, seed=0, epochs=2, resample=resample):
        texts = (tokenizer.detokenize(side).numpy() for side in (batch.source, batch.target_out))
        for source, target in zip(*texts, strict=True):
            assert source.decode() in LINES
            assert target.decode() == source.decode()[::-1]


def test_a_bpe_model_has_no_probabilities_to_draw_by():
    message = r'needs data.subword_model = "unigram" for data.subword_temperature = 3.0'
    with pytest.raises(UserError, match=message):
        Config().replace({"data.subword_model": "bpe", "data.subword_temperature": 3.0})
