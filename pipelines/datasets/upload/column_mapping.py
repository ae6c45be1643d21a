"""Map the columns of a file to the fields of a row: as the user says, by name, by synonym; a guess is asked about."""

import csv
import shlex
from collections import Counter
from typing import Any

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.plan import Contract
from pipelines.core.validation import quote
from pipelines.datasets.upload import role_guess
from pipelines.datasets.upload.cell_values import (
    cell_text,
    describe_formula,
    is_formula,
    is_header_row,
    is_totals_row,
    parse_facts,
)
from pipelines.datasets.upload.missing_columns import SHOWN_COLUMNS, missing_columns
from pipelines.datasets.upload.record_tables import Pattern, ask_record, find_patterns, match_patterns, record_text
from pipelines.datasets.upload.row_contract import check_contract, check_topic
from pipelines.datasets.upload.speakers import SIDES, confirm_options, describe_speakers
from pipelines.readers.column_names import FIELD_OF_NAME, SYNONYMS, field_of, normalise_name
from pipelines.readers.source import Rejected, Source
from pipelines.text.importance import EXAMPLE
from pipelines.text.no_value import is_no_value

REQUIRED_FIELDS = ("instruction", "output", "topic")
NAME_FIELDS = ("id", "key", "group", "source")  # fields that take a number as text
# Fields that map names of facts to texts, and what a value must be.
FACT_FIELDS = {"facts": "a map of names to texts", "importance": f"a map of facts such as {EXAMPLE}"}
GUESSED = "guessed"
SHOWN_NAMES = 200  # of columns and speakers, in a message


