"""Recognise misspelt words: MiniLM's vocabulary says what is a word, the edit distance what was probably meant."""

import json
from collections.abc import Iterator
from functools import cache, lru_cache

from pipelines.text.embedder import embedder_folder
from pipelines.text.word_lists import FILLERS, PARTS, TRADE

SHORTEST = 4  # letters of a word that may be corrected; of shorter words too many are one letter apart
LONG = 7  # letters of a word of which two may be wrong, or the first
SHORT_FILLERS = {"".join(sorted(word)) for word in FILLERS if len(word) == SHORTEST - 1}  # teh, adn
LONG_FILLERS = [word for word in FILLERS if len(word) >= SHORTEST]


@cache
def known_words() -> dict[str, int]:
    """The whole words of MiniLM's vocabulary (about 20,000 of English), each with its number; frequent words first."""
    vocabulary: dict[str, int] = json.loads((embedder_folder() / "tokenizer.json").read_text())["model"]["vocab"]
    words = {word: number for word, number in vocabulary.items() if word.isalpha() and word.isascii()}
    return dict.fromkeys(PARTS, len(vocabulary)) | words


@cache
def words_by_deletion() -> dict[str, list[str]]:
    """Text → the known words of which it is left when one letter is deleted, or none."""
    index: dict[str, list[str]] = {}
    for word in known_words():
        if len(word) >= SHORTEST - 1:
            for text in {word, *deletions(word)}:
                index.setdefault(text, []).append(word)
    return index


def deletions(word: str) -> Iterator[str]:
    """The word without each of its letters."""
    return (word[:at] + word[at + 1 :] for at in range(len(word)))


@lru_cache(200_000)
def is_known(word: str) -> bool:
    """Whether a word in lower case is an English word or a vehicle's part; plurals and simple inflections are."""
    words = known_words()
    if word in words:
        return True
    stems = (word.removesuffix(ending) for ending in ("s", "es", "ed", "ing", "er", "ly") if word.endswith(ending))
    return any(len(stem) >= SHORTEST and (stem in words or stem + "e" in words) for stem in stems)


@lru_cache(100_000)
def correct(word: str) -> str:
    """The known word that a misspelt one is a letter away from, the most frequent if there are several; else itself."""
    if len(word) < SHORTEST or is_known(word):
        return word
    index, words = words_by_deletion(), known_words()
    candidates = {other for text in (word, *deletions(word)) for other in index.get(text, ())}
    near = [other for other in candidates if other[0] == word[0] and is_near(word, other, 1)]
    return min(near, key=lambda other: (sorted(other) != sorted(word), words[other]), default=word)


def is_near(word: str, other: str, most: int) -> bool:
    """Whether at most `most` letters are added, left out, changed or swapped with their neighbour."""
    from rapidfuzz.distance import OSA

    return bool(OSA.distance(word, other, score_cutoff=most) <= most)


@lru_cache(100_000)
def is_misspelling(word: str, other: str) -> bool:
    """Whether one of two words is probably the other, misspelt.

    Two known words are two words: rotor and motor.
    """
    shortest = min(len(word), len(other))
    if shortest < SHORTEST or abs(len(word) - len(other)) > 2 or (is_known(word) and is_known(other)):
        return False
    if word[0] != other[0] and shortest < LONG and sorted(word) != sorted(other):
        return False
    return is_near(word, other, 2 if shortest >= LONG else 1)


@lru_cache(100_000)
def is_slip(word: str, other: str) -> bool:
    """Whether one of two known words may be a slip for the other: rely for reply, but never belt for bolt."""
    if min(len(word), len(other)) < SHORTEST or word[0] != other[0] or (word in TRADE and other in TRADE):
        return False
    return word not in PARTS and other not in PARTS and is_near(word, other, 1)


@lru_cache(100_000)
def is_misspelt_filler(word: str) -> bool:
    """Whether a word is probably a misspelt one of those that say nothing: whcih, thansk."""
    if is_known(word):
        return False
    if len(word) < SHORTEST:
        return "".join(sorted(word)) in SHORT_FILLERS
    return any(is_misspelling(word, filler) for filler in LONG_FILLERS)
