"""The rows of an index's table: what a passage says, the terms that BM25 counts, and the vector of its text."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipelines.core.files import digest
from pipelines.core.fingerprint import SourceCode
from pipelines.knowledge.terms import find_terms
from pipelines.text.embedder import PACKAGE, cache_folder, embed_rows
from pipelines.text.passages import Passage

TERMS = SourceCode("pipelines.knowledge.terms")  # a change makes all rows anew, of which none is embedded again
DIMENSIONS = 384
UNKNOWN = np.zeros(DIMENSIONS, np.float32)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("title", pa.string()),
        ("source", pa.string()),
        ("page", pa.int32()),
        ("keys", pa.list_(pa.string())),
        ("safety_critical", pa.bool_()),
        ("since", pa.string()),
        ("digest", pa.string()),  # of the passage and of the code below
        ("embedded", pa.string()),  # digest of the text that the vector is of, and of the embedder
        ("terms", pa.string()),  # what BM25 counts, parted by spaces
        ("vector", pa.list_(pa.float32(), DIMENSIONS)),
    ]
)


def make_rows(some: Sequence[Passage], vectors: Mapping[str, np.ndarray]) -> tuple[pa.Table, int]:
    """The rows of passages, and how many were embedded; the others have the vector of an equal text.

    Args:
        vectors: digest of an embedded text → its vector, float32 [DIMENSIONS].
    """
    texts = [embedded_text(passage) for passage in some]
    keys = [digest([PACKAGE, cache_folder().name, text]) for text in texts]
    new = [at for at, key in enumerate(keys) if key not in vectors]
    matrix = np.stack([vectors.get(key, UNKNOWN) for key in keys])
    if new:
        matrix[new] = embed_rows([texts[at] for at in new])
    columns = {name: [getattr(passage, name) for passage in some] for name in Passage._fields}
    columns["keys"] = [list(passage.keys) for passage in some]
    flat = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), DIMENSIONS)
    columns |= {"digest": [row_digest(passage) for passage in some], "embedded": keys}
    columns |= {"terms": [" ".join(find_terms(text)) for text in texts]}
    return pa.table(columns | {"vector": flat}, schema=SCHEMA), len(new)


def read_embedded(rows: pa.Table) -> dict[str, np.ndarray]:
    """Digest of an embedded text → its vector, float32 [DIMENSIONS]."""
    return dict(zip(rows["embedded"].to_pylist(), read_vectors(rows), strict=True))


def row_digest(passage: Passage) -> str:
    """What a row depends on; 64 hex digits."""
    return digest([passage.digest, TERMS.digest, PACKAGE, cache_folder().name])


def embedded_text(passage: Passage) -> str:
    """What is embedded and searched of a passage: what it is about, and what it says."""
    title = passage.title.removeprefix(passage.source)
    return passage.text if passage.text.startswith(title) else f"{title}\n{passage.text}"


def read_vectors(rows: pa.Table) -> np.ndarray:
    """The vectors of rows, float32 [rows, DIMENSIONS]."""
    column = rows["vector"].combine_chunks()
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(-1, DIMENSIONS)


def to_passages(rows: pa.Table) -> list[Passage]:
    """The passages of rows, in their order."""
    columns = {name: rows[name].to_pylist() for name in Passage._fields}
    columns["keys"] = [tuple(keys) for keys in columns["keys"]]
    return [Passage(*fields) for fields in zip(*columns.values(), strict=True)]
