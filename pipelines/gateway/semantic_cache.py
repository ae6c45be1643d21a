"""The semantic part of the response cache: questions in other words. Two are the same only if their key words are.

Similarity alone does not tell questions apart: for word vectors "What city mpg is it rated at?" and the same with
"highway" have a similarity of 0.91, most true rewordings less. So the key words are compared exactly, in order: every
word but those that are known to be mere phrasing, so numbers, codes, years, names, units, negations, comparisons, who,
when and why, and whether a yes or a no is wanted. Of questions that agree in all this the vectors then decide whether
they are similar enough, by a threshold that was verified on the template's own questions
(`make bench B="cache --write"`).
"""

import json
import logging
import re
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.plan import Serving
from pipelines.text import embedder

log = logging.getLogger(__name__)

VERIFIED_FILE = Path(__file__).with_suffix(".json")  # template → the result of `make bench B="cache --write"`
COURTESIES = re.compile(
    r"\b(hello|hi( there)?|hey|good (morning|afternoon|evening|day)|excuse me|sorry to bother you|quick question"
    r"|thank you( (very|so) much)?|thanks( (a lot|in advance))?|please( check the record)?"
    r"|((can|could|would|will) you )?(please )?(tell me|look up|look (this|it) up|find out)"
    r"|(do you|i (want|need) to|i( would|'d) like to) know|let me know|(a|the|my) customer (wants to know|asks))\b"
)
PHRASING = re.compile("a|an|the|of|is|are|it|its|this|that|there|what|which|do|does|has|have")
AUXILIARY = re.compile("is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must")
SYNONYMS = {"how many": "number", "'s": ""}
EMOJIS = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]+")
WORD = re.compile(r"[^\s?!.,:;'\"()]+(?:[.,:'/-]+[^\s?!.,:;'\"()]+)*")  # 2.0, 10:00, F-150 and 5,000 are one word


def extract_key_words(question: str) -> tuple[str, ...]:
    """What must be the same, in order, in two questions that share an answer; empty where there is only courtesy."""
    text = EMOJIS.sub(" ", question.lower()).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = [correct_spelling(word) for word in WORD.findall(text)]
    text = COURTESIES.sub(" ", " ".join(words))
    for phrase, synonym in SYNONYMS.items():
        text = text.replace(phrase, synonym)
    words = text.split()
    key_words = tuple(word for word in words if not PHRASING.fullmatch(word))
    return ("yes or no", *key_words) if key_words and AUXILIARY.fullmatch(words[0]) else key_words


def correct_spelling(word: str) -> str:
    """The one word of the vocabulary with this word's letters, the first and the last in place: clyinders, cylinders.

    A word of the vocabulary stays (trial is not trail), and so does one that contains a digit or a sign.
    """
    if len(word) < 4 or not word.isalpha() or word in vocabulary():
        return word
    return words_by_letters().get(sort_inner_letters(word)) or word


def sort_inner_letters(word: str) -> str:
    """The word with all but its first and last letter sorted: the same for words with transposed letters."""
    return word[0] + "".join(sorted(word[1:-1])) + word[-1:]


@cache
def vocabulary() -> frozenset[str]:
    """The words that have a vector."""
    return frozenset(word for word in embedder.load_word_vectors().tokens if word.isalpha())


@cache
def words_by_letters() -> dict[str, str]:
    """`sort_inner_letters` of each word → the word; empty where it could be more than one."""
    words: dict[str, str] = {}
    for word in vocabulary():
        letters = sort_inner_letters(word)
        words[letters] = "" if letters in words else word
    return words


def load() -> None:
    """Load the word vectors, and compute what depends on them: a second; a minute where they must be distilled."""
    words_by_letters()
    embedder.embed_rows(["The first text takes longer."])


@cache
def start_loading() -> "Future[None]":
    """`load`, in a thread of its own."""
    thread = ThreadPoolExecutor(1, "word-vectors")
    future = thread.submit(load)
    thread.shutdown(wait=False)
    return future


def is_loaded() -> bool:
    """Whether the word vectors are loaded; the first call starts that."""
    if not start_loading().done():
        return False
    if error := start_loading().exception():
        log_load_error(str(error))
    return error is None


@cache
def log_load_error(error: str) -> None:
    """Log once that the word vectors cannot be loaded."""
    log.error("the word vectors cannot be loaded, so response caches match exactly only: %s", error)


@cache
def verified_thresholds() -> dict[str, dict[str, Any]]:
    """Template → its threshold and how it was verified, of those verified with this installation's word vectors."""
    results = json.loads(VERIFIED_FILE.read_text()) if VERIFIED_FILE.exists() else {}
    return {name: result for name, result in results.items() if result["embedder"] == embedder.cache_folder().name}


def get_threshold(template: str, policy: Serving) -> float | None:
    """The similarity from which two questions of a template with the same key words are one; None: never."""
    if policy.semantic_threshold:
        return policy.semantic_threshold
    if template not in verified_thresholds():
        log_unverified(template)
        return None
    return float(verified_thresholds()[template]["threshold"])


@cache
def log_unverified(template: str) -> None:
    """Log once that a template has no verified threshold."""
    log.warning(
        "%s has no verified similarity threshold, so its response cache matches exactly only: "
        "run make bench B='cache --write', or set serving.semantic_threshold",
        template,
    )


class SemanticIndex:
    """Questions by their key words, each with the key of its answer. Nothing is found until the vectors are loaded.

    `scope` is what else must be the same: the version, the earlier messages, the record below the question.
    """

    def __init__(self) -> None:
        self.vectors: dict[Hashable, dict[Hashable, np.ndarray]] = {}

    def add(self, scope: str, question: str, key: Hashable) -> Hashable | None:
        """Add a question; returns its group, for `remove`, or None where it has no key words."""
        if not is_loaded() or not (words := extract_key_words(question)):
            return None
        self.vectors.setdefault((scope, words), {})[key] = embed(question)
        return scope, words

    def find(self, scope: str, question: str, threshold: float) -> Hashable | None:
        """The key of the most similar question with the same key words, if its similarity reaches the threshold."""
        if not self.vectors or not is_loaded():
            return None
        group = self.vectors.get((scope, extract_key_words(question)))
        if not group:
            return None
        vector = embed(question)
        similarities = {key: float(vector @ other) for key, other in group.items()}
        best = max(similarities, key=lambda key: similarities[key])
        return best if similarities[best] >= threshold else None

    def remove(self, group: Hashable, key: Hashable) -> None:
        """Remove a question from its group."""
        vectors = self.vectors.get(group, {})
        vectors.pop(key, None)
        if not vectors:
            self.vectors.pop(group, None)


def embed(question: str) -> np.ndarray:
    """A unit vector [384]; zero where no word has a vector."""
    vector: np.ndarray = embedder.embed_rows([question.lower()])[0]
    return vector
