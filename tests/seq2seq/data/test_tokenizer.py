"""Tokenisers: reproducible, reversible, equal to SentencePiece, and loud about bad input."""

import re

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import sentencepiece_model_pb2

from seq2seq.config import DataConfig
from seq2seq.data.corpus import ParallelCorpus
from seq2seq.data.tokenizer import (
    BEGIN,
    END,
    PAD,
    UNKNOWN,
    Tokenizer,
    load_tokenizers,
    save_tokenizers,
    train_subword_model,
    train_tokenizers,
)
from seq2seq.errors import UserError

WORDS = [
    "the",
    "a",
    "small",
    "old",
    "dog",
    "cat",
    "cook",
    "sees",
    "finds",
    "likes",
    "house",
    "river",
]

ODD_TEXTS = [
    "",
    " ",
    "  the   dog ",
    "the\u2028dog\u0085\x0b",
    "the \u200b\ufeff dog",
    "Köchin, naïve",
    "漢字 \U0001f600 \u0634\u0645\u0633",
    "\ufdfa",
    "nul \0 nul",
    "</s> <s> <pad> <unk> <0x41>",
    "\u2581dog",
    "e\u0301 ﬁ Ⅷ",
]


def sentences(count, seed=0):
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, generator.integers(2, 9))) for _ in range(count)]


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request):
    return Tokenizer(train_subword_model(sentences(300), 290, request.param))


def refuses(*parts):
    """Expect a one-line `UserError` that holds the parts in this order."""
    return pytest.raises(UserError, match="^(?!.*\n).*" + ".*".join(map(re.escape, parts)))


@pytest.mark.parametrize("subword_model", ["unigram", "bpe"])
def test_training_twice_gives_the_same_bytes(subword_model):
    first, second = (train_subword_model(sentences(300), 290, subword_model) for _ in range(2))
    assert first == second


def test_the_model_does_not_depend_on_the_number_of_processors():
    # SentencePiece gives other pieces for another number of threads; the model records it.
    model = sentencepiece_model_pb2.ModelProto.FromString(train_subword_model(sentences(300), 290))
    assert model.trainer_spec.num_threads == 1


def test_the_marks_have_the_ids_that_the_package_relies_on(tokenizer):
    assert (PAD, UNKNOWN, BEGIN, END) == (0, 1, 2, 3)
    assert tokenizer.pieces([PAD, UNKNOWN, BEGIN, END]) == ["<pad>", "<unk>", "<s>", "</s>"]


def test_vocabulary_size_is_the_size_asked_for(tokenizer):
    assert tokenizer.vocabulary_size == 290


def test_ids_and_text_equal_those_of_the_sentencepiece_package(tokenizer):
    reference = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    texts = ODD_TEXTS + sentences(50, seed=1)
    expected = reference.encode(texts)
    ids = tokenizer.tokenize(tf.constant(texts))
    assert ids.dtype == tf.int32
    assert ids.to_list() == expected
    decoded = [text.decode() for text in tokenizer.detokenize(ids).numpy()]
    assert decoded == reference.decode(expected)


def test_no_text_gives_a_mark_or_an_unknown(tokenizer):
    assert tf.reduce_min(tokenizer.tokenize(tf.constant(ODD_TEXTS)).flat_values) > END


def test_pieces_spell_the_text(tokenizer):
    ids = tokenizer.tokenize(tf.constant(["the small dog"]))[0].numpy()
    assert "".join(tokenizer.pieces(ids)) == "▁the▁small▁dog"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text("abcxyzÄß€漢😀.,'!?0<>/-", min_size=1)).map(" ".join)))
def test_text_survives_the_round_trip(tokenizer, texts):
    ids = tokenizer.tokenize(tf.constant(texts, tf.string))
    assert [text.decode() for text in tokenizer.detokenize(ids).numpy()] == texts


