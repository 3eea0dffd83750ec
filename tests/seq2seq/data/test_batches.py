"""Batches: every pair once an epoch, within the limit, shifted once, resumed exactly."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seq2seq.data.batches import BatchIterator, make_batch, validation_batches
from seq2seq.data.corpus import ParallelCorpus
from seq2seq.data.plan import divide_epoch, plan_epoch
from seq2seq.data.sentences import Sentences, TokenizedCorpus, tokenize_corpus
from seq2seq.data.tokenizer import Tokenizer, TokenizerPair, train_subword_model
from seq2seq.errors import UserError
from seq2seq.marks import BEGIN, END, PAD

LENGTHS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=60)


def made_up_sentences(lengths, generator):
    lengths = np.asarray(lengths, np.int64)
    return Sentences.from_lengths(
        generator.integers(4, 500, size=lengths.sum(), dtype=np.int32), lengths
    )


def made_up_corpus(pairs):
    """A corpus of random ids with the (source, target) lengths given."""
    generator = np.random.default_rng(0)
    source, target = zip(*pairs, strict=True)
    return TokenizedCorpus(
        made_up_sentences(source, generator), made_up_sentences(target, generator)
    )


def varied_corpus(count):
    return made_up_corpus(np.random.default_rng(1).integers(1, 20, size=(count, 2)))


def contents(batches):
    return [tuple(array.tolist() for array in batch) for batch in batches]


def unpadded_pairs(batch):
    """The pairs of a batch, its marks and padding taken off."""
    rows = zip(batch.source, batch.target_in, batch.target_out, strict=True)
    for source, target_in, target_out in rows:
        target = target_out[: target_out.tolist().index(END)]
        assert target_in[: len(target) + 1].tolist() == [BEGIN, *target]
        yield tuple(source[: source.tolist().index(END)]), tuple(target)


def test_a_batch_is_marked_shifted_once_and_padded():
    batch = make_batch([np.array([5, 6]), np.array([7])], [np.array([8]), np.array([9, 10, 11])])
    assert batch.source.tolist() == [[5, 6, END], [7, END, PAD]]
    assert batch.target_in.tolist() == [[BEGIN, 8, PAD, PAD], [BEGIN, 9, 10, 11]]
    assert batch.target_out.tolist() == [[8, END, PAD, PAD], [9, 10, 11, END]]
    assert {array.dtype for array in batch} == {np.dtype(np.int32)}


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 200), st.integers(0, 5), st.integers(0, 5))
def test_a_plan_has_each_pair_once_and_respects_the_limit(pairs, batch_tokens, seed, epoch):
    source, target = np.array(pairs).T
    plan = plan_epoch(source, target, batch_tokens, seed, epoch)
    assert sorted(itertools.chain(*plan)) == list(range(len(pairs)))
    for indices in plan:
        width = max(source[indices].max(), target[indices].max())
        assert len(indices) == 1 or width * len(indices) <= batch_tokens


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 200))
@example([(1, 3)] * 3, 6)
def test_batches_are_of_like_length_and_as_full_as_the_limit_allows(pairs, batch_tokens):
    source, target = np.array(pairs).T
    widths = np.maximum(source, target)
    plan = sorted(
        plan_epoch(source, target, batch_tokens, 0, 0),
        key=lambda indices: (widths[indices].max(), widths[indices].min(), -len(indices)),
    )
    for indices, following in itertools.pairwise(plan):
        assert widths[indices].max() <= widths[following].min()
        assert widths[following].min() * (len(indices) + 1) > batch_tokens


def test_a_plan_is_a_function_of_seed_and_epoch():
    lengths = np.random.default_rng(0).integers(1, 30, size=(2, 500))
    plans = {
        (seed, epoch): plan_epoch(*lengths, 300, seed, epoch)
        for seed, epoch in itertools.product((0, 1), (0, 1))
    }
    for key, plan in plans.items():
        again = plan_epoch(*lengths, 300, *key)
        assert all(map(np.array_equal, plan, again))
    orders = {tuple(itertools.chain(*plan)) for plan in plans.values()}
    divisions = {frozenset(map(frozenset, plan)) for plan in plans.values()}
    assert len(orders) == len(divisions) == len(plans)


def test_the_batches_of_a_plan_are_not_in_order_of_length():
    lengths = np.arange(1, 200)
    longest = [lengths[indices].max() for indices in plan_epoch(lengths, lengths, 400, 0, 0)]
    assert longest != sorted(longest)


@settings(max_examples=25, deadline=None)
@given(LENGTHS, st.integers(2, 200))
def test_an_epoch_holds_every_pair_once_unchanged(pairs, batch_tokens):
    corpus = made_up_corpus(pairs)
    batches = list(BatchIterator(corpus, batch_tokens, seed=3, epochs=1))
    found = sorted(itertools.chain(*map(unpadded_pairs, batches)))
    assert found == sorted(
        (tuple(corpus.source[i]), tuple(corpus.target[i])) for i in range(len(corpus))
    )
    for batch in batches:
        rows = len(batch.source)
        assert rows == 1 or max(batch.source.size, batch.target_in.size) <= batch_tokens


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_restored_iterator_gives_the_rest(tmp_path_factory, data):
    corpus = made_up_corpus(data.draw(LENGTHS))

    def make_iterator():
        return BatchIterator(corpus, batch_tokens=100, seed=5, epochs=2)

    expected = contents(make_iterator())
    taken = data.draw(st.integers(0, len(expected)))
    iterator = make_iterator()
    assert contents(itertools.islice(iterator, taken)) == expected[:taken]
    path = tf.train.Checkpoint(iterator=iterator).write(
        str(tmp_path_factory.getbasetemp() / "iterator")
    )
    restored = make_iterator()
    for _ in range(data.draw(st.integers(0, len(expected)))):
        next(restored)
    status = tf.train.Checkpoint(iterator=restored).read(path)
    status.assert_consumed()
    assert contents(restored) == expected[taken:]
    assert contents(iterator) == expected[taken:]


@settings(deadline=None)
@given(LENGTHS, st.data())
def test_an_epoch_is_divided_into_as_many_batches_as_asked_for(pairs, data):
    """Each pair is in one batch; a batch of longer pairs begins where one of shorter ones ends."""
    source, target = (np.array(side) for side in zip(*pairs, strict=True))
    count = data.draw(st.integers(1, len(pairs)))
    plan = divide_epoch(source, target, count, seed=1, epoch=2)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(pairs)))
    assert len(plan) == count
    assert min(map(len, plan)) > 0
    widths = [np.maximum(source, target)[batch] for batch in plan]
    spans = sorted((width.min(), width.max()) for width in widths)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_the_limit_of_divided_batches_is_the_least_that_needs_no_more(rng):
    """Padding counted, as in an epoch planned by a limit."""
    lengths = np.random.default_rng(0).integers(1, 30, size=(2, 3000))
    lengths[0, 7] = 150  # one that is much longer than all others
    widths = lengths.max(axis=0)
    plan = divide_epoch(*lengths, 40, seed=1, epoch=2)
    largest = max(len(batch) * widths[batch].max() for batch in plan)
    assert len(plan_epoch(*lengths, int(largest), 1, 2)) <= 40
    assert len(plan_epoch(*lengths, int(largest) - 1, 1, 2)) > 40
    sizes = [len(batch) for batch in plan]
    assert sizes not in (sorted(sizes), sorted(sizes, reverse=True))


def test_an_iterator_follows_the_plan_of_each_epoch():
    corpus = varied_corpus(60)
    lengths = corpus.source.lengths + 1, corpus.target.lengths + 1
    plans = [plan_epoch(*lengths, 100, 4, epoch) for epoch in range(3)]
    expected = [
        make_batch([corpus.source[i] for i in indices], [corpus.target[i] for i in indices])
        for indices in itertools.chain(*plans)
    ]
    assert contents(BatchIterator(corpus, 100, seed=4, epochs=3)) == contents(expected)


def test_the_state_is_what_has_been_handed_out():
    iterator = BatchIterator(varied_corpus(50), batch_tokens=100, seed=0, epochs=2)
    count = iterator.batches_per_epoch()
    states = [(int(iterator.epoch), int(iterator.position))]
    states += [(int(iterator.epoch), int(iterator.position)) for _ in iterator]
    first = [(0, position) for position in range(count)]
    second = [(1, position) for position in range(count)]
    assert states == [*first, *second, (2, 0)]


def test_the_state_is_two_integers():
    iterator = BatchIterator(varied_corpus(50), batch_tokens=100, seed=0)
    assert {variable.name: variable.dtype for variable in iterator.variables} == {
        "epoch:0": tf.int64,
        "position:0": tf.int64,
    }


def test_batches_per_epoch_counts_the_batches_of_each_epoch():
    corpus = varied_corpus(80)
    counts = [len(list(BatchIterator(corpus, 100, seed=2, epochs=n))) for n in range(4)]
    iterator = BatchIterator(corpus, 100, seed=2)
    assert np.diff(counts).tolist() == [iterator.batches_per_epoch()] * 3


def test_an_iterator_without_epochs_does_not_end():
    iterator = BatchIterator(varied_corpus(5), batch_tokens=1000, seed=0)
    assert len(list(itertools.islice(iterator, 20))) == 20
    assert int(iterator.epoch) == 20


def test_a_position_past_a_shorter_epoch_goes_on_to_the_next():
    corpus = varied_corpus(50)
    iterator = BatchIterator(corpus, batch_tokens=10_000, seed=0, epochs=2)
    iterator.position.assign(7)
    assert len(list(iterator)) == 2
    assert int(iterator.epoch) == 2


def test_validation_batches_hold_every_pair_in_order_of_length():
    corpus = varied_corpus(100)
    batches = validation_batches(corpus, batch_tokens=120)
    assert contents(batches) == contents(validation_batches(corpus, batch_tokens=120))
    widths = [max(batch.source.shape[1], batch.target_in.shape[1]) for batch in batches]
    assert widths == sorted(widths)
    assert all(max(batch.source.size, batch.target_in.size) <= 120 for batch in batches)
    found = sorted(itertools.chain(*map(unpadded_pairs, batches)))
    assert found == sorted((tuple(corpus.source[i]), tuple(corpus.target[i])) for i in range(100))


@pytest.fixture(scope="module")
def tokenizers():
    lines = ["the dog sees a cat", "a cat finds the dog", "the small dog and the old cat"] * 20
    source = Tokenizer(train_subword_model(lines, 276))
    target = Tokenizer(train_subword_model([line.upper() for line in lines], 276))
    return TokenizerPair(source, target)


def test_each_side_is_tokenised_by_its_own_tokenizer(tokenizers, monkeypatch):
    monkeypatch.setattr("seq2seq.data.sentences._LINES_AT_A_TIME", 3)
    source = [f"the dog {'a cat ' * count}".strip() for count in range(7)]
    target = [line.upper() for line in reversed(source)]
    corpus = tokenize_corpus(ParallelCorpus(source, target), tokenizers, 100)
    for sentences, lines, tokenizer in zip(
        (corpus.source, corpus.target), (source, target), tokenizers, strict=True
    ):
        assert sentences.ids.dtype == np.int32
        assert sentences.lengths.sum() == len(sentences.ids)
        texts = [tokenizer.detokenize([sentences[i]]).numpy()[0].decode() for i in range(7)]
        assert texts == lines
    assert corpus.skipped == 0


def test_pairs_with_a_side_too_long_or_without_a_token_are_skipped(tokenizers):
    source = ["dog", "dog dog dog", "dog", "dog", "\u200b"]
    target = ["DOG", "DOG", "DOG DOG DOG", "\u200b", "DOG"]
    dogs = tokenizers.source.tokenize(source[:1]), tokenizers.target.tokenize(target[:1])
    limit = max(len(ids[0]) for ids in dogs)
    corpus = tokenize_corpus(ParallelCorpus(source, target), tokenizers, limit)
    assert len(corpus) == 1
    assert corpus.skipped == 4
    assert tokenizers.source.detokenize([corpus.source[0]]) == b"dog"
    assert tokenizers.target.detokenize([corpus.target[0]]) == b"DOG"


def test_a_corpus_of_which_nothing_is_left_is_refused(tokenizers):
    corpus = ParallelCorpus(["the dog sees a cat"] * 3, ["THE DOG SEES A CAT"] * 3)
    with pytest.raises(UserError, match=r"^.*1 to 2 tokens.*Received: 3 pairs.*maximum_tokens.*$"):
        tokenize_corpus(corpus, tokenizers, 2)
