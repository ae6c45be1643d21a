"""A pattern of personal data, and the cheap checks that pass a text which contains nothing personal in microseconds."""

import re
from collections.abc import Callable
from typing import NamedTuple

THRESHOLD = 0.5  # the lowest score of a finding
UNMISTAKABLE, STRONG, WEAK = 0.85, 0.7, 0.3  # a strong pattern needs no context; a weak one needs its context word
Span = tuple[int, int]
Words = frozenset[str]


class Pattern(NamedTuple):
    """A pattern of personal data."""

    pattern: re.Pattern[str]
    score: float
    keep: Callable[[re.Match[str]], Span | None]  # a match → where its personal part is; None if nothing is
    triggers: Words = frozenset()  # the pattern is tried on texts with one of these words; empty: on all
    needs: re.Pattern[str] | None = None  # and on those in which this cheaper one is found


class Kind(NamedTuple):
    """A kind of personal data."""

    may_hold: Callable[[str, Words], object]  # of a text and its words; cheap: false if it holds no pattern
    patterns: tuple[Pattern, ...]


def compile_pattern(
    pattern: str, score: float, valid: Callable[[str], bool] | None = None, triggers: str = "", needs: str = ""
) -> Pattern:
    """A pattern whose value, its group `value` or the match, is personal if it is valid; `needs` is case-sensitive."""
    compiled = re.compile(pattern, re.I | re.M)
    group = "value" if "value" in compiled.groupindex else 0

    def keep(match: re.Match[str]) -> Span | None:
        return match.span(group) if valid is None or valid(match[group]) else None

    return Pattern(compiled, score, keep, frozenset(triggers.split()), re.compile(needs) if needs else None)


def compile_place(
    pattern: str,
    keep: Callable[[re.Match[str]], Span | None],
    triggers: str | Words = "",
    needs: str = "",
    score: float = STRONG,
) -> Pattern:
    """A pattern of addresses, in any case; `needs` is case-sensitive."""
    words = frozenset(triggers.split()) if isinstance(triggers, str) else triggers
    return Pattern(re.compile(pattern, re.I | re.M), score, keep, words, re.compile(needs) if needs else None)


def anything(text: str, words: Words) -> bool:
    """No check: each pattern of the kind has its own."""
    return True


def any_match(pattern: str) -> Callable[[str, Words], object]:
    """A check: whether the text has a match of the pattern, in any case."""
    search = re.compile(pattern, re.I).search
    return lambda text, words: search(text)


def any_word(words: str) -> Callable[[str, Words], object]:
    """A check: whether the text has one of the words."""
    triggers = frozenset(words.split())
    return lambda text, words: not triggers.isdisjoint(words)
