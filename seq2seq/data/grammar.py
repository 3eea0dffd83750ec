"""The grammar of the built-in English-German language pair.

Every part of a sentence is a small object that can say itself in both languages:

    sentence    = clause [("because" | "although" | "that") clause]
    clause      = subject predicate [adjunct] [adverb]
    predicate   = verb object [receiver]  |  "be" adjective  |  "know" | "hope" | ...
    subject     = noun phrase  |  pronoun
    adjunct     = preposition noun phrase
    noun phrase = determiner [adjective] noun

Three things make the German more than a word-for-word copy. Determiner, adjective and noun agree
in gender, number and case. The finite verb of a main clause comes second, whatever is in front of
it, that of a subordinate clause last. Participle, infinitive and separable prefix close the
clause, far from the verb they belong to.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, NamedTuple

from seq2seq.data.lexicon import PERFECT, Adjective, Finite, Forms, Kind, Noun, Tense, Verb, Word

__all__ = ["CONJUNCTIONS", "DETERMINERS", "PREPOSITIONS", "PRONOUNS", "Action", "Adjunct", "Case"]
__all__ += ["Clause", "Determiner", "Front", "NounPhrase", "Person", "Preposition", "Pronoun"]
__all__ += ["Sentence", "SentencePair", "State"]

Front = Literal["subject", "adverb", "adjunct", "clause"]


class SentencePair(NamedTuple):
    """An English sentence and its German translation."""

    source: str
    target: str


class Case(IntEnum):
    """Row of a table of endings."""

    NOMINATIVE, ACCUSATIVE, DATIVE = range(3)


class Person(IntEnum):
    """Place in the forms of a finite verb: I; he, she, it; we, they."""

    FIRST, THIRD, PLURAL = range(3)


class Determiner(NamedTuple):
    """A determiner: English by number, German stem, its endings and the next adjective's.

    Endings are `[case][column]`; the columns are masculine, feminine, neuter, plural.
    """

    english: Forms
    stem: str
    endings: tuple[Forms, ...]
    adjective_endings: tuple[Forms, ...]
    definite: bool = True


class Pronoun(NamedTuple):
    """A pronoun, always the subject."""

    english: str
    german: str
    person: Person

    def in_english(self) -> str:
        """Say it in English."""
        return self.english

    def in_german(self, case: Case) -> str:
        """Say it in German; `case` can only be the nominative."""
        return self.german


class Preposition(NamedTuple):
    """A preposition, the case it governs, the nouns it goes with and the objects it follows."""

    english: str
    german: str
    case: Case
    nouns: Kind
    objects: Kind = Kind.ANY


class VerbPhrase(NamedTuple):
    """A German predicate in its parts: finite verb, objects, what closes a main clause.

    At the end of a subordinate clause the finite verb follows `final`, with `joint` in between.
    """

    finite: str
    objects: str
    final: str = ""
    joint: str = " "


def _endings(*cases: str) -> tuple[Forms, ...]:
    """Read a table of endings, one case a string; `-` stands for an empty one."""
    return tuple(tuple(ending.strip("-") for ending in row.split()) for row in cases)


_ARTICLE = _endings("er ie as ie", "en ie as ie", "em er em en")
_STRONG = _endings("er e es e", "en e es e", "em er em en")
_SHORT = _endings("- e - e", "en e - e", "em er em en")
_MIXED = _endings("er e es en", "en e es en", "en en en en")
_WEAK = _endings("e e e en", "en e e en", "en en en en")
_NONE = _endings("- - - -", "- - - -", "- - - -")

DETERMINERS = {
    "the": Determiner(("the", "the"), "d", _ARTICLE, _WEAK),
    "this": Determiner(("this", "these"), "dies", _STRONG, _WEAK),
    "my": Determiner(("my", "my"), "mein", _SHORT, _MIXED),
    "our": Determiner(("our", "our"), "unser", _SHORT, _MIXED),
    "a": Determiner(("a", ""), "ein", _SHORT, _MIXED, definite=False),
    "every": Determiner(("every", ""), "jed", _STRONG, _WEAK, definite=False),
    "two": Determiner(("", "two"), "zwei", _NONE, _STRONG, definite=False),
    "many": Determiner(("", "many"), "viel", _STRONG, _STRONG, definite=False),
}
PRONOUNS = {
    "I": Pronoun("I", "ich", Person.FIRST),
    "he": Pronoun("he", "er", Person.THIRD),
    "she": Pronoun("she", "sie", Person.THIRD),
    "we": Pronoun("we", "wir", Person.PLURAL),
    "they": Pronoun("they", "sie", Person.PLURAL),
}
PREPOSITIONS = {
    "in": Preposition("in", "in", Case.DATIVE, Kind.BUILDING | Kind.PLACE),
    "behind": Preposition("behind", "hinter", Case.DATIVE, Kind.BUILDING),
    "in front of": Preposition("in front of", "vor", Case.DATIVE, Kind.BUILDING),
    "with": Preposition("with", "mit", Case.DATIVE, Kind.PERSON),
    "without": Preposition("without", "ohne", Case.ACCUSATIVE, Kind.PERSON),
    "for": Preposition("for", "für", Case.ACCUSATIVE, Kind.PERSON, Kind.THING),
}
CONJUNCTIONS = {
    "because": Word("because", "weil"),
    "although": Word("although", "obwohl"),
    "that": Word("that", "dass"),
}


def _join(*words: str) -> str:
    return " ".join(word for word in words if word)


@dataclass(frozen=True)
class NounPhrase:
    """A determiner, perhaps an adjective, and a noun: "the old man"."""

    determiner: Determiner
    noun: Noun
    adjective: Adjective | None = None
    plural: bool = False

    @property
    def person(self) -> Person:
        """The person of its verb."""
        return Person.PLURAL if self.plural else Person.THIRD

    def in_english(self) -> str:
        """Say it in English, with "an" where a vowel follows."""
        adjective = self.adjective.english if self.adjective else ""
        described = _join(adjective, self.noun.english[self.plural])
        determiner = self.determiner.english[self.plural]
        if determiner == "a" and described[0] in "aeiou":
            determiner = "an"
        return f"{determiner} {described}"

    def in_german(self, case: Case) -> str:
        """Say it in German."""
        column = 3 if self.plural else self.noun.gender
        determiner = self.determiner.stem + self.determiner.endings[case][column]
        adjective = ""
        if self.adjective:
            adjective = self.adjective.stem + self.determiner.adjective_endings[case][column]
        return _join(determiner, adjective, self.noun.german[self.plural][case])


@dataclass(frozen=True)
class Adjunct:
    """A preposition and what it governs: "in the garden"."""

    preposition: Preposition
    noun_phrase: NounPhrase

    def in_english(self) -> str:
        """Say it in English."""
        return f"{self.preposition.english} {self.noun_phrase.in_english()}"

    def in_german(self) -> str:
        """Say it in German, with "im" for "in dem"."""
        governed = self.noun_phrase.in_german(self.preposition.case)
        return f"{self.preposition.german} {governed}".replace("in dem ", "im ")


@dataclass(frozen=True)
class Action:
    """Somebody does something: a verb in its tense, with its objects."""

    verb: Verb
    tense: Tense
    direct: NounPhrase
    indirect: NounPhrase | None = None

    def in_english(self, person: Person) -> str:
        """Say it in English: "is giving the book to the woman"."""
        auxiliary = self.tense.auxiliary.english[person]
        verb = self.verb.english[self.tense.english_form]
        receiver = f"to {self.indirect.in_english()}" if self.indirect else ""
        return _join(auxiliary, verb, self.direct.in_english(), receiver)

    def in_german(self, person: Person) -> VerbPhrase:
        """Say it in German: the receiver stands before the object."""
        receiver = self.indirect.in_german(Case.DATIVE) if self.indirect else ""
        case = Case.DATIVE if self.verb.dative else Case.ACCUSATIVE
        objects = _join(receiver, self.direct.in_german(case))
        if self.tense.time == "present":
            return VerbPhrase(self.verb.present[person], objects, self.verb.prefix, joint="")
        if self.tense.time == "past":
            return VerbPhrase(PERFECT[self.verb.perfect][person], objects, self.verb.participle)
        return VerbPhrase(self.tense.auxiliary.german[person], objects, self.verb.infinitive)


@dataclass(frozen=True)
class State:
    """Somebody is something ("is tired") or, without adjective, knows what the next clause says."""

    verb: Finite
    adjective: Adjective | None = None

    def in_english(self, person: Person) -> str:
        """Say it in English."""
        return _join(self.verb.english[person], self.adjective.english if self.adjective else "")

    def in_german(self, person: Person) -> VerbPhrase:
        """Say it in German."""
        return VerbPhrase(self.verb.german[person], self.adjective.german if self.adjective else "")


@dataclass(frozen=True)
class Clause:
    """A subject, what is said of it, and perhaps where or with whom, and when."""

    subject: NounPhrase | Pronoun
    predicate: Action | State
    adjunct: Adjunct | None = None
    adverb: Word | None = None

    def in_english(self, front: Front = "subject") -> str:
        """Say it in English; `front` comes first, all else keeps its place."""
        predicate = self.predicate.in_english(self.subject.person)
        places = {
            "subject": f"{self.subject.in_english()} {predicate}",
            "adjunct": self.adjunct.in_english() if self.adjunct else "",
            "adverb": self.adverb.english if self.adverb else "",
        }
        return _join(places.pop(front, ""), *places.values())

    def in_german(self, front: Front = "subject", subordinate: bool = False) -> str:
        """Say it in German: the finite verb second after `front`, or last if subordinate."""
        verbs = self.predicate.in_german(self.subject.person)
        places = {
            "subject": self.subject.in_german(Case.NOMINATIVE),
            "adverb": self.adverb.german if self.adverb else "",
            "objects": verbs.objects,
            "adjunct": self.adjunct.in_german() if self.adjunct else "",
        }
        if subordinate:
            closing = f"{verbs.final}{verbs.joint}{verbs.finite}".strip()
            return _join(*places.values(), closing)
        return _join(places.pop(front, ""), verbs.finite, *places.values(), verbs.final)


@dataclass(frozen=True)
class Sentence:
    """A main clause, what stands in front of its verb, and perhaps a subordinate clause.

    `front` names a part that the main clause has; with "clause" the subordinate clause is first.
    `subordinate` is a conjunction and its clause.
    """

    main: Clause
    front: Front = "subject"
    subordinate: tuple[Word, Clause] | None = None

    def pair(self) -> SentencePair:
        """Say it in both languages, with capital and full stop."""
        english, german = self.main.in_english(self.front), self.main.in_german(self.front)
        if self.subordinate:
            conjunction, clause = self.subordinate
            english_clause = f"{conjunction.english} {clause.in_english()}"
            german_clause = f"{conjunction.german} {clause.in_german(subordinate=True)}"
            if self.front == "clause":
                english, german = f"{english_clause}, {english}", f"{german_clause}, {german}"
            else:
                english, german = f"{english} {english_clause}", f"{german}, {german_clause}"
        return SentencePair(*(f"{text[0].upper()}{text[1:]}." for text in (english, german)))
