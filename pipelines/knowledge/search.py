"""Search a template's knowledge: exact keys, BM25 and embeddings, fused by reciprocal ranks.

A code, VIN, part number or vehicle that the question names decides: its passages come first, in the order of the other
two. The live version of the index is held in memory; 100,000 passages take about 1 GiB, and a search some milliseconds.
"""

import logging
import re
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.knowledge.index_rows import embedded_text, read_vectors, to_passages
from pipelines.knowledge.terms import find_terms
from pipelines.knowledge.vehicle_keys import VehicleKeys, find_years
from pipelines.text.embedder import embed_rows
from pipelines.text.passages import Passage, code_key, text_keys

CANDIDATES = 50  # of each retriever
FUSION_RANKS = 5  # added to a rank before it is inverted: how slowly the weight of ranks falls
EMBEDDING_WEIGHT = 0.3  # of a rank by embedding beside one by BM25
BARE_CODE = re.compile(r"(?<![\w.,$-])0\d{3}(?!\w|[.,-]\d)")  # 0455, of a powertrain code
DESIGNATION = re.compile(r"(?=.*\d)(?=.*[a-z])[a-z\d]+")  # of a model, part or standard: SX4, P04200
MIN_COVERAGE = 0.5  # of a question's terms, by weight, that a passage must hold to be close
MIN_SIMILARITY = 0.3  # cosine of question and passage


class Hit(NamedTuple):
    """A passage that was found."""

    passage: Passage
    score: float  # of the fusion; comparable within one search only
    keys: tuple[str, ...]  # those that the question names
    coverage: float  # share of the question's terms that it holds, by weight: 0 to 1
    similarity: float  # cosine of the embeddings


class SearchResult(NamedTuple):
    """What is known on a question."""

    hits: list[Hit]  # the best first
    close: bool  # whether the first is close enough to answer from
    unknown: tuple[str, ...]  # exact keys that the question names and no passage has
    version: int  # of the index


