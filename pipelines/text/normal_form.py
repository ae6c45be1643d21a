"""The normal form of a text: what it says, in which all texts that say the same agree.

Case, punctuation, inflections, number formats (1,200 and 1200), units (lbs and pounds), courtesies and common synonyms
are normalised. Numbers and codes are kept apart from words, because they are compared exactly.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pipelines.text.spelling import correct, is_known
from pipelines.text.word_lists import (
    COURTESIES,
    COURTESY_WORDS,
    FILLERS,
    NUMBER_WORDS,
    OPPOSITES,
    PHRASE_WORDS,
    PHRASES,
    SYNONYMS,
    UNITS,
    first_of_group,
)

# A number or a word with its inner marks and sign (-5, 2.0, F-150, don't); or a symbol that is not punctuation ($, <).
TOKEN = re.compile(
    r"(?:(?<![\w)])[-+\u2212](?=\.?\d))?\w+(?:[.,:/'\u2019-]\w+)*|[^\w\s.,;:!?'\"()\[\]{}|\u2019\u201c\u201d\u2026-]"
)
SENTENCE = re.compile(
    r"(?<=[^\s.])[.!?;:]+(?=\s|$)|[\n|()\u2022]|,(?=\s|$)|\s[-\u2013\u2014]+\s|\b(?:and|or|but|while)\b", re.IGNORECASE
)
COURTESY = re.compile(rf"(?<![\w'])(?:{'|'.join(COURTESIES)})(?![\w'])")
PHRASE = re.compile(rf"(?<![a-z])(?:{'|'.join(f'({phrase})' for phrase in PHRASES)})(?![a-z])")
PHRASE_VALUES = [*PHRASES.values()]

CURRENCY = re.compile(r"([$\u20ac\u00a3\u00a5]) ?(\d[\d,.]*\d|\d)")  # before its number; words for it are behind
LETTER_UNIT = re.compile(r"(?<=\d) (?=[lvwmghk]\b)")  # 2.0 L, which is written 2.0L too

PLAIN_NUMBER = re.compile(r"[-+\u2212]?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?")
NUMBER_AND_WORD = re.compile(r"([-+\u2212]?[\d.,]*\d)-?([a-z\u00b0%$\u20ac]+)", re.IGNORECASE)
NUMBER_RANGE = re.compile(r"(\d[\d.,]{0,7})-(\d[\d.,]{0,7})")
NEGATION = re.compile(r"n['\u2019]t$")
POSSESSIVE = re.compile(r"['\u2019](?:s|re|ve|ll|d|m)$")
INNER_MARKS = re.compile(r"[.,:/'\u2019_-]+")

Kind = str
NUMBER, WORD, PROTECTED, SYMBOL = "number", "word", "protected", "symbol"


class Token(NamedTuple):
    """A word, number, code or symbol in its normal form."""

    kind: Kind
    text: str  # words: their stem, or the first of their synonyms
    spelling: str  # words: in lower case, as they are written; misspellings are recognised by it


@lru_cache(200_000)
def stem(word: str) -> str:
    """A word without plural, -ed and -ing."""
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            word = word[: -len(ending)]
            word = word[:-1] if word[-1] == word[-2] and word[-1] not in "ls" else word
            break
    else:
        if len(word) > 3 and word.endswith("ies"):
            word = word[:-3] + "y"
        elif len(word) > 3 and word.endswith(("ches", "shes", "xes", "sses")):
            word = word[:-2]
        elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
            word = word[:-1]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


UNIT = first_of_group(UNITS)
SYNONYM = {stem(word): stem(first) for word, first in first_of_group(SYNONYMS).items()}
PROTECTED_WORDS = frozenset(stem(SYNONYM.get(stem(word), word)) for word in first_of_group(OPPOSITES))


def make_word(word: str) -> tuple[Token, ...]:
    """The token of a word in lower case and of letters only; none of a word that says nothing."""
    if word in FILLERS:
        return ()
    if word in NUMBER_WORDS:
        return (Token(NUMBER, str(NUMBER_WORDS[word]), word),)
    if (unit := UNIT.get(word) or UNIT.get(word.removesuffix("s"))) and len(word) > 1:
        return (Token(PROTECTED, unit, unit if len(word) < 4 else word),)
    stemmed = stem(word)
    stemmed = SYNONYM.get(stemmed, stemmed)
    return (Token(PROTECTED if stemmed in PROTECTED_WORDS else WORD, stemmed, word),)


def make_number(number: str) -> str:
    """A number without thousands separators, plus sign and final zeros; one with leading zeros is a code."""
    number = number.replace(",", "").replace("\u2212", "-").removeprefix("+")
    if number.lstrip("-").startswith("0") and number.lstrip("-")[1:2].isdigit():
        return number
    integer, _, decimals = number.partition(".")
    decimals = decimals.rstrip("0")
    return f"{integer or '0'}.{decimals}" if decimals else integer or "0"


@lru_cache(200_000)
def make_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a written word, number, code or symbol in lower case."""
    if text.isalpha():
        return make_word(text)
    if phrase := PHRASE.fullmatch(text):
        return make_tokens(replace_phrase(phrase).strip())
    if not any(letter.isalnum() for letter in text):
        return (Token(PROTECTED, UNIT[text], text),) if text in UNIT else (Token(SYMBOL, text, text),)
    if not any(letter.isdigit() for letter in text):
        return tuple(make_written_words(text))
    if PLAIN_NUMBER.fullmatch(text):
        return (Token(NUMBER, make_number(text), text),)
    if (pair := NUMBER_RANGE.fullmatch(text)) and text.count("-") == 1:
        return tuple(Token(NUMBER, make_number(number.rstrip(".,")), number) for number in pair.groups())
    if (pair := NUMBER_AND_WORD.fullmatch(text)) and PLAIN_NUMBER.fullmatch(pair[1]):
        number, word = pair.groups()
        if word == "k":
            return (Token(NUMBER, make_number(str(round(float(number.replace(",", "")) * 1000))), text),)
        if word in UNIT or (word.isalpha() and len(word) > 3 and "-" in text):
            unit = (Token(PROTECTED, UNIT[word], word),) if word in UNIT else make_word(word)
            return (Token(NUMBER, make_number(number), number), *unit)
    code = INNER_MARKS.sub("", text) if any(letter.isalpha() for letter in text) else text.replace(",", "")
    return (Token(NUMBER, code, text),)


