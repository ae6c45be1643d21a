"""Find duplicates and near-duplicates: MinHash proposes candidates, the exact Jaccard similarity decides.

Dealership rows resemble each other: "P0420" and "P0430", "city" and "highway", "30 mpg" and "38 mpg" are different
facts in sentences that share nearly all their words, so that word similarity alone would drop facts. Every shingle
therefore contains its row's agreement key: each word of the question and the answer, and each word of the record that
is not letters only. Rows with different keys share no shingle; their similarity is 0, not 0.97. Near-duplicates may
differ in case, punctuation, stop words, and a little wording of a long record.

This also reduces the work: most rows have an agreement key that no other row has, and are never compared.
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
SHINGLE_WORDS = 3  # words per shingle: one changed word in a text of n words leaves a similarity of (n - 5) / (n + 1)
PERMUTATIONS, BANDS = 128, 32  # proposes 99.9% of the pairs with a similarity of 0.7 or more
MINHASH_FROM = 16  # rows in a bucket; fewer are compared one by one, which is faster


def normalised_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation and stop words."""
    return [word for word in WORD.findall(text.casefold()) if word not in STOP_WORDS]


def text_key(*texts: str) -> bytes:
    """16 bytes that are equal if all the texts are."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).digest()


def agreement_key(words: Mapping[str, list[str]]) -> bytes:
    """A key of the words that near-duplicates must share; `words` has those of each column."""
    facts = ([w for w in column if not w.isalpha()] if name == "input" else column for name, column in words.items())
    return text_key(*map(" ".join, facts))


def make_shingles(row: Row, columns: Iterable[str] = TEXT_COLUMNS) -> set[str]:
    """Word trigrams of some columns of a row, each prefixed with the row's agreement key."""
    words = {column: normalised_words(row[column]) for column in columns}
    key = agreement_key(words).hex()
    text = [word for column in words.values() for word in column]
    return {f"{key} {' '.join(text[i : i + SHINGLE_WORDS])}" for i in range(max(1, len(text) - SHINGLE_WORDS + 1))}


def jaccard(left: set[str], right: set[str]) -> float:
    """The Jaccard similarity of two sets, 0 to 1."""
    return len(left & right) / len(left | right)


def make_minhash(shingles: set[str]) -> Any:
    """The MinHash of a row's shingles."""
    from rensa import RMinHash

    minhash = RMinHash(PERMUTATIONS, 17)
    minhash.update(list(shingles))
    return minhash


class Bucket:
    """Rows with the same agreement key: a few are all compared; of more, those that MinHash proposes."""

    __slots__ = ("index", "lsh", "rows")

    def __init__(self, index: "NearDuplicateIndex") -> None:
        self.index, self.rows = index, list[Row]()
        self.lsh: Any = None

    def find(self, shingles: set[str]) -> Row | None:
        """The first row whose shingles are similar enough to these."""
        candidates = sorted(self.lsh.query(make_minhash(shingles))) if self.lsh else range(len(self.rows))
        for row in (self.rows[number] for number in candidates):
            if jaccard(shingles, make_shingles(row, self.index.columns)) >= self.index.threshold:
                return row
        return None

    def add(self, row: Row, shingles: set[str]) -> None:
        """Add a row; its shingles may be empty while the bucket holds fewer than MINHASH_FROM rows."""
        if len(self.rows) == MINHASH_FROM:
            from rensa import RMinHashLSH

            self.lsh = RMinHashLSH(self.index.threshold, PERMUTATIONS, BANDS)
            for number, earlier in enumerate(self.rows):
                self.lsh.insert(number, make_minhash(make_shingles(earlier, self.index.columns)))
        if self.lsh:
            self.lsh.insert(len(self.rows), make_minhash(shingles))
        self.rows.append(row)


class NearDuplicateIndex:
    """An index of rows that finds near-duplicates.

    Args:
        threshold: Jaccard similarity, 0 to 1, from which two rows are near-duplicates.
        columns: the columns that are compared.
    """

    def __init__(self, threshold: float, columns: Iterable[str] = TEXT_COLUMNS) -> None:
        self.threshold, self.columns = threshold, tuple(columns)
        self.buckets: dict[bytes, Bucket] = {}

    def add(self, row: Row) -> None:
        """Add a row without looking for near-duplicates of it."""
        bucket = self.buckets.setdefault(self.key_of(row), Bucket(self))
        bucket.add(row, make_shingles(row, self.columns) if len(bucket.rows) >= MINHASH_FROM else set())

    def find(self, row: Row) -> Row | None:
        """The first row of the index that `row` is a near-duplicate of."""
        bucket = self.buckets.get(self.key_of(row))
        return bucket.find(make_shingles(row, self.columns)) if bucket else None

    def find_or_add(self, row: Row) -> Row | None:
        """The first row that `row` is a near-duplicate of; if there is none, add `row` and return None."""
        bucket = self.buckets.setdefault(self.key_of(row), Bucket(self))
        shingles = make_shingles(row, self.columns)
        duplicate = bucket.find(shingles)
        if duplicate is None:
            bucket.add(row, shingles)
        return duplicate

    def key_of(self, row: Row) -> bytes:
        """The agreement key of a row's compared columns."""
        return agreement_key({column: normalised_words(row[column]) for column in self.columns})


def row_texts(batch: pa.Table, columns: Iterable[str] = TEXT_COLUMNS) -> Iterable[tuple[str, ...]]:
    """The texts of each row of a batch."""
    return zip(*(batch[column].to_pylist() for column in columns), strict=True)


def key_array(values: Iterable[bytes]) -> pa.Array:
    """An Arrow array of 16-byte keys."""
    return pa.array(values, pa.binary(16))


def factorize(column: pa.ChunkedArray) -> np.ndarray:
    """A number per distinct value, in the order in which the values first occur."""
    codes: np.ndarray = pc.dictionary_encode(column.combine_chunks()).indices.to_numpy()
    return codes


def prepare_exact(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """A key of each row's texts."""
    return pa.table({"text": key_array(text_key(*texts) for texts in row_texts(batch))})


def decide_exact(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    """Drop every row whose texts an earlier row has."""
    numbers = factorize(sketches["text"])
    seen_before = numbers <= np.maximum.accumulate(np.concatenate(([-1], numbers[:-1])))
    return pc.if_else(pa.array(seen_before), "exact duplicate", KEPT)


def prepare_near(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """The agreement key of each row."""
    return pa.table(
        {
            "key": key_array(
                agreement_key(dict(zip(TEXT_COLUMNS, map(normalised_words, texts), strict=True)))
                for texts in row_texts(batch)
            )
        }
    )


def decide_near(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    """Keep the first of near-duplicate rows. Only rows that share their agreement key with another are compared."""
    numbers = factorize(sketches["key"])
    index, duplicate = NearDuplicateIndex(plan.refine.near_duplicate), np.zeros(len(rows), dtype=bool)
    for number in np.flatnonzero(np.bincount(numbers)[numbers] > 1):
        duplicate[number] = index.find_or_add(MappedRow(rows, number)) is not None
    return pc.if_else(pa.array(duplicate), "near-duplicate", KEPT)


exact_duplicates = GlobalStep(prepare_exact, decide_exact)
near_duplicates = GlobalStep(prepare_near, decide_near)
