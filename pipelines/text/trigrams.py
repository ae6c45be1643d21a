"""Runs of three words: how much of a text repeats itself, and how much is in another."""

from collections.abc import Sequence

NGRAM = 3


def trigrams(words: Sequence[str]) -> list[tuple[str, ...]]:
    """All runs of three words."""
    return [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]


def repetition_share(words: Sequence[str]) -> float:
    """Share of an answer's trigrams (0 to 1) that occur earlier in it."""
    grams = trigrams(words)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def overlap_share(answer_words: Sequence[str], question_words: Sequence[str]) -> float:
    """Share of an answer's trigrams (0 to 1) that occur in the question and its record."""
    grams, question_grams = trigrams(answer_words), set(trigrams(question_words))
    return sum(gram in question_grams for gram in grams) / len(grams) if grams else 0.0
