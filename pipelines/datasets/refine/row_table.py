"""Rows as Arrow tables: parsed from lines of JSON, spilled to files and mapped back, restored as they are written."""

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.files import canonical_json

TEXT_COLUMNS = ("instruction", "input", "output", "topic", "source", "key", "kind", "group")
OUTPUT_CHARS = "output_chars"  # column for the steps only; it is not written to any file


class MappedRow(Mapping[str, Any]):
    """A row whose texts stay in their file until they are read."""

    __slots__ = ("number", "table")

    def __init__(self, table: pa.Table, number: Any) -> None:
        self.table, self.number = table, int(number)

    def __getitem__(self, column: str) -> Any:
        return self.table[column][self.number].as_py()

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.column_names)

    def __len__(self) -> int:
        return int(self.table.num_columns)


class SpillFile:
    """An Arrow IPC file to which tables are written one by one, to be read as one memory-mapped table."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer: pa.ipc.RecordBatchFileWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Append a table; all must have the same schema."""
        self.writer = self.writer or pa.ipc.new_file(self.path, table.schema)
        if table.num_rows:
            self.writer.write_table(table.combine_chunks())

    def read(self) -> pa.Table:
        """The table of all that was written. Its file is unlinked, and is freed together with the table."""
        if self.writer is None:
            return pa.table({})
        self.writer.close()
        table = pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()
        self.path.unlink()
        return table


def read_lines(path: Path, count: int) -> Iterator[pa.Table]:
    """The lines of a file as tables of `count` rows with one column, `line`."""
    with path.open("rb") as stream:
        while lines := list(islice(stream, count)):
            yield pa.table({"line": pa.array(lines, pa.binary())})


def parse_lines(batch: pa.Table) -> pa.Table:
    """Lines of JSON → rows: the texts; `facts` and `extra` (a row's other keys) as JSON; `id`, a hash of the line.

    OUTPUT_CHARS is the length of the answer as it was collected: it shows where a source cuts its texts.
    """
    lines = batch["line"].to_pylist()
    rows = [json.loads(line) for line in lines]
    columns = {column: [row.pop(column) for row in rows] for column in TEXT_COLUMNS}
    columns["facts"] = [canonical_json(row.pop("facts")) for row in rows]
    columns["extra"] = [canonical_json(row) if row else "{}" for row in rows]
    columns["id"] = [blake2b(line, digest_size=8).hexdigest() for line in lines]
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return table.append_column(OUTPUT_CHARS, pc.utf8_length(table["output"]))


def restore_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as they are written to a file: `facts` and `extra` as JSON values again, with the columns that steps added.

    Bytes, which are for other steps only, are left out.
    """
    left_out = {OUTPUT_CHARS} | {field.name for field in table.schema if is_bytes(field.type)}
    for row in table.select([column for column in table.column_names if column not in left_out]).to_pylist():
        facts, extra = (parse_object(row.pop(column)) for column in ("facts", "extra"))
        yield {**extra, **{column: value for column, value in row.items() if value is not None}, "facts": facts}


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column holds bytes."""
    return bool(pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind))


def parse_object(text: str) -> dict[str, Any]:
    """An object of JSON; most are empty."""
    parsed: dict[str, Any] = {} if text == "{}" else json.loads(text)
    return parsed


def iterate_batches(table: pa.Table) -> Iterator[pa.Table]:
    """The record batches of a table, each as a table."""
    return (pa.Table.from_batches([batch]) for batch in table.to_batches())
