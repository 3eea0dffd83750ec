"""The built-in language pair: as many English-German sentence pairs as anybody asks for.

`grammar.py` says what a sentence is, `lexicon.py` holds the words. This file makes sentences up at
random, and corpora of them.

    >>> english, german = next(sentence_pairs(seed=13))
    >>> english
    'Yesterday I gave the eggs to these friends.'
    >>> german
    'Gestern habe ich diesen Freunden die Eier gegeben.'
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeVar

from seq2seq.data import grammar, lexicon
from seq2seq.data.grammar import Action, Adjunct, Clause, NounPhrase, Sentence, SentencePair, State
from seq2seq.data.lexicon import Kind
from seq2seq.files import write_whole

__all__ = ["SentencePair", "sentence_pairs", "split_corpus", "write_corpus"]

Option = TypeVar("Option")


def sentence_pairs(seed: int = 0) -> Iterator[SentencePair]:
    """Make up sentence pairs without end.

    Sentences may come again (short ones do); for a corpus without repetition use `split_corpus`.

    Args:
        seed: Where to begin. The same seed gives the same pairs, in every process.

    Yields:
        Pairs of an English `source` and a German `target`, about ten words each: a capital first,
        a full stop last. The same source always has the same target.
    """
    speaker = _Speaker(seed)
    while True:
        yield speaker.sentence().pair()


def split_corpus(sizes: Mapping[str, int], seed: int = 0) -> dict[str, list[SentencePair]]:
    """Make up a corpus in parts that share no sentence.

    Args:
        sizes: The number of pairs by name of the part, such as `{"train": 20000, "test": 1000}`.
        seed: As in `sentence_pairs`.

    Returns:
        The parts by name, in the order of `sizes`. No English and no German sentence occurs twice,
        in one part or in two.

    Raises:
        ValueError: If a size is not a whole number of at least 0.
    """
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 0:
            raise ValueError(
                f"A corpus needs every size to be a whole number of at least 0. Received: "
                f"{name}={size!r}. Pass the number of sentence pairs, for example {name}=1000."
            )
    fresh = _distinct(sentence_pairs(seed))
    return {name: list(islice(fresh, size)) for name, size in sizes.items()}


def write_corpus(folder: Path, sizes: Mapping[str, int], seed: int = 0) -> None:
    """Write the parts of a corpus to `train.en`, `train.de` and so on, a sentence a line.

    The files are UTF-8; a line feed alone ends a line. Each is written aside and then renamed, so
    that an interrupted call leaves no half file under its final name.

    Args:
        folder: Where to; made if it is not there.
        sizes: As in `split_corpus`.
        seed: As in `sentence_pairs`.

    Raises:
        ValueError: If a size is not a whole number of at least 0.
        OSError: If a file cannot be written.
    """
    parts = split_corpus(sizes, seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in parts.items():
        _write_lines(folder / f"{name}.en", (pair.source for pair in pairs))
        _write_lines(folder / f"{name}.de", (pair.target for pair in pairs))


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    write_whole(path, "".join(f"{line}\n" for line in lines))


def _distinct(pairs: Iterable[SentencePair]) -> Iterator[SentencePair]:
    """Leave out every pair of which one side was there before."""
    sources: set[str] = set()
    targets: set[str] = set()
    for pair in pairs:
        if pair.source not in sources and pair.target not in targets:
            sources.add(pair.source)
            targets.add(pair.target)
            yield pair


@cache
def _nouns(kind: Kind) -> tuple[lexicon.Noun, ...]:
    return tuple(noun for noun in lexicon.NOUNS.values() if noun.kind & kind)


@cache
def _adjectives(kind: Kind, states: bool) -> tuple[lexicon.Adjective, ...]:
    words = lexicon.ADJECTIVES | lexicon.STATES if states else lexicon.ADJECTIVES
    return tuple(adjective for adjective in words.values() if adjective.kind & kind)


@cache
def _determiners(plural: bool, definite: bool) -> tuple[grammar.Determiner, ...]:
    return tuple(
        determiner
        for determiner in grammar.DETERMINERS.values()
        if determiner.english[plural] and (determiner.definite or not definite)
    )


class _Speaker:
    """Makes up sentences; the numbers say how often something is said.

    Every draw comes from `Random.random`, the one method whose sequence Python promises to keep.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - nothing here is secret
        self._said: set[lexicon.Noun] = set()

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _choose(self, options: Iterable[Option]) -> Option:
        choices = tuple(options)
        return choices[int(self._random.random() * len(choices))]

    def sentence(self) -> Sentence:
        """Make up a sentence; about two in three have no subordinate clause."""
        if self._chance(0.12):
            report = self._choose(lexicon.REPORTS.values())
            main = Clause(self._subject(Kind.PERSON), State(report))
            return Sentence(main, subordinate=(grammar.CONJUNCTIONS["that"], self._clause(0.2)))
        if self._chance(0.75):
            main = self._clause(0.4)
            return Sentence(main, self._front(main))
        conjunction = grammar.CONJUNCTIONS[self._choose(("because", "although"))]
        main, reason = self._clause(0.2), self._clause(0.2)
        front: grammar.Front = "clause" if self._chance(0.3) else self._front(main)
        return Sentence(main, front, (conjunction, reason))

    def _front(self, clause: Clause) -> grammar.Front:
        fronts: list[grammar.Front] = ["subject"]
        if clause.adverb:
            fronts.append("adverb")
        if clause.adjunct and not clause.adjunct.preposition.nouns & Kind.PERSON:
            fronts.append("adjunct")
        return self._choose(fronts)

    def _clause(self, detail: float) -> Clause:
        """Make up a clause that has an adjunct, and an adverb, with probability `detail` each."""
        self._said.clear()
        if self._chance(0.2):
            return self._state(detail)
        verb = self._choose(lexicon.VERBS.values())
        name = self._choose(("present", "present", "past", "past", *lexicon.TENSES))
        subject = self._subject(verb.subjects)
        direct = self._noun_phrase(verb.direct)
        indirect = self._noun_phrase(verb.indirect, definite=True) if verb.indirect else None
        tense = lexicon.TENSES[name]
        action = Action(verb, tense, direct, indirect)
        adjunct = self._adjunct(direct) if self._chance(detail) and not indirect else None
        return Clause(subject, action, adjunct, self._adverb(tense.time, detail))

    def _state(self, detail: float) -> Clause:
        adjective = self._choose(lexicon.STATES.values())
        time = self._choose(lexicon.BEING)
        subject = self._subject(adjective.kind, states=False)
        return Clause(
            subject, State(lexicon.BEING[time], adjective), adverb=self._adverb(time, detail)
        )

    def _adverb(self, time: str, probability: float) -> lexicon.Word | None:
        return self._choose(lexicon.ADVERBS[time]) if self._chance(probability) else None

    def _adjunct(self, direct: NounPhrase) -> Adjunct:
        names = ("in", "in", "in", *grammar.PREPOSITIONS)
        prepositions = (grammar.PREPOSITIONS[name] for name in names)
        preposition = self._choose(p for p in prepositions if p.objects & direct.noun.kind)
        if preposition.nouns & Kind.PERSON:
            return Adjunct(preposition, self._noun_phrase(preposition.nouns))
        place = self._noun_phrase(preposition.nouns, definite=True, plural=0.1)
        return Adjunct(preposition, place)

    def _subject(self, kind: Kind, states: bool = True) -> NounPhrase | grammar.Pronoun:
        if kind & Kind.PERSON and self._chance(0.25):
            return self._choose(grammar.PRONOUNS.values())
        return self._noun_phrase(kind, states=states)

    def _noun_phrase(
        self, kind: Kind, definite: bool = False, states: bool = True, plural: float = 0.3
    ) -> NounPhrase:
        """Name something of that kind which this clause has not named yet."""
        many = self._chance(plural)
        determiner = grammar.DETERMINERS["the"]
        if self._chance(0.6):
            determiner = self._choose(_determiners(many, definite))
        noun = self._choose(noun for noun in _nouns(kind) if noun not in self._said)
        self._said.add(noun)
        described = self._chance(0.4)
        adjective = self._choose(_adjectives(noun.kind, states)) if described else None
        return NounPhrase(determiner, noun, adjective, many)