class ColumnMapping:
    """Which column each field comes from.

    Args:
        source: the file.
        name: of the file, for messages.
        overrides: column → field, as the user says; an empty field leaves the column out. `A,B,C` → input makes these
            columns the record.
        contract: of the template.
        topic: the topic of every row, instead of a column's.
        guess: map what has no field by its values too, for a person to confirm.
        topic_names: a topic as the file names it → the contract's.

    Attributes:
        unknown_topics: the topics of rows that the contract does not have, and how many rows have each.

    Raises:
        WeaverError: the contract has no such topic; a required field has no column, or two; names the columns, what
            they seem to hold, and suggests fields.
    """

    def __init__(
        self,
        source: Source,
        name: str,
        overrides: dict[str, str],
        contract: Contract,
        topic: str = "",
        guess: bool = False,
        topic_names: dict[str, str] | None = None,
    ) -> None:
        self.columns, self.name, self.contract = source.columns, name, contract
        self.topic = check_topic(topic, contract) if topic else ""
        self.is_table, self.source_notes = source.is_table, source.notes
        self.notes: list[str] = []
        self.unknown_topics: Counter[str] = Counter()
        self.topic_names = {normalise_name(name): name for name in contract.topics}
        for theirs, ours in (topic_names or {}).items():
            self.topic_names[normalise_name(theirs)] = check_topic(ours, contract)
        self.fields: dict[str, str] = {}  # field → column
        self.record: list[str] = []  # the columns that are the input together
        self.how: dict[str, str] = {}  # column → why it is mapped so
        self.patterns: dict[str, Pattern] = {}  # of a table of records: column → how the template asks for it
        self.sample = role_guess.sample_columns(source)
        self.roles = {c: role_guess.guess_role(c, values, contract.topics) for c, values in self.sample.items()}
        self.speakers = source.speakers
        names = {speaker.name for speaker in source.speakers} - {*self.columns}
        for columns, field in overrides.items():
            if columns in names or (field in SIDES and columns not in self.columns and names & {*overrides}):
                continue  # it says who answers in this chat, or in another one of the folder
            self.override(self.split_columns(columns), field)
        self.map_names()
        missing = self.missing_fields()
        self.asks_records = bool(self.record) and {"instruction", "output"} <= {*missing}
        guesses = role_guess.guess_fields(missing, self.free_columns(), self.roles, "instruction" in self.fields)
        if self.asks_records:
            missing = []
        elif guess:
            for field, column in guesses.items():
                self.assign(field, column, GUESSED)
            missing = self.missing_fields()
            if {"instruction", "output"} <= {*missing} and role_guess.is_record_table(self.roles) and not overrides:
                self.record = self.record_candidates()
                self.how |= dict.fromkeys(self.record, GUESSED)
                self.asks_records, missing = True, []
            elif not missing and GUESSED in self.how.values() and "input" not in self.fields and not self.record:
                self.record = role_guess.described_record(self.free_columns(), self.roles)
                self.how |= dict.fromkeys(self.record, GUESSED)
        if self.asks_records:
            self.choose_key()
        if missing:
            raise missing_columns(self, missing, guesses)

    def split_columns(self, columns: str) -> list[str]:
        """The columns of a --map: one, or several with commas between them.

        Raises:
            WeaverError: the file has no such column.
        """
        if columns in self.columns:
            return [columns]
        parts = [part.strip() for part in next(csv.reader([columns], skipinitialspace=True), [])]
        names = [*self.columns, *(speaker.name for speaker in self.speakers)]
        for part in parts:
            if part not in self.columns:
                raise WeaverError(
                    f"--map {part}: {self.name} has no such column{did_you_mean(part, names)}",
                    f"It has: {', '.join(names[:SHOWN_NAMES])}.",
                )
        return parts

    def override(self, columns: list[str], field: str) -> None:
        """Map columns as the user says.

        Raises:
            WeaverError: there is no such field; several columns for a field other than input; or two maps for a field.
        """
        if field and field not in SYNONYMS:
            near = FIELD_OF_NAME.get(normalise_name(field))
            raise WeaverError(
                f"--map {','.join(columns)}={field}: there is no such field"
                + (f"; did you mean '{near}'?" if near else did_you_mean(field, SYNONYMS)),
                f"Choose one of: {', '.join(SYNONYMS)}.",
            )
        self.how |= dict.fromkeys(columns, "set by --map" if field else "left out by --map")
        if field == "input" and (len(columns) > 1 or self.record):
            self.record += columns
        elif len(columns) > 1 and field:
            raise WeaverError(
                f"--map {','.join(columns)}={field}: only input may have several columns, which are then the record",
                f"Choose one column for {field}.",
            )
        elif field:
            self.assign(field, columns[0], "set by --map")

    def map_names(self) -> None:
        """Map the columns that are named like a field, then those with a synonym."""
        for reason, by_name in (("same name", True), ("synonym", False)):
            for field in SYNONYMS:
                if field in self.fields or (field == "topic" and self.topic) or (field == "input" and self.record):
                    continue
                for column in self.columns:
                    named = column not in self.how and field_of(column) == field
                    if named and (normalise_name(column) == field) == by_name:
                        self.assign(field, column, reason)
        if self.topic:
            left_out = {c: "left out: --topic sets the topic" for c in self.columns if field_of(c) == "topic"}
            self.how = left_out | self.how

    def missing_fields(self) -> list[str]:
        """The required fields that have no column."""
        return [f for f in REQUIRED_FIELDS if f not in self.fields and not (f == "topic" and self.topic)]

    def free_columns(self) -> list[str]:
        """The columns that have no field and were not left out."""
        return [column for column in self.columns if column not in self.how]

    def record_candidates(self) -> list[str]:
        """The columns that make up a record: those with values that are neither ids nor mapped to a field."""
        return [c for c in role_guess.record_columns(self.roles) if c not in self.how]

    def choose_key(self) -> None:
        """Map the column that identifies a record, such as its VIN, to key; what the user says has precedence."""
        if self.how.get(self.fields.get("key", "")) == "set by --map":
            return
        column = role_guess.identifying_column([c for c in self.columns if self.roles[c] == "id"])
        if column and column in {*self.free_columns(), *self.fields.values()}:
            self.fields = {f: c for f, c in self.fields.items() if c != column and f != "key"}
            self.assign("key", column, "identifies the record")

    def assign(self, field: str, column: str, how: str) -> None:
        """Map a column to a field, unless the field has a column already."""
        if field in self.fields:
            raise WeaverError(
                f"{self.name}: both columns '{self.fields[field]}' and '{column}' map to {field}",
                f"Choose one: --map {shlex.quote(f'{self.fields[field]}={field}')} --map {shlex.quote(f'{column}=')}",
            )
        self.fields[field], self.how[column] = column, how

    def find_patterns(self, data_source: str) -> None:
        """Find how the template asks about the columns of a record; without a topic, only about those that it knows.

        Raises:
            WeaverError: it asks about none of them, and there is no topic for general questions.
        """
        from pipelines.datasets.collect import locate_source

        self.patterns = match_patterns(self.record, self.sample, find_patterns(locate_source(data_source)[0]()))
        asked_columns = ", ".join(self.patterns) or "none of them"
        self.notes.append(f"each row is a record; the template has questions about these columns: {asked_columns}")
        if self.topic:
            self.notes.append("about the other columns of the record it is asked in general: What is the …?")
        elif not self.patterns:
            topics = f" (one of {', '.join(self.contract.topics)})" if self.contract.topics else ""
            more = len(self.record) - SHOWN_COLUMNS
            shown = ", ".join(self.record[:SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")
            raise WeaverError(
                f"{self.name} is a table of records, and the template has no question about {shown}",
                f"--topic NAME{topics} asks about each column in general; or map a question and an answer: "
                "--map COLUMN=instruction --map COLUMN=output.",
            )

    def guessed_options(self) -> list[str]:
        """The --map options that confirm what was guessed."""
        single = [(column, field) for field, column in self.fields.items() if self.how[column] == GUESSED]
        options = [f"--map {shlex.quote(f'{column}={field}')}" for column, field in single]
        if self.record and self.how[self.record[0]] == GUESSED:
            options.append(f"--map {shlex.quote(','.join(self.record) + '=input')}")
        return [*confirm_options(self.speakers), *options]

    def describe_columns(self) -> list[dict[str, str]]:
        """For each column its field, or why it has none; what it seems to hold, with examples."""
        fields = {column: field for field, column in self.fields.items()} | dict.fromkeys(self.record, "input")
        return [
            {
                "column": c,
                "field": fields.get(c, ""),
                "how": self.how.get(c, f"not used{role_guess.suggest_field(c)}"),
                "role": self.roles[c],
                "examples": role_guess.show_examples(self.sample[c]),
            }
            for c in self.columns
        ] + describe_speakers(self.speakers)

    def to_rows(self, values: dict[str, Any]) -> list[dict[str, Any] | Rejected]:
        """The rows that a row of the file becomes, or why it cannot be used; of a record, one for each question."""
        if self.is_table and is_header_row(values):
            return [Rejected("a repeated header", ", ".join(values)[:80])]
        if self.is_table and is_totals_row(values.values()):
            return [Rejected("a totals row", ", ".join(str(v) for v in values.values() if not is_no_value(v))[:80])]
        if not self.asks_records:
            return [self.to_row(values)]
        for column in self.record:
            if self.is_table and isinstance(value := values.get(column), str) and is_formula(value):
                return [Rejected("a spreadsheet formula", describe_formula(column, value))]
        key = values.get(self.fields.get("key", ""))
        rows = ask_record(
            values, self.record, self.patterns, self.topic, "" if is_no_value(key) else cell_text(key) or str(key)
        )
        if not rows:
            return [Rejected("an empty record", f"none of {', '.join(self.record)} that is asked about has a value")]
        return [next(check_contract(row, self.contract), None) or row for row in rows]

    def to_row(self, values: dict[str, Any]) -> dict[str, Any] | Rejected:
        """A row with the contract's fields that the file has; or why it cannot be used."""
        row: dict[str, Any] = {"topic": self.topic} if self.topic else {}
        if self.record:
            row["input"] = record_text(values, self.record)
        for field, column in self.fields.items():
            value = values.get(column)
            if is_no_value(value):
                if field in REQUIRED_FIELDS:
                    blank = value is None or not str(value).strip()
                    detail = "is empty" if blank else f"is {quote(value)}, which stands for no value"
                    return Rejected(f"no {field}", f"column '{column}' {detail}")
                continue
            if field in FACT_FIELDS:
                value = parse_facts(value)
            elif not isinstance(value, str):
                number = isinstance(value, int | float) and not isinstance(value, bool)
                value = cell_text(value) if number or self.is_table or field in NAME_FIELDS else None
            elif self.is_table and is_formula(value):
                return Rejected("a spreadsheet formula", describe_formula(column, value))
            if value is None:
                expected = FACT_FIELDS.get(field, "text")
                shown = f"{type(values[column]).__name__} {quote(values[column])}"[:80]
                remedy = (
                    f"; or leave the column out: --map {shlex.quote(f'{column}=')}" if field == "importance" else ""
                )
                return Rejected(f"{field} is not {expected}", f"{column} is {shown}, expected {expected}{remedy}")
            value = value.strip() if isinstance(value, str) else value
            row[field] = self.topic_names.get(normalise_name(str(value)), value) if field == "topic" else value
        row.setdefault("input", "")
        if self.contract.topics and row["topic"] not in self.contract.topics:
            self.unknown_topics[row["topic"]] += 1
        return next(check_contract(row, self.contract), None) or row
