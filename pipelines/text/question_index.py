"""Find questions that ask the same: MinHash proposes candidates, and a comparison of words and facts decides.

A question is an instruction and its input (the context). Questions with different numbers or codes are never candidates
of each other, which makes the search fast in rows that resemble each other: most of them differ in nothing else.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np

from pipelines.text.normal_form import NUMBER, PROTECTED, SYMBOL, Token, comparable_word, find_written, make_tokens
from pipelines.text.same_text import Text, differ_at_first_sight, says_the_same
from pipelines.text.spelling import correct, is_known

Row = Mapping[str, Any]

QUESTION_COLUMNS = ("instruction", "input")
# Pairs that share two bands are compared: 97% of those with a similarity of 0.7, 99.7% of those with 0.8.
BANDS, BAND_ROWS, SHARED_BANDS, SEED = 20, 4, 2, 17
SHINGLE_CHARS = 3
CONTEXT = "|"  # before a shingle of the context: the same word in a question and in a context is not the same
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # of a hash of 64 bits
NO_WORDS = "\0"  # MinHash needs a word


def sketch_questions(instructions: Sequence[str], contexts: Sequence[str]) -> np.ndarray:
    """What questions are found by: uint64 [questions, BANDS].

    Questions with the same numbers and codes, and similar words, share at least one band; see BANDS.
    """
    from rensa import RMinHash

    if not instructions:
        return np.zeros((0, BANDS), np.uint64)
    facts, words = [], []
    for instruction, context in zip(instructions, contexts, strict=True):
        numbers, shingles = shingle_text(instruction)
        if context:
            context_numbers, context_shingles = shingle_text(context)
            numbers, shingles = (
                numbers + context_numbers,
                shingles + [CONTEXT + shingle for shingle in context_shingles],
            )
        facts.append(hash_texts(sorted(numbers)) if numbers else 0)
        words.append(shingles or [NO_WORDS])
    digests = np.array(RMinHash.digests_from_token_sets(words, BANDS * BAND_ROWS, SEED), np.uint64)
    bands: np.ndarray = np.array(facts, np.uint64)[:, None] + np.arange(BANDS, dtype=np.uint64)
    for number in range(BAND_ROWS):
        bands = (bands ^ digests[:, number::BAND_ROWS]) * MULTIPLIER
        bands ^= bands >> np.uint64(29)
    return bands


@lru_cache(10_000)
def shingle_text(text: str) -> tuple[list[str], list[str]]:
    """The numbers and codes of a text, and the shingles of its words; cached, since many questions share a context."""
    numbers, shingles = list[str](), set[str]()
    for written in find_written(text.casefold()):
        more_numbers, more_shingles = shingle_word(written)
        numbers += more_numbers
        shingles |= more_shingles
    return numbers, [*shingles]


@lru_cache(100_000)
def shingle_word(written: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The numbers and the shingles of a written word, number, code or symbol."""
    tokens = make_tokens(written)
    numbers = tuple(token.text for token in tokens if token.kind == NUMBER)
    return numbers, frozenset(shingle for token in tokens for shingle in make_shingles(token))


def make_shingles(token: Token) -> tuple[str, ...]:
    """What MinHash compares of a token: a word; of a word that no vocabulary knows, its character trigrams."""
    if token.kind in (NUMBER, SYMBOL):
        return ()
    word = comparable_word(token)
    if token.kind == PROTECTED or is_known(correct(token.spelling)) or len(word) <= SHINGLE_CHARS:
        return (word,)
    return tuple(f"#{word}#"[at : at + SHINGLE_CHARS] for at in range(len(word)))


def hash_texts(texts: Sequence[str]) -> int:
    """64 bits that are equal if the texts are; Python's own hash differs from process to process."""
    return int.from_bytes(blake2b("\0".join(texts).encode(), digest_size=8).digest(), "little")


def sketch_rows(rows: Sequence[Row]) -> np.ndarray:
    """The sketches of rows."""
    return sketch_questions(*([str(row[column]) for row in rows] for column in QUESTION_COLUMNS))


def find_shared(sketches: np.ndarray) -> list[list[int]]:
    """The bands of each question that others have too; none if they are too few for it to be compared.

    Args:
        sketches: uint64 [questions, BANDS].
    """
    shared = np.zeros(sketches.shape, bool)
    for band, column in enumerate(sketches.T):
        _, numbers, counts = np.unique(column, return_inverse=True, return_counts=True)
        shared[:, band] = counts[numbers] > 1
    shared[shared.sum(axis=1) < SHARED_BANDS] = False
    return [keys[flags].tolist() for keys, flags in zip(sketches, shared, strict=True)]


class Question:
    """A row's question, to be compared."""

    def __init__(self, row: Row) -> None:
        self.instruction, self.context = Text(row["instruction"]), Text(row["input"])


def asks_the_same(left: Question, right: Question, threshold: float) -> bool:
    """Whether two questions ask the same about the same context; see `says_the_same`."""
    if differ_at_first_sight(left.instruction, right.instruction, threshold) or differ_at_first_sight(
        left.context, right.context, threshold
    ):
        return False
    return says_the_same(left.instruction, right.instruction, threshold) and says_the_same(
        left.context, right.context, threshold
    )


class QuestionIndex:
    """An index of questions that finds those that ask the same.

    Args:
        threshold: Jaccard similarity of their words, 0 to 1, from which two questions can be the same.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.questions: list[Question] = []
        self.numbers: dict[int, list[int]] = {}  # key of a normal form, or of a band → questions

    def add(self, question: Question, keys: Sequence[int]) -> int:
        """Add a question by its bands, or those that others have too; returns its number."""
        number = len(self.questions)
        self.questions.append(question)
        for key in keys:
            self.numbers.setdefault(key, []).append(number)
        return number

    def find(self, question: Question, keys: Sequence[int]) -> int | None:
        """The number of the first question of the index that asks the same; None if there is none."""
        counts = Counter(chain.from_iterable(self.numbers.get(key, ()) for key in keys))
        candidates = sorted(number for number, count in counts.items() if count >= SHARED_BANDS)
        return next((n for n in candidates if asks_the_same(self.questions[n], question, self.threshold)), None)


def find_same_questions(
    rows: Sequence[Row], sketches: np.ndarray, others: Sequence[Row], other_sketches: np.ndarray, threshold: float
) -> Iterator[tuple[int, int]]:
    """The places of rows in `rows` whose question is also in `others`, each with the place of the first such row there.

    Args:
        sketches, other_sketches: of these rows, by `sketch_questions`; only rows that share a band are compared.
        threshold: see QuestionIndex.
    """
    index, places = QuestionIndex(threshold), list[int]()
    shared = find_shared(np.concatenate((sketches, other_sketches)))
    for place, keys in enumerate(shared[len(rows) :]):
        if keys:
            index.add(Question(others[place]), keys)
            places.append(place)
    for place, keys in enumerate(shared[: len(rows)]):
        match = index.find(Question(rows[place]), keys) if keys else None
        if match is not None:
            yield place, places[match]
