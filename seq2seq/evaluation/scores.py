"""BLEU and chrF by sacreBLEU, each with the signature that says how it was computed."""

from collections.abc import Sequence
from typing import NamedTuple

from sacrebleu.metrics import BLEU, CHRF

from seq2seq.errors import UserError

__all__ = ["Score", "bleu", "chrf"]


class Score(NamedTuple):
    """A score and how it was computed.

    Attributes:
        name: Its name.
        value: From 0 to 100, the larger the better.
        signature: sacreBLEU's signature: tokenisation, case, smoothing, version.
    """

    name: str
    value: float
    signature: str

    def __str__(self) -> str:
        return f"{self.name} = {self.value:.2f}  [{self.signature}]"


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenize: str = "13a",
    *,
    force: bool = False,
) -> Score:
    """Return corpus BLEU, cased.

    Args:
        hypotheses: The translations, one string a sentence.
        references: As many references.
        tokenize: sacreBLEU's tokenisation: `"13a"`, or `"none"` for text in tokens.
        force: sacreBLEU's word for scoring text that looks as if it were in tokens already
            without a warning.

    Raises:
        UserError: If there are none, or not as many of one as of the other.

    Reference: Papineni et al., 2002, https://aclanthology.org/P02-1040; Post, 2018,
    https://arxiv.org/abs/1804.08771

    >>> str(bleu(["the cat sat on the mat"], ["the cat sat on the mat"]))[:13]
    'BLEU = 100.00'
    """
    return _score("BLEU", BLEU(tokenize=tokenize, force=force), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Return corpus chrF2, the F-score of character n-grams.

    Args:
        hypotheses: The translations, one string a sentence.
        references: As many references.

    Raises:
        UserError: If there are none, or not as many of one as of the other.

    Reference: Popović, 2015, https://aclanthology.org/W15-3049
    """
    return _score("chrF2", CHRF(), hypotheses, references)


def _score(
    name: str, metric: BLEU | CHRF, hypotheses: Sequence[str], references: Sequence[str]
) -> Score:
    if not references or len(hypotheses) != len(references):
        raise UserError(
            f"{name} needs as many references as translations, and at least one. Received: "
            f"{len(hypotheses)} translations, {len(references)} references. Check the two files."
        )
    value = metric.corpus_score(list(hypotheses), [list(references)]).score
    return Score(name, value, str(metric.get_signature()))
