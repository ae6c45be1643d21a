"""The errors that a user sees: what is wrong, where, and what to do."""

import difflib
from collections.abc import Iterable


class WeaverError(Exception):
    """An error that the user can correct; the command line and Airflow show its text unchanged.

    Args:
        what: what is wrong; names the file, row or key.
        remedy: what to do next, as an imperative sentence.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}\n  → {remedy}" if remedy else what)


class Unavailable(WeaverError):
    """A server cannot be reached: the only error after which a retry without any change may succeed."""


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """The end of an error message: the candidate most like the word, or nothing if none is like it."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.5)
    return f"; did you mean '{by_folded[matches[0]]}'?" if matches else ""
