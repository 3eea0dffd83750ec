"""The words of the built-in English-German language pair, apart from those that only link others.

The tables read like a dictionary: the kinds of noun concerned, then entries with `;` between them,
each a list of forms ("man men der Mann Männer"); `_` is a space inside a form. The forms that are
not listed follow by rule. No English word has two German ones, so that a sentence has exactly one
translation.
"""

from collections.abc import Iterator
from enum import Flag
from typing import Any, Literal, NamedTuple

__all__ = ["ADJECTIVES", "ADVERBS", "BEING", "NOUNS", "PERFECT", "REPORTS", "STATES", "TENSES"]
__all__ += ["VERBS", "Adjective", "Finite", "Kind", "Noun", "Tense", "Verb", "Word"]

Forms = tuple[str, ...]


class Kind(Flag):
    """What a noun stands for; verbs and adjectives name the kinds that they go with."""

    PERSON, ANIMAL, FOOD, TEXT, CLOTHES, KEEPSAKE = (1 << bit for bit in range(6))
    FURNITURE, VEHICLE, OPENING, BUILDING, PLACE = (1 << bit for bit in range(6, 11))
    LIVING = PERSON | ANIMAL
    PORTABLE = TEXT | CLOTHES | KEEPSAKE
    GOODS = PORTABLE | FURNITURE | VEHICLE
    COLOURED = CLOTHES | FURNITURE | VEHICLE | OPENING
    THING = GOODS | OPENING | BUILDING | PLACE
    ANY = LIVING | FOOD | THING


class Word(NamedTuple):
    """A word or phrase that never changes."""

    english: str
    german: str


class Noun(NamedTuple):
    """A noun: English by number, German by number and case; gender 0, 1, 2 is der, die, das."""

    english: Forms
    german: tuple[Forms, Forms]
    gender: int
    kind: Kind


class Adjective(NamedTuple):
    """An adjective: English, German as predicate, German stem ("müde", "müd")."""

    english: str
    german: str
    stem: str
    kind: Kind


class Finite(NamedTuple):
    """The finite forms of a verb, by person: I; he, she, it; we, they."""

    english: Forms
    german: Forms


class Tense(NamedTuple):
    """A tense or a modal: the auxiliary (German for a modal only), the English form after it.

    `time` is a key of `ADVERBS`; `english_form` counts base, past, gerund.
    """

    time: Literal["present", "past", "modal"]
    english_form: int
    auxiliary: Finite


class Verb(NamedTuple):
    """A verb: base, past, gerund; present by person without separable prefix, the rest with it.

    It takes a `direct` object (in the accusative unless `dative`) and gives it to an `indirect`
    one if that is any kind of noun; `perfect` is its German auxiliary.
    """

    english: Forms
    present: Forms
    infinitive: str
    participle: str
    prefix: str
    direct: Kind
    subjects: Kind = Kind.PERSON
    indirect: Kind = Kind(0)
    dative: bool = False
    perfect: Literal["haben", "sein"] = "haben"


def _table(text: str) -> Iterator[tuple[Kind, Forms]]:
    """Yield the kinds and the forms of every entry."""
    for line in text.strip().splitlines():
        names, entries = line.split(maxsplit=1)
        kinds = Kind(0)
        for name in names.split("+"):
            kinds |= Kind[name]
        for entry in entries.split(";"):
            yield kinds, tuple(form.replace("_", " ") for form in entry.split())


def _nouns(text: str) -> dict[str, Noun]:
    """Read singular and plural; a sixth form is a weak noun's singular but for the nominative."""
    nouns = {}
    for kind, (english, english_plural, article, singular, plural, *weak) in _table(text):
        oblique = weak[0] if weak else singular
        dative_plural = plural if plural[-1] in "ns" else plural + "n"
        german = ((singular, oblique, oblique), (plural, plural, dative_plural))
        gender = ("der", "die", "das").index(article)
        nouns[english] = Noun((english, english_plural), german, gender, kind)
    return nouns


def _adjectives(text: str) -> dict[str, Adjective]:
    """Read English and German; a third form is the stem, if it is not the second."""
    return {
        english: Adjective(english, german, stem[0] if stem else german, kind)
        for kind, (english, german, *stem) in _table(text)
    }