def test_text_comes_back_normalised(tokenizer):
    ids = tokenizer.tokenize(tf.constant([" the\u2028  dog ", "\ufb01ne"]))
    assert tokenizer.detokenize(ids).numpy().tolist() == [b"the dog", b"fine"]


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_detokenize_drops_marks_and_all_from_the_first_end_on(tokenizer, dtype):
    dog, cat = (tokenizer.tokenize(tf.constant([text]))[0].numpy() for text in ("the dog", "a cat"))
    rows = [
        [BEGIN, *dog, END, *cat],
        [*cat, END, PAD, PAD, END],
        [*dog[:2], PAD, UNKNOWN, *dog[2:]],
        [END, *dog],
        [PAD],
        [],
    ]
    width = max(map(len, rows))
    padded = np.array([row + [PAD] * (width - len(row)) for row in rows])
    expected = [b"the dog", b"a cat", b"the dog", b"", b"", b""]
    for ids in (tf.ragged.constant(rows, dtype), tf.constant(padded, dtype), padded):
        assert tokenizer.detokenize(ids).numpy().tolist() == expected


def test_bytes_that_are_no_character_become_a_replacement_character(tokenizer):
    first_byte_of_two = 4 + 0xC3
    assert tokenizer.detokenize([[first_byte_of_two]]).numpy()[0].decode() == "\ufffd"


def test_a_batch_of_none_gives_none(tokenizer):
    ids = tokenizer.tokenize(tf.zeros([0], tf.string))
    assert ids.shape[0] == 0
    assert tokenizer.detokenize(ids).shape == (0,)
    assert tokenizer.detokenize(tf.zeros([0, 3], tf.int32)).shape == (0,)
    assert tokenizer.detokenize(tf.zeros([2, 0], tf.int32)).numpy().tolist() == [b"", b""]


def test_a_saved_model_holds_the_tokenizer(tokenizer, tmp_path):
    class Echo(tf.Module):
        def __init__(self):
            super().__init__()
            self.tokenizer = tokenizer

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, text):
            ids = self.tokenizer.tokenize(text).to_tensor(PAD)
            return {"ids": ids, "text": self.tokenizer.detokenize(ids)}

    tf.saved_model.save(Echo(), str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path)).serve(tf.constant(ODD_TEXTS))
    expected = tokenizer.tokenize(tf.constant(ODD_TEXTS))
    np.testing.assert_array_equal(loaded["ids"], expected.to_tensor(PAD))
    np.testing.assert_array_equal(loaded["text"], tokenizer.detokenize(expected))


def test_a_character_too_rare_for_a_piece_is_spelled_in_bytes():
    lines = [*sentences(1000), "the 漢 dog"]
    tokenizer = Tokenizer(train_subword_model(lines, 290))
    ids = tokenizer.tokenize(tf.constant(["漢"]))
    assert tokenizer.pieces(ids[0])[-3:] == [f"<0x{byte:X}>" for byte in "漢".encode()]
    assert tokenizer.detokenize(ids).numpy()[0].decode() == "漢"


def test_a_line_over_the_limit_of_sentencepiece_is_learned_from():
    line = "the dog " * 1000  # 8,000 bytes; SentencePiece by itself passes over 4,192 and more
    assert Tokenizer(train_subword_model([line], 268)).vocabulary_size == 268


@pytest.mark.parametrize("subword_model", ["unigram", "bpe"])
def test_a_vocabulary_too_large_is_refused_with_the_largest_possible(subword_model):
    lines = sentences(300)
    with refuses("vocabulary_size=50000", "at most ", "Set vocabulary_size = ") as refusal:
        train_subword_model(lines, 50000, subword_model)
    largest = int(re.search(r"at most (\d+)", str(refusal.value))[1])
    assert Tokenizer(train_subword_model(lines, largest, subword_model)).vocabulary_size == largest


def test_a_vocabulary_too_small_is_refused_with_the_smallest_possible():
    with refuses("vocabulary_size=270", "at least ", "Set vocabulary_size = ") as refusal:
        train_subword_model(sentences(300), 270)
    smallest = int(re.search(r"at least (\d+)", str(refusal.value))[1])
    assert Tokenizer(train_subword_model(sentences(300), smallest)).vocabulary_size == smallest


