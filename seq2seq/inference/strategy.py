"""From the settings of decoding to a strategy and constraints."""

from collections.abc import Sequence
from typing import NamedTuple

from seq2seq.config import DecodingConfig
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.errors import UserError
from seq2seq.inference.beam import BeamSearch
from seq2seq.inference.constraints import banned_phrases, minimum_length, no_repeated_ngram
from seq2seq.inference.decode import Constraint, Strategy
from seq2seq.inference.greedy import GreedySearch
from seq2seq.inference.required import RequiringBeamSearch
from seq2seq.marks import END, UNKNOWN

__all__ = ["Phrases", "check_known", "make_constraints", "make_phrases", "make_strategy"]


class Phrases(NamedTuple):
    """What must not and what must stand in each translation, as tokens.

    Attributes:
        banned: Phrases that must not.
        required: Phrases that must.
    """

    banned: Sequence[Sequence[int]] = ()
    required: Sequence[Sequence[int]] = ()


def make_phrases(
    tokenizer: Tokenizer,
    decoding: DecodingConfig,
    banned: Sequence[str] = (),
    required: Sequence[str] = (),
) -> Phrases:
    """Return the tokens of phrases, each cut into pieces as at the beginning of a sentence.

    Raises:
        UserError: If a phrase is empty or is not in the vocabulary, or the required ones have more
            tokens than a translation may have.
    """
    for given in (banned, required):
        if isinstance(given, str):
            raise UserError(f"Phrases need to be in a list. Received: {given!r}. Pass [{given!r}].")
    phrases = Phrases(
        [check_known(tokenizer, "A banned phrase", phrase) for phrase in banned],
        [check_known(tokenizer, "A required phrase", phrase) for phrase in required],
    )
    wanted, most = sum(map(len, phrases.required)), decoding.maximum_tokens
    if wanted >= most:
        raise UserError(
            f"Required phrases need room: together they have {wanted} tokens, and a translation "
            f"has {most} at most, its end included. Received: {list(required)}. Raise "
            "decoding.maximum_tokens or require less."
        )
    return phrases


def check_known(tokenizer: Tokenizer, owner: str, text: str) -> list[int]:
    """Return the tokens of a text, or raise `UserError` if there are none or some are unknown."""
    # Bytes of a command line that are no UTF-8 are no text either.
    is_text = text == text.encode(errors="replace").decode()
    tokens = tokenizer.tokenize([text])[0].numpy().tolist() if is_text else []
    if not tokens or UNKNOWN in tokens:
        raise UserError(
            f"{owner} needs text that the vocabulary can spell. Received: {text!r}. Change it."
        )
    return tokens


def make_strategy(decoding: DecodingConfig, phrases: Phrases) -> Strategy:
    """Return the search that the settings name.

    Raises:
        UserError: If settings do not go together.
    """
    if phrases.required and decoding.beam_groups > 1:
        raise UserError(
            "Required phrases need decoding.beam_groups = 1. "
            f"Received: {decoding.beam_groups}. Leave one of the two out."
        )
    if decoding.beam == 1 and not phrases.required:
        return GreedySearch()
    options = {
        "end": END,
        "length_weight": decoding.length_penalty,
        "coverage_weight": decoding.coverage_penalty,
    }
    if phrases.required:
        return RequiringBeamSearch(decoding.beam, phrases.required, **options)
    groups = {"groups": decoding.beam_groups, "diversity": decoding.diversity}
    return BeamSearch(decoding.beam, **options, **groups)


def make_constraints(decoding: DecodingConfig, phrases: Phrases) -> list[Constraint]:
    """Return the constraints that the settings name."""
    constraints = []
    if decoding.minimum_tokens:
        constraints.append(minimum_length(decoding.minimum_tokens, END))
    if decoding.no_repeat_ngram_size:
        constraints.append(no_repeated_ngram(decoding.no_repeat_ngram_size))
    if phrases.banned:
        constraints.append(banned_phrases(phrases.banned))
    return constraints
