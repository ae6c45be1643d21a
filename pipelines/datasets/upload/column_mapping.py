"""Columns of a file → fields of a row: by the same name, by a known synonym, or as the user says; never by a guess."""

import difflib
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.core.plan import Contract
from pipelines.core.validation import did_you_mean
from pipelines.datasets.upload.readers import Rejected, Source

SYNONYMS = {
    "instruction": ("question", "prompt", "query", "request", "user", "customer_question"),
    "input": ("context", "record", "passage", "background", "document"),
    "output": ("answer", "response", "reply", "completion", "assistant", "target"),
    "topic": ("category", "subject", "intent", "department"),
    "source": ("origin", "reference", "url"),
    "key": ("vehicle", "part_number", "stock_number"),
    "kind": (),
    "facts": (),
    "group": ("conversation_id", "thread_id", "cluster"),
    "id": ("row_id", "uuid", "ticket_id"),
}
REQUIRED_FIELDS = ("instruction", "output", "topic")
NAME_FIELDS = ("id", "key", "group", "source")  # a number is as good a name as a text
KINDS = ("grounded", "knowledge", "refusal")
# A spreadsheet runs what begins like this; a number with its unit, and a dash before a text, are neither.
FORMULA = re.compile(r"\s*(?:[=@]|[+-](?!\.?\d[\d.,]*\s?[\w%°/. ]*$|\s[^|]*$))")


class ColumnMapping:
    """Which column each field comes from.

    Args:
        told: column → field, as the user says; an empty field leaves the column out.
        topic: the topic of every row, instead of a column's.

    Raises:
        WeaverError: a needed field has no column, or two; names the columns, and the nearest names.
    """

    def __init__(self, source: Source, name: str, told: dict[str, str], topic: str = "") -> None:
        self.columns, self.topic = source.columns, topic
        self.fields: dict[str, str] = {}  # field → column
        self.how: dict[str, str] = {}  # column → why it is taken so
        for column, field in told.items():
            if column not in self.columns:
                raise WeaverError(
                    f"--map {column}: {name} has no such column{did_you_mean(column, self.columns)}",
                    f"It has: {', '.join(self.columns)}.",
                )
            if field and field not in SYNONYMS:
                raise WeaverError(
                    f"--map {column}={field}: there is no such field{did_you_mean(field, SYNONYMS)}",
                    f"Choose one of: {', '.join(SYNONYMS)}.",
                )
            self.how[column] = "left out, as you say"
            if field:
                self.take(field, column, "as you say", name)
        for reason, known in (("same name", lambda f: (f,)), ("synonym", SYNONYMS.__getitem__)):
            for field in SYNONYMS:
                free = [c for c in self.columns if normalise_name(c) in known(field) and c not in self.how]
                if field not in self.fields and not (field == "topic" and topic):
                    for column in free:
                        self.take(field, column, reason, name)
        if topic:
            self.how |= {
                c: "left out: --topic says it" for c in self.columns if self.how.get(c) is None and is_topic_column(c)
            }
        missing = [field for field in REQUIRED_FIELDS if field not in self.fields and not (field == "topic" and topic)]
        if missing:
            unused = [column for column in self.columns if column not in self.fields.values()]
            near = [f"{column!r}{suggest_field(column)}" for column in unused]
            raise WeaverError(
                f"{name} has no column for {', '.join(missing)}; columns without a field: {', '.join(near) or 'none'}",
                f"Say which: --map {unused[0] if unused else 'COLUMN'}={missing[0]}"
                + ("; or --topic NAME for all rows." if "topic" in missing else "."),
            )

    def take(self, field: str, column: str, how: str, name: str) -> None:
        if field in self.fields:
            raise WeaverError(
                f"{name}: both {self.fields[field]!r} and {column!r} would be the {field}",
                f"Say which: --map {self.fields[field]}={field} --map {column}=",
            )
        self.fields[field], self.how[column] = column, how

    def told(self) -> list[dict[str, str]]:
        """A line for each column: its field, or why it has none."""
        fields = {column: field for field, column in self.fields.items()}
        return [
            {"column": c, "field": fields.get(c, ""), "how": self.how.get(c, f"not used{suggest_field(c)}")}
            for c in self.columns
        ]

    def row(self, values: dict[str, Any], contract: Contract, spreadsheet: bool) -> dict[str, Any] | Rejected:
        """A row of the contract's fields, as far as the file gives them; or why it cannot be used.

        Args:
            spreadsheet: it comes from a table where numbers are typed by the program, and formulas may hide.
        """
        row: dict[str, Any] = {"topic": self.topic} if self.topic else {}
        for field, column in self.fields.items():
            value = values.get(column)
            if value is None or (isinstance(value, str) and not value.strip()):
                if field in REQUIRED_FIELDS:
                    return Rejected(f"no {field}", f"column {column!r} is empty")
                continue
            if field == "facts":
                value = parse_facts(value)
            elif not isinstance(value, str):
                value = cell_text(value) if spreadsheet or field in NAME_FIELDS else None
            elif spreadsheet and FORMULA.match(value):
                return Rejected("a spreadsheet formula", f"{column} is {value[:60]!r}; write a text or a number there")
            if value is None:
                kind = "texts by name" if field == "facts" else "text"
                shown = f"{type(values[column]).__name__} {values[column]!r}"[:80]
                return Rejected(f"{field} is not {kind}", f"{column} is {shown}, expected {kind}")
            row[field] = value
        row.setdefault("input", "")
        return next(check_contract(row, contract), None) or row


def check_contract(row: dict[str, Any], contract: Contract) -> Iterator[Rejected]:
    """What the contract would say of this row."""
    for field in ("instruction", "input", "output"):
        most = getattr(contract, f"max_{field}_chars")
        if len(row[field]) > most:
            yield Rejected(f"{field} is too long", f"{len(row[field])} characters, the contract takes {most}")
    for field, allowed in (("topic", contract.topics), ("kind", KINDS)):
        if allowed and row.get(field, allowed[0]) not in allowed:
            yield Rejected(
                f"unknown {field}", f"{row[field]!r}{did_you_mean(row[field], allowed)}; one of {', '.join(allowed)}"
            )


def cell_text(value: Any) -> str | None:
    """A cell as it is read; None if it is no single value."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat(*" " * isinstance(value, datetime))
    return None


def parse_facts(value: Any) -> dict[str, str] | None:
    """{name: text}, or the JSON of it."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if isinstance(value, list):  # a Parquet map
        value = dict(value) if all(isinstance(pair, tuple) and len(pair) == 2 for pair in value) else None
    if not isinstance(value, dict):
        return None
    given = {name: told for name, told in value.items() if told is not None}  # a Parquet struct names every field
    return given if all(isinstance(part, str) for pair in given.items() for part in pair) else None


def normalise_name(column: str) -> str:
    return re.sub(r"\W+", "_", column.strip().lower()).strip("_")


def is_topic_column(column: str) -> bool:
    return normalise_name(column) in ("topic", *SYNONYMS["topic"])


def suggest_field(column: str) -> str:
    """The field whose name, or synonym, is nearest to a column's."""
    words = {word: field for field, synonyms in SYNONYMS.items() for word in (field, *synonyms)}
    near = difflib.get_close_matches(normalise_name(column), words, n=1, cutoff=0.6)
    return f"; did you mean {words[near[0]]!r}?" if near else ""
