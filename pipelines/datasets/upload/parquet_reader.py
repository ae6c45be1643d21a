"""Read Parquet, with the class names that Hugging Face datasets keep beside their numbers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload.json_reader import reduce_source
from pipelines.readers.archives import MAX_BYTES
from pipelines.readers.source import Row, Source

BATCH_ROWS = 1000


def read_parquet(path: Path, name: str, notes: list[str]) -> Source:
    """A Parquet file; nested columns may be chat messages or annotations."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise WeaverError(f"{name} cannot be read as Parquet: {error}", "Export it again.") from error
    metadata = file.metadata
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if size > MAX_BYTES:
        raise WeaverError(f"{name} unpacks to {size} bytes", f"Split it into files of at most {MAX_BYTES >> 30} GiB.")
    names = file.schema_arrow.names
    if repeated := sorted({column for column in names if names.count(column) > 1}):
        raise WeaverError(f"{name} has two columns named {', '.join(repeated)}", "Rename one of them.")
    class_names = read_class_names(file.schema_arrow.metadata or {})
    for column, labels in class_names.items():
        notes.append(f"{column} has numbers that stand for {', '.join(labels[:5])}")
    index = [column for column in names if column.startswith("__index_level_")]  # of a pandas table

    def objects() -> Iterator[Row]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for row in batch.drop_columns([c for c in index if c in batch.schema.names]).to_pylist():
                    number += 1
                    yield number, replace_class_numbers(row, class_names)
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise WeaverError(f"{name}, after row {number}: {error}", "Export it again.") from error

    hugging_face = b"huggingface" in (file.schema_arrow.metadata or {})
    if not metadata.num_rows:
        raise WeaverError(f"{name} has no rows", "Export it again.")
    format_ = "Parquet, Hugging Face dataset" if hugging_face else "Parquet"
    return reduce_source(format_, name, "utf-8", objects, notes, unit="row")


def read_class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Column → the names of its classes, of the columns of a Hugging Face dataset that have them."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {
        column: [str(label) for label in feature["names"]]
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def replace_class_numbers(row: dict[str, Any], class_names: dict[str, list[str]]) -> dict[str, Any]:
    """A row with the names of classes for their numbers; -1 stands for none."""
    for column, labels in class_names.items():
        number = row.get(column)
        if isinstance(number, int):
            row[column] = labels[number] if 0 <= number < len(labels) else None
    return row
