"""The grammar against German and English written by hand."""

import pytest

from seq2seq.data.grammar import (
    CONJUNCTIONS,
    DETERMINERS,
    PREPOSITIONS,
    PRONOUNS,
    Action,
    Adjunct,
    Case,
    Clause,
    NounPhrase,
    Sentence,
    State,
)
from seq2seq.data.lexicon import ADJECTIVES, ADVERBS, BEING, NOUNS, REPORTS, STATES, TENSES, VERBS

# Written by hand: for masculine, feminine, neuter and plural, the three cases.
PARADIGMS = {
    ("the", "old"): [
        ("der alte Mann", "den alten Mann", "dem alten Mann"),
        ("die alte Frau", "die alte Frau", "der alten Frau"),
        ("das alte Kind", "das alte Kind", "dem alten Kind"),
        ("die alten Männer", "die alten Männer", "den alten Männern"),
    ],
    ("this", "big"): [
        ("dieser große Mann", "diesen großen Mann", "diesem großen Mann"),
        ("diese große Frau", "diese große Frau", "dieser großen Frau"),
        ("dieses große Kind", "dieses große Kind", "diesem großen Kind"),
        ("diese großen Männer", "diese großen Männer", "diesen großen Männern"),
    ],
    ("my", "tired"): [
        ("mein müder Mann", "meinen müden Mann", "meinem müden Mann"),
        ("meine müde Frau", "meine müde Frau", "meiner müden Frau"),
        ("mein müdes Kind", "mein müdes Kind", "meinem müden Kind"),
        ("meine müden Männer", "meine müden Männer", "meinen müden Männern"),
    ],
    ("our", "young"): [
        ("unser junger Mann", "unseren jungen Mann", "unserem jungen Mann"),
        ("unsere junge Frau", "unsere junge Frau", "unserer jungen Frau"),
        ("unser junges Kind", "unser junges Kind", "unserem jungen Kind"),
        ("unsere jungen Männer", "unsere jungen Männer", "unseren jungen Männern"),
    ],
    ("a", "sick"): [
        ("ein kranker Mann", "einen kranken Mann", "einem kranken Mann"),
        ("eine kranke Frau", "eine kranke Frau", "einer kranken Frau"),
        ("ein krankes Kind", "ein krankes Kind", "einem kranken Kind"),
    ],
    ("every", "clever"): [
        ("jeder kluge Mann", "jeden klugen Mann", "jedem klugen Mann"),
        ("jede kluge Frau", "jede kluge Frau", "jeder klugen Frau"),
        ("jedes kluge Kind", "jedes kluge Kind", "jedem klugen Kind"),
    ],
    ("two", "small"): [
        None, None, None,
        ("zwei kleine Männer", "zwei kleine Männer", "zwei kleinen Männern"),
    ],
    ("many", "happy"): [
        None, None, None,
        ("viele glückliche Männer", "viele glückliche Männer", "vielen glücklichen Männern"),
    ],
}  # fmt: skip


def phrase(determiner, noun, adjective=None, plural=False):
    adjectives = ADJECTIVES | STATES
    return NounPhrase(
        DETERMINERS[determiner],
        NOUNS[noun],
        adjectives[adjective] if adjective else None,
        plural,
    )


def doing(subject, verb, tense, *objects, **rest):
    return Clause(subject, Action(VERBS[verb], TENSES[tense], *objects), **rest)


def state(time, adjective):
    return State(BEING[time], STATES[adjective])


def adverb(english):
    (word,) = {word for words in ADVERBS.values() for word in words if word.english == english}
    return word


def adjunct(preposition, *noun_phrase, **options):
    return Adjunct(PREPOSITIONS[preposition], phrase(*noun_phrase, **options))


def reading(tense, **rest):
    return doing(phrase("the", "man", "old"), "read", tense, phrase("the", "book"), **rest)


def calling(tense, subject=None, **rest):
    subject = subject or phrase("the", "mother")
    return doing(subject, "call", tense, phrase("the", "doctor"), **rest)


def giving(tense, **rest):
    objects = phrase("a", "letter", "long"), phrase("this", "woman", "young")
    return doing(phrase("my", "daughter"), "give", tense, *objects, **rest)


def after(conjunction, clause):
    return CONJUNCTIONS[conjunction], clause


CHILD_IS_SICK = Clause(phrase("the", "child"), state("present", "sick"))
TODAY, YESTERDAY, TOMORROW = adverb("today"), adverb("yesterday"), adverb("tomorrow")
IN_GARDEN = adjunct("in", "the", "garden")
I_KNOW = Clause(PRONOUNS["I"], State(REPORTS["know"]))
THEY_HOPE = Clause(PRONOUNS["they"], State(REPORTS["hope"]))

