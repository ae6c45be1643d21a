"""Find exact duplicates, and what steps that must see all rows share: keys of texts, and numbers of values."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.engine import KEPT, GlobalStep

Row = Mapping[str, Any]

TEXT_COLUMNS = ("instruction", "input", "output")

# A word with its inner marks and sign (-5, 2.0, 30%, F-150, 4Dr); or a symbol that is not punctuation ($, <, |).
WORD = re.compile(r"""(?:(?<!\w)[-+])?\w+(?:[.,:/'-]\w+)*%?|[^\w\s.,;:!?'"()\[\]-]""")
STOP_WORDS = frozenset({"a", "an", "the", "please"})


def normalised_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation and stop words."""
    return [word for word in WORD.findall(text.casefold()) if word not in STOP_WORDS]


def text_key(*texts: str) -> bytes:
    """16 bytes that are equal if all the texts are."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).digest()


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


exact_duplicates = GlobalStep(prepare_exact, decide_exact)
