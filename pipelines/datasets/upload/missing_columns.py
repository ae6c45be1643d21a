"""What to say of a file in which a question, an answer or a topic has no column."""

import shlex
from typing import TYPE_CHECKING

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import role_guess

if TYPE_CHECKING:
    from pipelines.datasets.upload.column_mapping import ColumnMapping

SHOWN_COLUMNS = 8  # of a file, in a message


def missing_columns(mapping: "ColumnMapping", missing: list[str], guesses: dict[str, str]) -> WeaverError:
    """The error that names the fields without a column, the columns with what they seem to hold, and what to type.

    Args:
        mapping: of the columns that have a field.
        missing: the fields without a column.
        guesses: field → the column that seems to hold it.
    """
    unused = [column for column in mapping.columns if column not in mapping.fields.values()]
    unused.sort(key=lambda column: (column not in guesses.values(), not mapping.roles[column]))
    near = [
        f"'{column}'{suggestion}"
        if (suggestion := role_guess.suggest_field(column))
        else role_guess.describe_column(column, mapping.roles[column], mapping.sample[column])
        for column in unused[:SHOWN_COLUMNS]
    ]
    if len(unused) > SHOWN_COLUMNS:
        near.append(f"and {len(unused) - SHOWN_COLUMNS} more")
    options = [f"--map {shlex.quote(f'{column}={field}')}" for field, column in guesses.items()]
    open_fields = [field for field in missing if field not in guesses]
    remedy = []
    if {"instruction", "output"} <= {*open_fields} and role_guess.is_record_table(mapping.roles):
        record = shlex.quote(",".join(mapping.record_candidates()) + "=input")
        remedy.append(
            "A row must have a question (instruction) and its answer (output). This looks like a table of records: "
            "to have questions asked about each record, say which columns are the record: "
            f"--map {record} --topic NAME"
        )
    elif options:
        remedy.append(f"Map a column: {' '.join(options)}")
    named = [field for field in open_fields if field != "topic"]
    if named and not remedy:
        remedy.append(f"Say which column it is: {' '.join(f'--map COLUMN={field}' for field in named)}")
    if mapping.is_table and len(mapping.columns) == 1:
        remedy.append("the file has one column: export it with commas or tabs between the columns")
    if "nested" in mapping.roles.values():
        remedy.append("a conversation is a list of messages, each with its role and its text")
    if "topic" in open_fields:
        topics = ", ".join(mapping.contract.topics)
        remedy.append(f"--topic NAME sets the topic of all rows{f' (one of {topics})' if topics else ''}")
    separator = "; " if len(remedy) > 1 and remedy[0].endswith("NAME") else "; or "
    sheets = [note for note in mapping.source_notes if note.startswith("sheets that are not read")]
    return WeaverError(
        f"{mapping.name} has no column for {', '.join(missing)}; columns without a field: {', '.join(near) or 'none'}",
        "; ".join([separator.join(remedy), *sheets]) + ".",
    )