# fmt: off
VERB_SECOND = [
    (Sentence(reading("present")),
     "The old man is reading the book.",
     "Der alte Mann liest das Buch."),
    (Sentence(reading("present", adverb=TODAY)),
     "The old man is reading the book today.",
     "Der alte Mann liest heute das Buch."),
    (Sentence(reading("present", adverb=TODAY), front="adverb"),
     "Today the old man is reading the book.",
     "Heute liest der alte Mann das Buch."),
    (Sentence(reading("present", adjunct=IN_GARDEN, adverb=TODAY), front="adjunct"),
     "In the garden the old man is reading the book today.",
     "Im Garten liest der alte Mann heute das Buch."),
    (Sentence(calling("present"), "clause", after("because", CHILD_IS_SICK)),
     "Because the child is sick, the mother is calling the doctor.",
     "Weil das Kind krank ist, ruft die Mutter den Arzt an."),
    (Sentence(Clause(PRONOUNS["we"], state("past", "tired"), adverb=YESTERDAY), "adverb"),
     "Yesterday we were tired.",
     "Gestern waren wir müde."),
]
VERB_PARTS_AT_END = [
    (Sentence(reading("past", adjunct=IN_GARDEN, adverb=YESTERDAY)),
     "The old man read the book in the garden yesterday.",
     "Der alte Mann hat gestern das Buch im Garten gelesen."),
    (Sentence(calling("past", adverb=YESTERDAY), front="adverb"),
     "Yesterday the mother called the doctor.",
     "Gestern hat die Mutter den Arzt angerufen."),
    (Sentence(doing(phrase("the", "dog"), "follow", "past", phrase("the", "boy"))),
     "The dog followed the boy.",
     "Der Hund ist dem Jungen gefolgt."),
    (Sentence(calling("want to", adverb=TOMORROW), front="adverb"),
     "Tomorrow the mother wants to call the doctor.",
     "Morgen will die Mutter den Arzt anrufen."),
    (Sentence(giving("will")),
     "My daughter will give a long letter to this young woman.",
     "Meine Tochter wird dieser jungen Frau einen langen Brief geben."),
    (Sentence(giving("past", adverb=adverb("last week")), front="adverb"),
     "Last week my daughter gave a long letter to this young woman.",
     "Letzte Woche hat meine Tochter dieser jungen Frau einen langen Brief gegeben."),
]
VERB_LAST = [
    (Sentence(calling("present"), subordinate=after("because", CHILD_IS_SICK)),
     "The mother is calling the doctor because the child is sick.",
     "Die Mutter ruft den Arzt an, weil das Kind krank ist."),
    (Sentence(I_KNOW, subordinate=after("that", calling("present", adverb=TODAY))),
     "I know that the mother is calling the doctor today.",
     "Ich weiß, dass die Mutter heute den Arzt anruft."),
    (Sentence(THEY_HOPE, subordinate=after("that", calling("past"))),
     "They hope that the mother called the doctor.",
     "Sie hoffen, dass die Mutter den Arzt angerufen hat."),
    (Sentence(CHILD_IS_SICK, "clause", after("although", calling("can"))),
     "Although the mother can call the doctor, the child is sick.",
     "Obwohl die Mutter den Arzt anrufen kann, ist das Kind krank."),
    (Sentence(I_KNOW, subordinate=after("that", reading("present"))),
     "I know that the old man is reading the book.",
     "Ich weiß, dass der alte Mann das Buch liest."),
]
PLURAL_SUBJECTS = [
    (Sentence(calling("present", phrase("the", "child", plural=True))),
     "The children are calling the doctor.",
     "Die Kinder rufen den Arzt an."),
    (Sentence(Clause(phrase("my", "window", plural=True), state("past", "dirty"))),
     "My windows were dirty.",
     "Meine Fenster waren schmutzig."),
    (Sentence(Clause(phrase("two", "guest", plural=True), State(REPORTS["know"])),
              subordinate=after("that", Clause(PRONOUNS["we"], state("present", "hungry")))),
     "Two guests know that we are hungry.",
     "Zwei Gäste wissen, dass wir hungrig sind."),
]
# fmt: on
VERBS_AGREE = [
    (
        Sentence(calling(tense, PRONOUNS[pronoun])),
        f"{pronoun[0].upper()}{pronoun[1:]} {english} the doctor.",
        german,
    )
    for tense, pronoun, english, german in [
        ("present", "I", "am calling", "Ich rufe den Arzt an."),
        ("present", "he", "is calling", "Er ruft den Arzt an."),
        ("present", "they", "are calling", "Sie rufen den Arzt an."),
        ("past", "I", "called", "Ich habe den Arzt angerufen."),
        ("past", "she", "called", "Sie hat den Arzt angerufen."),
        ("past", "we", "called", "Wir haben den Arzt angerufen."),
        ("must", "I", "must call", "Ich muss den Arzt anrufen."),
        ("can", "he", "can call", "Er kann den Arzt anrufen."),
        ("can", "we", "can call", "Wir können den Arzt anrufen."),
        ("should", "she", "should call", "Sie sollte den Arzt anrufen."),
        ("should", "they", "should call", "Sie sollten den Arzt anrufen."),
        ("will", "I", "will call", "Ich werde den Arzt anrufen."),
        ("want to", "he", "wants to call", "Er will den Arzt anrufen."),
        ("want to", "they", "want to call", "Sie wollen den Arzt anrufen."),
    ]
]
OBJECTS = [
    (
        Sentence(doing(PRONOUNS["I"], verb, tense, direct, adjunct=more)),
        f"I {english}.",
        f"Ich {german}.",
    )
    for verb, tense, direct, more, english, german in [
        ("help", "present", phrase("the", "sister"), None,
         "am helping the sister", "helfe der Schwester"),
        ("thank", "past", phrase("our", "neighbour"), None,
         "thanked our neighbour", "habe unserem Nachbarn gedankt"),
        ("visit", "past", phrase("every", "student"), None,
         "visited every student", "habe jeden Studenten besucht"),
        ("feed", "present", phrase("two", "mouse", "white", plural=True), None,
         "am feeding two white mice", "füttere zwei weiße Mäuse"),
        ("follow", "past", phrase("many", "bird", plural=True), None,
         "followed many birds", "bin vielen Vögeln gefolgt"),
        ("look for", "present", phrase("a", "apple"), None,
         "am looking for an apple", "suche einen Apfel"),
        ("eat", "present", phrase("a", "cake", "expensive"),
         adjunct("with", "the", "friend", plural=True),
         "am eating an expensive cake with the friends",
         "esse einen teuren Kuchen mit den Freunden"),
        ("buy", "past", phrase("the", "clock"), adjunct("for", "the", "mother"),
         "bought the clock for the mother", "habe die Uhr für die Mutter gekauft"),
        ("buy", "past", phrase("the", "car"), adjunct("without", "my", "uncle"),
         "bought the car without my uncle", "habe das Auto ohne meinen Onkel gekauft"),
        ("wash", "present", phrase("the", "horse"), adjunct("behind", "the", "school"),
         "am washing the horse behind the school", "wasche das Pferd hinter der Schule"),
        ("meet", "present", phrase("the", "guest"), adjunct("in front of", "the", "hotel", "new"),
         "am meeting the guest in front of the new hotel", "treffe den Gast vor dem neuen Hotel"),
        ("open", "present", phrase("the", "box"), adjunct("in", "the", "kitchen"),
         "am opening the box in the kitchen", "mache die Kiste in der Küche auf"),
        ("hide", "past", phrase("the", "key"), adjunct("in", "this", "house"),
         "hid the key in this house", "habe den Schlüssel in diesem Haus versteckt"),
    ]
]  # fmt: skip
GENDERS = {
    "der": "Mann Junge Vater Sohn Bruder Onkel Arzt Lehrer Freund Nachbar Student Gast Hund Vogel "
    "Apfel Kuchen Brief Mantel Hut Schlüssel Ball Stuhl Tisch Koffer Bahnhof Garten Park",
    "die": "Frau Mutter Tochter Schwester Tante Katze Kuh Maus Ente Suppe Kartoffel Geschichte "
    "Jacke Tasse Blume Lampe Uhr Tür Kiste Schule Küche",
    "das": "Mädchen Kind Pferd Kaninchen Ei Buch Gedicht Hemd Glas Bild Bett Auto Fahrrad Fenster "
    "Haus Hotel Dorf",
}


