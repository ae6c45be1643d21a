"""Questions that ask the same in other words. Two are one only if everything hard in them is the same, in order.

Similarity alone tells badly: to word vectors "What city mpg is it rated at?" and the same with "highway" are 0.91
alike, most true rewordings less. So what is hard is compared exactly: every word but those that are known to be mere
phrasing: numbers, codes, years, names, units, negations, comparisons, who, when and why, whether a yes or a no is
wanted. Of questions that agree in all this the vectors then say whether they are alike enough, by a threshold that was
verified on the template's own questions (`make bench B="cache --write"`).
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

VERIFIED = Path(__file__).with_suffix(".json")  # template → what `make bench B="cache --write"` found
COURTESIES = re.compile(
    r"\b(hello|hi( there)?|hey|good (morning|afternoon|evening|day)|excuse me|sorry to bother you|quick question"
    r"|thank you( (very|so) much)?|thanks( (a lot|in advance))?|please( check the record)?"
    r"|((can|could|would|will) you )?(please )?(tell me|look up|look (this|it) up|find out)"
    r"|(do you|i (want|need) to|i( would|'d) like to) know|let me know|(a|the|my) customer (wants to know|asks))\b"
)
PHRASING = re.compile("a|an|the|of|is|are|it|its|this|that|there|what|which|do|does|has|have")
AUXILIARY = re.compile("is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must")
SAME = {"how many": "number", "'s": ""}
EMOJIS = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]+")
WORD = re.compile(r"[^\s?!.,:;'\"()]+(?:[.,:'/-]+[^\s?!.,:;'\"()]+)*")  # 2.0, 10:00, F-150 and 5,000 are one word


def hard(question: str) -> tuple[str, ...]:
    """What must be the same, in order, in two questions that share an answer; empty where there is only courtesy."""
    text = EMOJIS.sub(" ", question.lower()).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = [spelled(word) for word in WORD.findall(text)]
    text = COURTESIES.sub(" ", " ".join(words))
    for phrase, other in SAME.items():
        text = text.replace(phrase, other)
    words = text.split()
    kept = tuple(word for word in words if not PHRASING.fullmatch(word))
    return ("yes or no", *kept) if kept and AUXILIARY.fullmatch(words[0]) else kept


def spelled(word: str) -> str:
    """The one word of the vocabulary with this word's letters, the first and the last in place: clyinders, cylinders.

    A word of the vocabulary stays (trial is no trail), and so does whatever holds a figure or a sign.
    """
    if len(word) < 4 or not word.isalpha() or word in vocabulary():
        return word
    return spellings().get(jumbled(word)) or word


def jumbled(word: str) -> str:
    return word[0] + "".join(sorted(word[1:-1])) + word[-1:]


@cache
def vocabulary() -> frozenset[str]:
    return frozenset(word for word in embedder.load_word_vectors().tokens if word.isalpha())


@cache
def spellings() -> dict[str, str]:
    """Jumbled word → the word; empty where it could be more than one."""
    known: dict[str, str] = {}
    for word in vocabulary():
        known[jumbled(word)] = "" if jumbled(word) in known else word
    return known


def load() -> None:
    """Read the word vectors and what is made of them: a second, or a minute where they have to be distilled first."""
    spellings()
    embedder.embed_rows(["A first text takes longer."])


@cache
def loading() -> "Future[None]":
    """`load`, in a thread of its own."""
    thread = ThreadPoolExecutor(1, "word-vectors")
    began = thread.submit(load)
    thread.shutdown(wait=False)
    return began


def ready() -> bool:
    """Whether the word vectors are read; the first call has it begun."""
    if not loading().done():
        return False
    if error := loading().exception():
        say_unread(str(error))
    return error is None


@cache
def say_unread(error: str) -> None:
    log.error("the word vectors cannot be read, caches are exact only: %s", error)


@cache
def verified() -> dict[str, dict[str, Any]]:
    """Template → its figures, of those that were verified with the word vectors of this installation."""
    found = json.loads(VERIFIED.read_text()) if VERIFIED.exists() else {}
    return {name: figures for name, figures in found.items() if figures["embedder"] == embedder.cache_folder().name}


def threshold(template: str, policy: Serving) -> float | None:
    """The similarity from which two questions of a template with the same hard words are one; None: never."""
    if policy.semantic_threshold:
        return policy.semantic_threshold
    if template not in verified():
        say_unverified(template)
        return None
    return float(verified()[template]["threshold"])


@cache
def say_unverified(template: str) -> None:
    log.warning("%s has no verified similarity, its cache is exact only: run make bench B='cache --write'", template)


class Index:
    """Questions by their hard words; to each the key of its answer. Nothing is found until the vectors are read.

    `scope` is whatever else must be the same: the model, what was said before, the record below the question.
    """

    def __init__(self) -> None:
        self.known: dict[Hashable, dict[Hashable, np.ndarray]] = {}

    def add(self, scope: str, question: str, key: Hashable) -> Hashable | None:
        """Remember a question; returns where, for `remove`, or None where it has no hard word."""
        if not ready() or not (words := hard(question)):
            return None
        self.known.setdefault((scope, words), {})[key] = vector(question)
        return scope, words

    def find(self, scope: str, question: str, least: float) -> Hashable | None:
        """The key of the most similar question with the same hard words, if it is similar by `least` or more."""
        if not self.known or not ready():
            return None
        same = self.known.get((scope, hard(question)))
        if not same:
            return None
        asked = vector(question)
        key, similarity = max(((key, float(asked @ other)) for key, other in same.items()), key=lambda pair: pair[1])
        return key if similarity >= least else None

    def remove(self, where: Hashable, key: Hashable) -> None:
        same = self.known.get(where, {})
        same.pop(key, None)
        if not same:
            self.known.pop(where, None)


def vector(question: str) -> np.ndarray:
    """A unit vector [384]; zero where no word is known."""
    found: np.ndarray = embedder.embed_rows([question.lower()])[0]
    return found