def _verbs(text: str, **pattern: Any) -> dict[str, Verb]:
    """Read base, past, gerund; infinitive ("an+rufen"), third person singular, participle."""
    verbs = {}
    for direct, (base, past, gerund, infinitive, third, participle) in _table(text):
        prefix, _, plural = infinitive.rpartition("+")
        present = (plural.removesuffix("n").removesuffix("e") + "e", third, plural)
        english = (base, past, gerund)
        verbs[base] = Verb(english, present, prefix + plural, participle, prefix, direct, **pattern)
    return verbs


NOUNS = _nouns("""
    PERSON     man men der Mann Männer; woman women die Frau Frauen; girl girls das Mädchen Mädchen
    PERSON     child children das Kind Kinder; boy boys der Junge Jungen Jungen
    PERSON     father fathers der Vater Väter; mother mothers die Mutter Mütter
    PERSON     son sons der Sohn Söhne; daughter daughters die Tochter Töchter
    PERSON     brother brothers der Bruder Brüder; sister sisters die Schwester Schwestern
    PERSON     uncle uncles der Onkel Onkel; aunt aunts die Tante Tanten
    PERSON     doctor doctors der Arzt Ärzte; teacher teachers der Lehrer Lehrer
    PERSON     friend friends der Freund Freunde; neighbour neighbours der Nachbar Nachbarn Nachbarn
    PERSON     student students der Student Studenten Studenten; guest guests der Gast Gäste
    ANIMAL     dog dogs der Hund Hunde; cat cats die Katze Katzen; horse horses das Pferd Pferde
    ANIMAL     bird birds der Vogel Vögel; cow cows die Kuh Kühe; mouse mice die Maus Mäuse
    ANIMAL     rabbit rabbits das Kaninchen Kaninchen; duck ducks die Ente Enten
    FOOD       apple apples der Apfel Äpfel; cake cakes der Kuchen Kuchen; egg eggs das Ei Eier
    FOOD       soup soups die Suppe Suppen; potato potatoes die Kartoffel Kartoffeln
    TEXT       book books das Buch Bücher; letter letters der Brief Briefe
    TEXT       poem poems das Gedicht Gedichte; story stories die Geschichte Geschichten
    CLOTHES    coat coats der Mantel Mäntel; jacket jackets die Jacke Jacken
    CLOTHES    shirt shirts das Hemd Hemden; hat hats der Hut Hüte
    KEEPSAKE   cup cups die Tasse Tassen; glass glasses das Glas Gläser
    KEEPSAKE   key keys der Schlüssel Schlüssel; picture pictures das Bild Bilder
    KEEPSAKE   flower flowers die Blume Blumen; ball balls der Ball Bälle
    FURNITURE  chair chairs der Stuhl Stühle; table tables der Tisch Tische
    FURNITURE  bed beds das Bett Betten; lamp lamps die Lampe Lampen; clock clocks die Uhr Uhren
    VEHICLE    car cars das Auto Autos; bicycle bicycles das Fahrrad Fahrräder
    OPENING    window windows das Fenster Fenster; door doors die Tür Türen
    OPENING    suitcase suitcases der Koffer Koffer; box boxes die Kiste Kisten
    BUILDING   house houses das Haus Häuser; school schools die Schule Schulen
    BUILDING   hotel hotels das Hotel Hotels; station stations der Bahnhof Bahnhöfe
    PLACE      garden gardens der Garten Gärten; kitchen kitchens die Küche Küchen
    PLACE      park parks der Park Parks; village villages das Dorf Dörfer
""")

#: Stand before a noun only, so that nobody *is* young who was called old before.
ADJECTIVES = _adjectives("""
    LIVING+THING       old alt; beautiful schön
    ANY                small klein; big groß
    LIVING             young jung; clever klug
    PERSON             friendly freundlich; famous berühmt
    COLOURED           red rot; green grün
    COLOURED+ANIMAL    black schwarz; white weiß
    THING              new neu
    GOODS              cheap billig
    TEXT               long lang
    FOOD               fresh frisch
    PLACE+BUILDING     quiet ruhig
""")

#: Stand before a noun, or are said of a subject that has no state yet ("The dog is tired").
STATES = _adjectives("""
    LIVING                     tired müde müd; sick krank; hungry hungrig
    PERSON                     happy glücklich; sad traurig
    FOOD                       cold kalt
    TEXT                       interesting interessant
    GOODS                      expensive teuer teur
    COLOURED+ANIMAL            dirty schmutzig
    FURNITURE+VEHICLE+OPENING  broken kaputt
""")