@pytest.mark.parametrize("lines", [[], ["", " "], ["\u200b"]])
def test_text_without_characters_is_refused(lines):
    with refuses("text with visible characters", "Check the training text"):
        train_subword_model(lines, 300)


def test_a_saved_tokenizer_loads_as_it_was(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "a.spm")
    assert Tokenizer.load(tmp_path / "a.spm").model == tokenizer.model
    assert [path.name for path in tmp_path.iterdir()] == ["a.spm"]


def test_a_failed_save_leaves_the_old_file(tokenizer, tmp_path, monkeypatch):
    path = tmp_path / "a.spm"
    path.write_bytes(b"old")
    tokenizer.model, model = None, tokenizer.model
    try:
        with pytest.raises(TypeError):
            tokenizer.save(path)
    finally:
        tokenizer.model = model
    assert path.read_bytes() == b"old"


def test_a_missing_model_file_is_refused(tmp_path):
    with refuses("its model file", "a.spm (No such file or directory)", "run folder"):
        Tokenizer.load(tmp_path / "a.spm")


@pytest.mark.parametrize("kept", [0, 100, 100_000])
def test_a_damaged_model_file_is_refused(tokenizer, tmp_path, kept):
    (tmp_path / "a.spm").write_bytes(tokenizer.model[:kept])
    with refuses("whole SentencePiece model", f"Received: {kept} bytes", "The file is", "a.spm"):
        Tokenizer.load(tmp_path / "a.spm")


def test_a_model_that_numbers_its_marks_otherwise_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(sentences(300)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text.txt"),
        model_prefix=str(tmp_path / "other"),
        vocab_size=28,
        minloglevel=2,
    )
    with refuses("needs the ids (0, 1, 2, 3)", "a model with (-1, 0, 1, 2)", "other.model"):
        Tokenizer.load(tmp_path / "other.model")


@pytest.fixture(scope="module")
def corpus():
    source = sentences(200)
    return ParallelCorpus(source, [line.upper() for line in source])


@pytest.mark.parametrize("shared", [True, False])
def test_a_pair_of_tokenizers_survives_saving(corpus, tmp_path, shared):
    config = DataConfig(vocabulary_size=290 if not shared else 310, shared_vocabulary=shared)
    pair = train_tokenizers(corpus, config)
    assert (pair.source is pair.target) == shared
    save_tokenizers(pair, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.spm", "target.spm"]
    loaded = load_tokenizers(tmp_path)
    assert (loaded.source is loaded.target) == shared
    assert (loaded.source.model, loaded.target.model) == (pair.source.model, pair.target.model)


def test_each_tokenizer_is_trained_on_its_own_side(corpus):
    pair = train_tokenizers(corpus, DataConfig(vocabulary_size=290, shared_vocabulary=False))
    assert len(pair.source.tokenize(tf.constant(["the"]))[0]) < len(
        pair.source.tokenize(tf.constant(["THE"]))[0]
    )
    assert len(pair.target.tokenize(tf.constant(["THE"]))[0]) < len(
        pair.target.tokenize(tf.constant(["the"]))[0]
    )


def test_the_subword_model_of_the_config_is_trained(corpus):
    config = DataConfig(vocabulary_size=310, subword_model="bpe")
    expected = train_subword_model(corpus.source + corpus.target, 310, "bpe")
    assert train_tokenizers(corpus, config).source.model == expected


def test_a_large_corpus_is_sampled_evenly(corpus, monkeypatch):
    monkeypatch.setattr("seq2seq.data.tokenizer._MAXIMUM_TRAINING_LINES", 150)
    expected = train_subword_model((corpus.source + corpus.target)[::3], 310)
    assert train_tokenizers(corpus, DataConfig(vocabulary_size=310)).source.model == expected


def test_setting_the_global_seed_leaves_a_tokenizer_working(tokenizer):
    text = tf.constant(["a dog"])
    before = tokenizer.tokenize(text).to_list()
    tf.random.set_seed(1)
    assert tokenizer.tokenize(text).to_list() == before
    assert tokenizer.detokenize(tokenizer.tokenize(text)).numpy().tolist() == [b"a dog"]