@pytest.mark.parametrize(
    ("sentence", "english", "german"),
    VERB_SECOND + VERB_PARTS_AT_END + VERB_LAST + PLURAL_SUBJECTS + VERBS_AGREE + OBJECTS,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sentence_is_said_as_by_hand(sentence, english, german):
    assert sentence.pair() == (english, german)


@pytest.mark.parametrize(("determiner", "adjective"), PARADIGMS)
def test_noun_phrase_declines_as_by_hand(determiner, adjective):
    nouns = [("man", False), ("woman", False), ("child", False), ("man", True)]
    for (noun, plural), forms in zip(nouns, PARADIGMS[determiner, adjective], strict=False):
        if forms is not None:
            noun_phrase = phrase(determiner, noun, adjective, plural)
            assert tuple(noun_phrase.in_german(case) for case in Case) == forms


def test_every_noun_has_the_gender_of_the_dictionary():
    nominatives = {phrase("the", noun).in_german(Case.NOMINATIVE) for noun in NOUNS}
    assert nominatives == {
        f"{article} {noun}" for article, nouns in GENDERS.items() for noun in nouns.split()
    }


def test_the_has_five_german_forms():
    phrases = [phrase("the", noun, plural=plural) for noun in NOUNS for plural in (False, True)]
    forms = {one.in_german(case).split()[0] for one in phrases for case in Case}
    assert forms == {"der", "die", "das", "den", "dem"}
