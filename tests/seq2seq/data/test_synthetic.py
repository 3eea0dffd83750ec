"""The built-in language pair: one translation a sentence, no sentence twice, always the same."""

import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.data import synthetic
from seq2seq.data.grammar import CONJUNCTIONS, PREPOSITIONS, PRONOUNS
from seq2seq.data.lexicon import ADJECTIVES, NOUNS, STATES, VERBS
from seq2seq.data.synthetic import sentence_pairs, split_corpus, write_corpus


@pytest.fixture(scope="module")
def sample():
    return list(islice(sentence_pairs(seed=11), 30_000))


def test_english_decides_german(sample):
    translations = defaultdict(set)
    for source, target in sample:
        translations[source].add(target)
    assert len(translations) > 25_000
    assert max(map(len, translations.values())) == 1


def test_no_english_word_form_belongs_to_two_entries():
    forms = [form for noun in NOUNS.values() for form in noun.english]
    forms += [form for verb in VERBS.values() for form in dict.fromkeys(verb.english)]
    forms += [*ADJECTIVES, *STATES, *PREPOSITIONS, *CONJUNCTIONS, *PRONOUNS]
    assert [form for form, count in Counter(forms).items() if count > 1] == []


@given(seed=st.integers(0, 2**32), count=st.integers(1, 20))
def test_sentences_are_well_formed(seed, count):
    for pair in islice(sentence_pairs(seed), count):
        for text in pair:
            assert text[0].isupper()
            assert text.endswith(".")
            assert text == " ".join(text.split())
        conjunctions = re.findall(r"\b(?:weil|obwohl|dass)\b", pair.target, re.IGNORECASE)
        assert pair.target.count(",") == len(conjunctions)
        assert all(f", {word}" in pair.target for word in conjunctions if word.islower())


def test_german_capitalises_nouns_and_nothing_else(sample):
    nouns = {form for noun in NOUNS.values() for forms in noun.german for form in forms}
    nouns |= {"Woche", "Morgen", "Abend", "Moment", "Montag", "Sonntag"}
    namesakes = {"morgen", "junge", "jungen"}
    inside = {word.strip(".,") for _, target in sample for word in target.split()[1:]}
    for word in inside - namesakes:
        assert (word in nouns) == word[0].isupper()
        assert (word in nouns) == (word.capitalize() in nouns)


def test_article_a_or_an_follows_the_sound(sample):
    after_a, after_an = set(), set()
    for source, _ in sample:
        for article, word in pairwise(source.lower().split()):
            if article in {"a", "an"}:
                (after_a if article == "a" else after_an).add(word[0])
    assert after_an <= set("aeiou")
    assert not after_a & set("aeiou")


def test_every_word_of_the_lexicon_is_said(sample):
    said = " ".join(pair.source for pair in sample).replace(".", "").split()
    nouns = {form for noun in NOUNS.values() for form in noun.english}
    assert nouns | set(ADJECTIVES) | set(STATES) <= set(said)
    starts = {form.split()[0] for verb in VERBS.values() for form in verb.english}
    assert starts <= set(said)


def test_verb_may_stand_anywhere_but_first(sample):
    places = {
        position
        for _, target in sample
        for position, word in enumerate(re.split(r"\W+", target)[:-1])
        if word == "liest"
    }
    assert places >= set(range(1, 12))


def test_word_for_word_translation_fails(sample):
    """Even the best dictionary, made from these very sentences, gets one in twenty right."""
    pairs = [(source.split(), target.split()) for source, target in sample[:5000]]
    alone = Counter(word for _, target in pairs for word in set(target))
    together = Counter(
        (one, other) for source, target in pairs for one in set(source) for other in set(target)
    )
    best = {}
    for (one, other), count in together.items():
        best[one] = max(best.get(one, (0, "")), (count / alone[other] ** 0.5, other))
    right = sum([best[word][1] for word in source] == target for source, target in pairs)
    assert right < 0.05 * len(pairs)


def test_split_corpus_shares_no_sentence():
    sizes = {"train": 3000, "validation": 50, "test": 500}
    parts = split_corpus(sizes, seed=5)
    assert {name: len(pairs) for name, pairs in parts.items()} == sizes
    for side in range(2):
        texts = [pair[side] for pairs in parts.values() for pair in pairs]
        assert len(set(texts)) == len(texts)


def test_split_corpus_leaves_out_what_either_side_has_seen(monkeypatch):
    pairs = [("A.", "X."), ("A.", "Y."), ("B.", "X."), ("B.", "Y."), ("C.", "Z.")]
    stream = [synthetic.SentencePair(*pair) for pair in pairs]
    monkeypatch.setattr(synthetic, "sentence_pairs", lambda seed: iter(stream))
    parts = split_corpus({"one": 1, "none": 0, "two": 2})
    assert parts == {"one": [("A.", "X.")], "none": [], "two": [("B.", "Y."), ("C.", "Z.")]}


@pytest.mark.parametrize("size", [-1, 2.5, "10"])
def test_split_corpus_names_the_wrong_size(size):
    with pytest.raises(ValueError, match=rf"at least 0\. Received: test={size!r}\. Pass "):
        split_corpus({"train": 10, "test": size})


def test_seed_decides_the_sentences():
    assert split_corpus({"train": 50}, seed=1) == split_corpus({"train": 50}, seed=1)
    assert split_corpus({"train": 50}, seed=1) != split_corpus({"train": 50}, seed=2)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_makes_up_the_same_sentences(hash_seed):
    program = (
        "from seq2seq.data.synthetic import split_corpus;"
        "print(ascii(split_corpus({'train': 200}, seed=4)))"
    )
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == ascii(split_corpus({"train": 200}, seed=4))


def test_write_corpus_writes_parallel_lines(tmp_path):
    sizes = {"train": 200, "test": 30}
    write_corpus(tmp_path / "new" / "corpus", sizes, seed=3)
    parts = split_corpus(sizes, seed=3)
    files = {path.name: path.read_bytes() for path in (tmp_path / "new" / "corpus").iterdir()}
    assert set(files) == {"train.en", "train.de", "test.en", "test.de"}
    for name, pairs in parts.items():
        for language, side in (("en", 0), ("de", 1)):
            written = files[f"{name}.{language}"]
            assert b"\r" not in written
            assert written.endswith(b".\n")
            assert written.decode("utf-8").split("\n")[:-1] == [pair[side] for pair in pairs]


def test_write_corpus_leaves_the_old_file_when_writing_fails(tmp_path, monkeypatch):
    write_corpus(tmp_path, {"train": 5}, seed=1)
    before = (tmp_path / "train.en").read_bytes()

    def fill_the_disk(path, content):
        with path.open("wb") as file:
            file.write(content[:8])
        raise OSError("No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_bytes", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        write_corpus(tmp_path, {"train": 5}, seed=2)
    assert (tmp_path / "train.en").read_bytes() == before