VERBS = (
    _verbs("""
        PERSON                     visit visited visiting besuchen besucht besucht
        PERSON                     greet greeted greeting grüßen grüßt gegrüßt
        PERSON                     ask asked asking fragen fragt gefragt
        PERSON                     meet met meeting treffen trifft getroffen
        PERSON                     call called calling an+rufen ruft angerufen
        PERSON                     invite invited inviting ein+laden lädt eingeladen
        LIVING                     pick_up picked_up picking_up ab+holen holt abgeholt
        LIVING+KEEPSAKE            draw drew drawing zeichnen zeichnet gezeichnet
        ANIMAL                     feed fed feeding füttern füttert gefüttert
        ANIMAL+CLOTHES             wash washed washing waschen wäscht gewaschen
        PORTABLE                   hide hid hiding verstecken versteckt versteckt
        GOODS+FOOD                 buy bought buying kaufen kauft gekauft
        FOOD                       taste tasted tasting probieren probiert probiert
        TEXT                       read read reading lesen liest gelesen
        TEXT                       write wrote writing schreiben schreibt geschrieben
        FURNITURE+VEHICLE+OPENING  repair repaired repairing reparieren repariert repariert
        FURNITURE+KEEPSAKE         carry carried carrying tragen trägt getragen
        OPENING                    open opened opening auf+machen macht aufgemacht
        OPENING                    close closed closing zu+machen macht zugemacht
    """)
    | _verbs(
        """
        LIVING                     watch watched watching beobachten beobachtet beobachtet
        LIVING+PORTABLE            look_for looked_for looking_for suchen sucht gesucht
        FOOD                       eat ate eating essen isst gegessen
        """,
        subjects=Kind.LIVING,
    )
    | _verbs(
        """
        PERSON                     help helped helping helfen hilft geholfen
        PERSON                     thank thanked thanking danken dankt gedankt
        PERSON                     answer answered answering antworten antwortet geantwortet
        PERSON                     forgive forgave forgiving verzeihen verzeiht verziehen
        PERSON                     listen_to listened_to listening_to zu+hören hört zugehört
        """,
        dative=True,
    )
    | _verbs(
        "LIVING follow followed following folgen folgt gefolgt",
        subjects=Kind.LIVING,
        dative=True,
        perfect="sein",
    )
    | _verbs(
        """
        PORTABLE+FOOD              give gave giving geben gibt gegeben
        PORTABLE+FOOD              bring brought bringing bringen bringt gebracht
        GOODS+BUILDING             show showed showing zeigen zeigt gezeigt
        GOODS+ANIMAL               sell sold selling verkaufen verkauft verkauft
        PORTABLE                   send sent sending schicken schickt geschickt
        """,
        indirect=Kind.PERSON,
    )
)


def _words(text: str) -> tuple[Word, ...]:
    return tuple(Word(*entry.strip().split("=")) for entry in text.split(";"))


def _finite(english: str, german: str) -> Finite:
    """Read the three persons of both languages; `-` stands for an empty form."""
    return Finite(
        tuple(form.strip("-").replace("_", " ") for form in english.split()),
        tuple(german.split()),
    )


#: Adverbs of time, by the tenses that they go with.
ADVERBS = {
    "present": _words("today=heute; now=jetzt; at the moment=im Moment; this evening=heute Abend"),
    "past": _words(
        "yesterday=gestern; last week=letzte Woche; recently=neulich; on Monday=am Montag"
    ),
    "modal": _words("tomorrow=morgen; next week=nächste Woche; soon=bald; on Sunday=am Sonntag"),
}

BEING = {
    "present": _finite("am is are", "bin ist sind"),
    "past": _finite("was was were", "war war waren"),
}
PERFECT = {"haben": ("habe", "hat", "haben"), "sein": BEING["present"].german}
TENSES = {
    "present": Tense("present", 2, BEING["present"]),
    "past": Tense("past", 1, _finite("- - -", "")),
    "can": Tense("modal", 0, _finite("can can can", "kann kann können")),
    "must": Tense("modal", 0, _finite("must must must", "muss muss müssen")),
    "should": Tense("modal", 0, _finite("should should should", "sollte sollte sollten")),
    "will": Tense("modal", 0, _finite("will will will", "werde wird werden")),
    "want to": Tense("modal", 0, _finite("want_to wants_to want_to", "will will wollen")),
}

#: What somebody does whose object is a clause with "that".
REPORTS = {
    "know": _finite("know knows know", "weiß weiß wissen"),
    "believe": _finite("believe believes believe", "glaube glaubt glauben"),
    "hope": _finite("hope hopes hope", "hoffe hofft hoffen"),
    "say": _finite("say says say", "sage sagt sagen"),
}