def make_written_words(text: str) -> Iterator[Token]:
    """The tokens of words that hyphens, apostrophes or the like join: twenty-five, isn't, front-wheel, city/highway."""
    if NEGATION.search(text):
        yield Token(PROTECTED, "not", "not")
        text = NEGATION.sub("", text)
        text = {"ca": "can", "wo": "will", "sha": "shall"}.get(text, text)
    parts = INNER_MARKS.split(POSSESSIVE.sub("", text))
    if len(parts) == 2 and all(part in NUMBER_WORDS for part in parts):
        yield Token(NUMBER, str(sum(NUMBER_WORDS[part] for part in parts)), text)
        return
    for part in parts:
        if part:
            yield from make_word(part)


def find_written(text: str) -> list[str]:
    """The words, numbers, codes and symbols of a text in lower case; one word for each phrase of several spellings."""
    written: list[str] = TOKEN.findall(text)
    rewritten = text
    if not COURTESY_WORDS.isdisjoint(written):
        rewritten = COURTESY.sub(" ", rewritten)
    if not PHRASE_WORDS.isdisjoint(written):
        rewritten = CURRENCY.sub(r"\2 \1", LETTER_UNIT.sub("", rewritten))
        rewritten = PHRASE.sub(replace_phrase, rewritten)
    return written if rewritten is text else TOKEN.findall(rewritten)


def replace_phrase(phrase: re.Match[str]) -> str:
    """The word that stands for a phrase."""
    return f" {PHRASE_VALUES[(phrase.lastindex or 1) - 1]} "


def read_tokens(text: str) -> list[Token]:
    """The tokens of a text, in order."""
    return [token for written in find_written(text.casefold()) for token in make_tokens(written)]


@lru_cache(200_000)
def comparable_word(token: Token) -> str:
    """A word's normal form with its spelling corrected; for keys, which must be equal to be found."""
    if token.kind != WORD or is_known(token.spelling):
        return token.text
    corrected = make_word(correct(token.spelling))
    return corrected[0].text if corrected else token.text


def split_segments(text: str) -> list[list[Token]]:
    """The tokens of each sentence, clause or field of a text; empty ones are left out."""
    segments = (read_tokens(part) for part in SENTENCE.split(text))
    return [segment for segment in segments if segment]
