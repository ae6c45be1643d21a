"""Map the columns of a file to the fields of a row: by name, by synonym, or as the user says; never by a guess."""

import difflib
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.core.plan import Contract
from pipelines.core.validation import did_you_mean, quote
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
NAME_FIELDS = ("id", "key", "group", "source")  # fields that take a number as text
KINDS = ("grounded", "knowledge", "refusal")
# A spreadsheet evaluates text that begins like this; a number with its unit, or a dash before text, does not match.
FORMULA = re.compile(r"\s*(?:[=@]|[+-](?!\.?\d[\d.,]*\s?[\w%°/. ]*$|\s[^|]*$))")


class ColumnMapping:
    """Which column each field comes from.

    Args:
        source: the file.
        name: of the file, for messages.
        overrides: column → field, as the user says; an empty field leaves the column out.
        topic: the topic of every row, instead of a column's.

    Raises:
        WeaverError: a required field has no column, or two; names the columns, and suggests fields.
    """

    def __init__(self, source: Source, name: str, overrides: dict[str, str], topic: str = "") -> None:
        self.columns, self.topic = source.columns, topic
        self.fields: dict[str, str] = {}  # field → column
        self.how: dict[str, str] = {}  # column → why it is mapped so
        for column, field in overrides.items():
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
            self.how[column] = "left out by --map"
            if field:
                self.assign(field, column, "set by --map", name)
        for reason, names_of in (("same name", lambda f: (f,)), ("synonym", SYNONYMS.__getitem__)):
            for field in SYNONYMS:
                free = [c for c in self.columns if normalise_name(c) in names_of(field) and c not in self.how]
                if field not in self.fields and not (field == "topic" and topic):
                    for column in free:
                        self.assign(field, column, reason, name)
        if topic:
            self.how |= {
                c: "left out: --topic sets the topic"
                for c in self.columns
                if self.how.get(c) is None and is_topic_column(c)
            }
        missing = [field for field in REQUIRED_FIELDS if field not in self.fields and not (field == "topic" and topic)]
        if missing:
            unused = [column for column in self.columns if column not in self.fields.values()]
            near = [f"'{column}'{suggest_field(column)}" for column in unused]
            raise WeaverError(
                f"{name} has no column for {', '.join(missing)}; columns without a field: {', '.join(near) or 'none'}",
                f"Map a column: --map {unused[0] if unused else 'COLUMN'}={missing[0]}"
                + ("; or --topic NAME for all rows." if "topic" in missing else "."),
            )

    def assign(self, field: str, column: str, how: str, name: str) -> None:
        """Map a column to a field, unless the field has a column already."""
        if field in self.fields:
            raise WeaverError(
                f"{name}: both columns '{self.fields[field]}' and '{column}' map to {field}",
                f"Choose one: --map {self.fields[field]}={field} --map {column}=",
            )
        self.fields[field], self.how[column] = column, how

    def describe_columns(self) -> list[dict[str, str]]:
        """For each column its field, or why it has none."""
        fields = {column: field for field, column in self.fields.items()}
        return [
            {"column": c, "field": fields.get(c, ""), "how": self.how.get(c, f"not used{suggest_field(c)}")}
            for c in self.columns
        ]

    def to_row(self, values: dict[str, Any], contract: Contract, spreadsheet: bool) -> dict[str, Any] | Rejected:
        """A row with the contract's fields that the file has; or why it cannot be used.

        Args:
            values: column → value.
            spreadsheet: the file is a table, in which numbers may stand for texts, and formulas may be hidden.
        """
        row: dict[str, Any] = {"topic": self.topic} if self.topic else {}
        for field, column in self.fields.items():
            value = values.get(column)
            if value is None or (isinstance(value, str) and not value.strip()):
                if field in REQUIRED_FIELDS:
                    return Rejected(f"no {field}", f"column '{column}' is empty")
                continue
            if field == "facts":
                value = parse_facts(value)
            elif not isinstance(value, str):
                value = cell_text(value) if spreadsheet or field in NAME_FIELDS else None
            elif spreadsheet and FORMULA.match(value):
                return Rejected("a spreadsheet formula", f"{column} is '{value[:60]}'; write a text or a number there")
            if value is None:
                expected = "a map of names to texts" if field == "facts" else "text"
                shown = f"{type(values[column]).__name__} {quote(values[column])}"[:80]
                return Rejected(f"{field} is not {expected}", f"{column} is {shown}, expected {expected}")
            row[field] = value
        row.setdefault("input", "")
        return next(check_contract(row, contract), None) or row


def check_contract(row: dict[str, Any], contract: Contract) -> Iterator[Rejected]:
    """The faults for which the contract would reject this row."""
    for field in ("instruction", "input", "output"):
        most = getattr(contract, f"max_{field}_chars")
        if len(row[field]) > most:
            yield Rejected(f"{field} is too long", f"{len(row[field])} characters, the contract allows {most}")
    for field, allowed in (("topic", contract.topics), ("kind", KINDS)):
        if allowed and row.get(field, allowed[0]) not in allowed:
            yield Rejected(
                f"unknown {field}",
                f"'{row[field]}'{did_you_mean(row[field], allowed)}; allowed are {', '.join(allowed)}",
            )


def cell_text(value: Any) -> str | None:
    """A cell's number or date as text; None if it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat(*" " * isinstance(value, datetime))
    return None


def parse_facts(value: Any) -> dict[str, str] | None:
    """A map of names to texts, or its JSON, as a dict; None if the value is no such map."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if isinstance(value, list):  # a Parquet map
        value = dict(value) if all(isinstance(pair, tuple) and len(pair) == 2 for pair in value) else None
    if not isinstance(value, dict):
        return None
    facts = {name: text for name, text in value.items() if text is not None}  # a Parquet struct names every field
    return facts if all(isinstance(part, str) for pair in facts.items() for part in pair) else None


def normalise_name(column: str) -> str:
    """A column's name in lower case, with underscores."""
    return re.sub(r"\W+", "_", column.strip().lower()).strip("_")


def is_topic_column(column: str) -> bool:
    """Whether a column is named topic, or a synonym of it."""
    return normalise_name(column) in ("topic", *SYNONYMS["topic"])


def suggest_field(column: str) -> str:
    """The end of a message: the field whose name or synonym is most like the column's."""
    words = {word: field for field, synonyms in SYNONYMS.items() for word in (field, *synonyms)}
    near = difflib.get_close_matches(normalise_name(column), words, n=1, cutoff=0.6)
    return f"; did you mean '{words[near[0]]}'?" if near else ""