class KnowledgeIndex:
    """One version of an index in memory.

    Args:
        rows: of the index's table.
    """

    def __init__(self, rows: pa.Table, version: int) -> None:
        import bm25s
        from bm25s.tokenization import Tokenized

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # its import sets DEBUG
        self.version = version
        self.passages = to_passages(rows)
        self.vectors = np.ascontiguousarray(read_vectors(rows))
        self.by_key: dict[str, list[int]] = defaultdict(list)
        for number, passage in enumerate(self.passages):
            for key in passage.keys:
                self.by_key[key].append(number)
        self.vehicles = VehicleKeys(self.by_key)
        self.terms: list[str] = rows["terms"].to_pylist()  # parted by spaces
        vocabulary: dict[str, int] = {}  # numbers take a tenth of the memory of words
        ids = [[vocabulary.setdefault(term, len(vocabulary)) for term in terms.split()] for terms in self.terms]
        counts = Counter(id_ for numbers in ids for id_ in set(numbers))
        self.frequencies = Counter({term: counts[id_] for term, id_ in vocabulary.items()})
        self.bm25 = bm25s.BM25()
        if vocabulary:
            self.bm25.index(Tokenized(ids, vocabulary), show_progress=False)

    def search(self, question: str, limit: int = 5) -> SearchResult:
        """The passages that answer a question, the best first.

        Args:
            limit: how many at most.
        """
        if not self.passages:
            return SearchResult([], False, (), self.version)
        terms = find_terms(question)
        keys, unknown = self.find_keys(question)
        by_words, by_meaning = self.score_words(question), self.score_meaning(question)
        fused = self.fuse(by_words, by_meaning)
        named: dict[int, list[str]] = defaultdict(list)
        for key in keys:
            for number in self.by_key[key]:
                named[number].append(key)
        scores = {n: (len(named[n]), by_words[n] + by_meaning[n]) for n in named}
        exact = sorted(scores, key=scores.__getitem__, reverse=True)
        numbers = self.newer_first([*exact, *(number for number in fused if number not in named)])[:limit]
        hits = [
            Hit(
                self.passages[number],
                round(1.0 + fused.get(number, 0.0) if number in named else fused[number], 4),
                tuple(named.get(number, ())),
                round(self.coverage(terms, number), 3),
                round(float(by_meaning[number]), 3),
            )
            for number in numbers
        ]
        return SearchResult(hits, self.is_close(question, hits, unknown), unknown, self.version)

    def newer_first(self, numbers: list[int]) -> list[int]:
        """The numbers, with passages below the same headings of several documents in the order of their days.

        Two versions of a manual may contradict each other: the newer one is then before the older one.
        """
        groups: dict[str, list[int]] = defaultdict(list)
        for place, number in enumerate(numbers):
            if headings := self.passages[number].headings.casefold():
                groups[headings].append(place)
        ordered = list(numbers)
        for places in groups.values():
            newest = sorted((numbers[place] for place in places), key=lambda n: self.passages[n].since, reverse=True)
            for place, number in zip(places, newest, strict=True):
                ordered[place] = number
        return ordered

    def find_keys(self, question: str) -> tuple[list[str], tuple[str, ...]]:
        """The exact keys that a question names: those that passages have, and those that none has."""
        keys = list(text_keys(question))
        keys += [key for digits in BARE_CODE.findall(question) if (key := code_key(f"P{digits}")) in self.by_key]
        named = [key for key in dict.fromkeys([*keys, *self.vehicles.find(question)]) if key in self.by_key]
        return named, tuple(key for key in keys if key not in self.by_key)

    def score_words(self, question: str) -> np.ndarray:
        """The BM25 score of each passage, float32 [passages]."""
        indexed = [term for term in find_terms(question) if term in self.frequencies]
        if not indexed:
            return np.zeros(len(self.passages), np.float32)
        return np.asarray(self.bm25.get_scores(indexed))

    def score_meaning(self, question: str) -> np.ndarray:
        """The cosine of the embeddings of the question and each passage, float32 [passages]."""
        return np.asarray(self.vectors @ embed_rows([question])[0])

    def fuse(self, by_words: np.ndarray, by_meaning: np.ndarray) -> dict[int, float]:
        """Number of a passage → its score by reciprocal-rank fusion, the best first."""
        fused: dict[int, float] = defaultdict(float)
        for scores, weight in ((by_words, 1.0), (by_meaning, EMBEDDING_WEIGHT)):
            for rank, number in enumerate(best(scores)):
                fused[number] += weight / (FUSION_RANKS + rank)
        return dict(sorted(fused.items(), key=lambda item: -item[1]))

    def coverage(self, terms: list[str], number: int) -> float:
        """The share of a question's terms that a passage holds; a rare term weighs more, one of no passage most."""
        held = set(self.terms[number].split())
        weights = {term: self.weight(term) for term in terms}
        return sum(weight for term, weight in weights.items() if term in held) / (sum(weights.values()) or 1.0)

    def weight(self, term: str) -> float:
        """The inverse document frequency of a term."""
        count = self.frequencies[term]
        return float(np.log(1 + (len(self.passages) - count + 0.5) / (count + 0.5)))

    def is_close(self, question: str, hits: list[Hit], unknown: tuple[str, ...]) -> bool:
        """Whether the first hit is close enough to answer from.

        What a question names exactly must be there: the code, the part, the vehicle, the year, any designation.
        """
        if not hits or (unknown and not hits[0].keys):
            return False
        first = hits[0]
        if first.keys:
            return True
        years, text = find_years(question), embedded_text(first.passage)
        if years and not any(year in text for year in years):
            return False
        if any(DESIGNATION.fullmatch(term) and term not in self.frequencies for term in find_terms(question)):
            return False
        return first.coverage >= MIN_COVERAGE and first.similarity >= MIN_SIMILARITY


def best(scores: np.ndarray) -> list[int]:
    """The numbers of the CANDIDATES highest scores above zero, the highest first; equal ones in their order."""
    count = min(CANDIDATES, len(scores))
    numbers = np.argpartition(-scores, count - 1)[:count]
    ordered = sorted(numbers.tolist(), key=lambda number: (-scores[number], number))
    return [number for number in ordered if scores[number] > 0]
