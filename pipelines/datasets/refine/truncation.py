"""Recognise answers that were cut off: at the length limit of their source, or in the middle of a sentence or word.

A truncated text has no end: a sentence, a list or a code line may end without a full stop, but not after "and the" or
within "replac", and not, many times, after exactly as many characters as the longest text of its source. An open
bracket or a capital by itself ("REV A") says nothing: people write both.
"""

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.text.spelling import known_words

SENTENCE_END = r"""[.!?\x{2026}\x{3002}]["'”\x{2019})\]*_`]*$|```$"""
ELLIPSIS = r"(?:\.\.\.|\x{2026})$"  # what some exports put where they cut
# Words that no sentence ends with. In lower case: "Vitamin AND", "Plan THE" and other capitals may be names.
HANGING = r"\b(?:the|an|and|your|my|our|their|because|although|whose)$|\w,\s+(?:which|but|so)$"
SENTENCE_CHARS = 20  # a shorter answer need not be a sentence
# A last word after a whole sentence, in a text of some length: prose, and not a note in abbreviations.
LAST_WORD = r"(?s)^.*[a-z]{2}[.!?][\"')]?\s.{20,}[a-z,]\s+(?P<word>[a-z]{2,})$"
MIN_WORD = 5  # letters of a cut word; shorter ones may be slang ("lol", "hes")

MIN_LIMIT = 100  # characters; shorter texts often have equal lengths
MIN_PILE = 3  # answers without an end that have exactly the limit's length
PILE_RATIO = 4  # so many times more of them than of any length a bit longer or shorter
TRIMMED_CHARS = 2  # a text that was cut at a space is a little shorter than the limit, once it is trimmed
# Limits of messages, columns and exports: here a pair of texts without an end is enough, or the longest text alone.
COMMON_LIMITS = [140, 160, 255, 256, 280, 500, 512, 1000, 1024, 2000, 2048, 3000, 3999, 4000, 4095, 4096, 8000, 8192]


def find_unfinished_sentences(output: pa.Array) -> pa.Array:
    """Whether each answer ends with a word that no sentence ends with; a boolean per answer."""
    long_enough = pc.greater_equal(pc.utf8_length(output), SENTENCE_CHARS)
    return pc.and_(long_enough, pc.match_substring_regex(output, HANGING))


def find_cut_words(output: pa.Array) -> pa.Array:
    """Whether each answer is prose and ends in the beginning of a common English word ("replac"); a boolean each."""
    words = pc.struct_field(pc.extract_regex(output, LAST_WORD), "word")
    vocabulary, beginnings = known_words(), word_beginnings()
    return pa.array([word is not None and word in beginnings and word not in vocabulary for word in words.to_pylist()])


@cache
def word_beginnings() -> frozenset[str]:
    """The beginnings of common English words; one without an inflection's ending ("starve" of "starved") is none."""
    return frozenset(
        word[:length]
        for word in known_words()
        for length in range(MIN_WORD, len(word))
        if word[length:] not in ("s", "d", "r", "n", "y", "ed", "er", "es", "ing", "ly")
    )


def has_no_end(output: pa.Array) -> pa.Array:
    """Whether each answer ends neither a sentence nor a code block, or ends in an ellipsis; a boolean per answer."""
    ended = pc.match_substring_regex(output, SENTENCE_END)
    return pc.or_(pc.invert(ended), pc.match_substring_regex(output, ELLIPSIS))


def file_names(sources: pa.Array) -> pa.Array:
    """The file or data set of each `source`, without the row: "letters.csv:12" is of "letters.csv"."""
    return pc.replace_substring_regex(sources, r"(?::[^:/]*)+$", "")


def find_cut_by_limit(files: pa.ChunkedArray, chars: pa.ChunkedArray, endless: pa.ChunkedArray) -> np.ndarray:
    """Whether each answer was cut at the length limit of its source; a boolean per row.

    Args:
        files: the file or data set of each row.
        chars: characters of each answer as it was collected, before any step changed it.
        endless: see `has_no_end`.
    """
    codes = np.asarray(files.combine_chunks().dictionary_encode().indices)
    lengths, no_end = chars.to_numpy(), endless.to_numpy()
    cut = np.zeros(len(lengths), bool)
    suspects = np.flatnonzero(no_end & (lengths >= MIN_LIMIT))
    piles = np.unique(np.stack([codes[suspects], lengths[suspects]]), axis=1, return_counts=True)
    for (code, limit), pile in zip(piles[0].T, piles[1], strict=True):
        if pile >= MIN_PILE or limit in COMMON_LIMITS:
            of_source = codes == code
            if is_limit(int(limit), lengths[of_source], no_end[of_source]):
                cut |= of_source & no_end & (lengths <= limit) & (lengths >= limit - TRIMMED_CHARS * (pile >= MIN_PILE))
    return cut


def is_limit(limit: int, lengths: np.ndarray, no_end: np.ndarray) -> bool:
    """Whether a source cuts its texts at a length.

    It does if many texts without an end have exactly that length, far more than any length near it has (just below it
    are texts that were cut between words), and longer texts are rarer. At one of COMMON_LIMITS two texts are enough,
    however many are longer, or the longest text alone. Texts that all have one length are records.

    Args:
        lengths: characters of each text of the source.
        no_end: whether each of these has no end.
    """
    longer, shorter = int((lengths > limit).sum()), int((lengths < limit - TRIMMED_CHARS).sum())
    common = limit in COMMON_LIMITS
    if common and not longer:
        return True
    counts = np.bincount(lengths[no_end], minlength=limit + 1)
    near = np.concatenate([counts[limit * 3 // 4 : limit * 19 // 20], counts[limit + 1 : limit * 5 // 4]])
    if counts[limit] < max(2 if common else MIN_PILE, PILE_RATIO * near.max(initial=0)):
        return False
    return common or bool(shorter and longer <= counts[limit])
