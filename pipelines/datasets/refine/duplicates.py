"""When two rows are the same row in other clothes: MinHash proposes, the true Jaccard similarity decides.

Dealership rows are alike by nature: "P0420" and "P0430", "city" and "highway", "30 mpg" and "38 mpg" make different
facts of sentences that share nearly all their words, so likeness of words alone would throw facts away. Therefore
every shingle carries what its row must agree on before likeness counts at all: each word of the question and of the
answer, and of the record each word that is not letters alone. Rows that differ in one of these share no shingle: their
similarity is 0, not 0.97. What may still differ is case, punctuation, courtesy, and a little wording of a long record.

It also makes the work small: most rows are alone with what they say, and are never compared.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.engine import KEPT, GlobalStep, MappedRow

Row = Mapping[str, Any]

TEXT_COLUMNS = ("instruction", "input", "output")
QUESTION_COLUMNS = ("instruction", "input")

# A word with its inner marks and sign (-5, 2.0, 30%, F-150, 4Dr); or a symbol that is not punctuation ($, <, |).
WORD = re.compile(r"""(?:(?<!\w)[-+])?\w+(?:[.,:/'-]\w+)*%?|[^\w\s.,;:!?'"()\[\]-]""")
STOP_WORDS = frozenset({"a", "an", "the", "please"})
SHINGLE_WORDS = 3  # words a shingle: one changed word in a text of n words leaves a similarity of (n - 5) / (n + 1)
PERMUTATIONS, BANDS = 128, 32  # proposes 99.9% of the pairs that are alike by 0.7 or more
MINHASH_FROM = 16  # rows that are compared one by one; MinHash pays from there


def normalised_words(text: str) -> list[str]:
    """The words of a text, without case, punctuation and courtesy."""
    return [word for word in WORD.findall(text.casefold()) if word not in STOP_WORDS]


def text_key(*texts: str) -> bytes:
    """16 bytes that are equal when all the texts are."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).digest()


def agreement_key(said: Mapping[str, list[str]]) -> bytes:
    """What near-duplicates must agree on, of the words of each column."""
    facts = ([w for w in spoken if not w.isalpha()] if c == "input" else spoken for c, spoken in said.items())
    return text_key(*map(" ".join, facts))


def make_shingles(row: Row, columns: Iterable[str] = TEXT_COLUMNS) -> set[str]:
    """Word trigrams of some columns of a row, each marked with what near-duplicates must agree on."""
    said = {column: normalised_words(row[column]) for column in columns}
    marked = agreement_key(said).hex()
    text = [word for spoken in said.values() for word in spoken]
    return {f"{marked} {' '.join(text[i : i + SHINGLE_WORDS])}" for i in range(max(1, len(text) - SHINGLE_WORDS + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def make_minhash(said: set[str]) -> Any:
    from rensa import RMinHash

    made = RMinHash(PERMUTATIONS, 17)
    made.update(list(said))
    return made


class Bucket:
    """Rows with one mark: a few are all compared; of more, those that MinHash proposes."""

    __slots__ = ("index", "lsh", "rows")

    def __init__(self, index: "NearDuplicateIndex") -> None:
        self.index, self.rows = index, list[Row]()
        self.lsh: Any = None

    def find(self, said: set[str]) -> Row | None:
        """The first row whose shingles are nearly these."""
        near = sorted(self.lsh.query(make_minhash(said))) if self.lsh else range(len(self.rows))
        for row in (self.rows[number] for number in near):
            if jaccard(said, make_shingles(row, self.index.columns)) >= self.index.threshold:
                return row
        return None

    def add(self, row: Row, said: set[str]) -> None:
        if len(self.rows) == MINHASH_FROM:
            from rensa import RMinHashLSH

            self.lsh = RMinHashLSH(self.index.threshold, PERMUTATIONS, BANDS)
            for number, known in enumerate(self.rows):
                self.lsh.insert(number, make_minhash(make_shingles(known, self.index.columns)))
        if self.lsh:
            self.lsh.insert(len(self.rows), make_minhash(said))
        self.rows.append(row)


class NearDuplicateIndex:
    """Rows by likeness.

    Args:
        threshold: Jaccard similarity, 0 to 1, from which two rows are near-duplicates.
        columns: the columns that are compared.
    """

    def __init__(self, threshold: float, columns: Iterable[str] = TEXT_COLUMNS) -> None:
        self.threshold, self.columns = threshold, tuple(columns)
        self.kin: dict[bytes, Bucket] = {}

    def add(self, row: Row) -> None:
        kin = self.kin.setdefault(self.mark(row), Bucket(self))
        kin.add(row, make_shingles(row, self.columns) if len(kin.rows) >= MINHASH_FROM else set())

    def find(self, row: Row) -> Row | None:
        """The first row of the index that `row` is a near-duplicate of."""
        kin = self.kin.get(self.mark(row))
        return kin.find(make_shingles(row, self.columns)) if kin else None

    def find_or_add(self, row: Row) -> Row | None:
        kin = self.kin.setdefault(self.mark(row), Bucket(self))
        said = make_shingles(row, self.columns)
        found = kin.find(said)
        if found is None:
            kin.add(row, said)
        return found

    def mark(self, row: Row) -> bytes:
        return agreement_key({column: normalised_words(row[column]) for column in self.columns})


def row_texts(batch: pa.Table, columns: Iterable[str] = TEXT_COLUMNS) -> Iterable[tuple[str, ...]]:
    return zip(*(batch[column].to_pylist() for column in columns), strict=True)


def key_array(values: Iterable[bytes]) -> pa.Array:
    return pa.array(values, pa.binary(16))


def factorize(column: pa.ChunkedArray) -> np.ndarray:
    """Each value's number, in the order in which they first occur."""
    return pc.dictionary_encode(column.combine_chunks()).indices.to_numpy()


def prepare_exact(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    return pa.table({"text": key_array(text_key(*said) for said in row_texts(batch))})


def decide_exact(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    numbers = factorize(sketches["text"])
    seen_before = numbers <= np.maximum.accumulate(np.concatenate(([-1], numbers[:-1])))
    return pc.if_else(pa.array(seen_before), "exact duplicate", KEPT)


def prepare_near(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    return pa.table(
        {
            "mark": key_array(
                agreement_key(dict(zip(TEXT_COLUMNS, map(normalised_words, said), strict=True)))
                for said in row_texts(batch)
            )
        }
    )


def decide_near(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    """Of rows that are alike the first stays. Only rows whose mark is not theirs alone are looked up and compared."""
    numbers = factorize(sketches["mark"])
    index, alike = NearDuplicateIndex(plan.refine.near_duplicate), np.zeros(len(rows), dtype=bool)
    for number in np.flatnonzero(np.bincount(numbers)[numbers] > 1):
        alike[number] = index.find_or_add(MappedRow(rows, number)) is not None
    return pc.if_else(pa.array(alike), "near-duplicate", KEPT)


exact_duplicates = GlobalStep(prepare_exact, decide_exact)
near_duplicates = GlobalStep(prepare_near, decide_near)
