"""Tables with one message in each row, as website chats are exported: a conversation becomes one row."""

import ast
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pipelines.datasets.upload.conversations import reduce_object
from pipelines.datasets.upload.message_trees import is_tree_message, join_tree_messages
from pipelines.datasets.upload.named_turns import has_named_messages, reduce_named
from pipelines.datasets.upload.speakers import SpeakerChoice
from pipelines.datasets.upload.transcripts import ROLES, Turn, find_transcript
from pipelines.datasets.upload.turns import ABOUT_CONVERSATIONS, is_private, reduce_turns
from pipelines.readers.column_names import field_of, normalise_name
from pipelines.readers.source import Rejected, Row, Source

SAMPLED_ROWS = 200
MOSTLY = 0.8  # share of the sampled rows that have to be messages of a user or an assistant, or transcripts
CONVERSATION = {f"{thing}_id" for thing in ("conversation", "chat", "session", "thread", "ticket", "case", "lead")}
CONVERSATION_NAMES = CONVERSATION | {"conversation", "chat", "session", "thread", "ticket", "transcript_id", "group"}
SPEAKER_NAMES = {
    "role", "sender", "speaker", "author", "from", "participant", "sender_type", "author_type", "user_type", "sent_by",
}  # fmt: skip
MESSAGE_NAMES = {"message", "text", "content", "body", "utterance", "msg", "message_text", "message_body"}
TIME_NAMES = {"time", "timestamp", "date", "created_at", "sent_at", "datetime", "date_time"}


def parse_cell(text: Any) -> Any:
    """The list that a cell holds as JSON, or as Python writes it; any other value as it is."""
    if not isinstance(text, str) or not text.lstrip().startswith("["):
        return text
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def reduce_row(values: dict[str, Any]) -> dict[str, Any] | Rejected | None:
    """The columns of the conversation that a row holds, as a transcript or as messages; None if it holds none."""
    if transcript := find_transcript(values):
        column, turns = transcript
        return reduce_turns(turns, {key: part for key, part in values.items() if key != column})
    kind, row = reduce_object({key: parse_cell(part) for key, part in values.items()})
    return row if kind == "chat messages" else None


def reduce_table(source: Source, name: str, choice: SpeakerChoice) -> Source:
    """A source whose conversations are rows, if it has one message in each row, or transcripts in a column.

    Args:
        name: of the file, for messages.
        choice: who of the speakers of a chat answers.

    Raises:
        WeaverError: nothing says who of the speakers of a chat answers for the dealership.
    """
    if has_named_messages(source):
        return reduce_named(source, name, choice)
    if is_tree_message(dict.fromkeys(source.columns)):
        return join_tree_messages(source)
    sample = [values for _, values in islice(source.rows(), SAMPLED_ROWS) if not isinstance(values, Rejected)]
    if not sample or any(field_of(column) in ("instruction", "output") for column in source.columns):
        return source
    if turns := find_turn_columns(source.columns, sample):
        return reduced(source, "one message in each row", lambda: join_messages(source, *turns), turns)
    if source.is_table and sum(reduce_row(values) is not None for values in sample) >= MOSTLY * len(sample):
        return reduced(source, "conversations", lambda: read_conversations(source), ())
    return source


def find_turn_columns(columns: list[str], sample: list[dict[str, Any]]) -> tuple[str, str, str, str] | None:
    """The columns with the conversation, the speaker, the message and the time (empty if none); None if it is none."""
    columns_used = [
        next((column for column in columns if normalise_name(column) in names), "")
        for names in (CONVERSATION_NAMES, SPEAKER_NAMES, MESSAGE_NAMES, TIME_NAMES)
    ]
    conversation, speaker, message, time = columns_used
    if not (conversation and speaker and message):
        return None
    roles = [ROLES.get(normalise_name(str(values.get(speaker) or "")), "") for values in sample]
    return (conversation, speaker, message, time) if {"user", "assistant"} <= {*roles} else None


def reduced(source: Source, kind: str, rows: Any, used: tuple[str, ...]) -> Source:
    """The source with the columns of a conversation, besides those that are the same in all of its rows."""
    kept = [column for column in source.columns if column not in used]
    columns = dict.fromkeys(["question", "context", "answer", *kept])
    notes = [*source.notes, ABOUT_CONVERSATIONS]
    return source._replace(
        format=f"{source.format}, {kind}", columns=[*columns], rows=rows, notes=notes, is_table=False
    )


def join_messages(source: Source, conversation: str, speaker: str, message: str, time: str) -> Iterator[Row]:
    """Each conversation with the number of its first row; its messages in the order of their times, if all have one."""
    groups: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, values in source.rows():
        if isinstance(values, Rejected):
            yield number, values
        elif str(values.get(conversation) or "").strip():
            groups.setdefault(str(values[conversation]), []).append((number, values))
        else:
            yield number, Rejected("no conversation", f"column '{conversation}' is empty", values)
    for rows in groups.values():
        if time and all(str(values.get(time) or "")[:4].isdigit() for _, values in rows):  # 2024-01-02 10:00
            rows.sort(key=lambda row: str(row[1][time]))
        turns: list[Turn] = []
        for _, values in rows:
            if is_private(values):
                continue
            role = ROLES.get(normalise_name(str(values.get(speaker) or "")), "system")
            turns.append((role, str(values.get(message) or "")))
        number, first = min(rows, key=lambda row: row[0])
        rest = {column: v for column, v in first.items() if column not in (conversation, speaker, message, time)}
        yield number, reduce_turns(turns, rest)


def read_conversations(source: Source) -> Iterator[Row]:
    """Each row as the conversation that it holds; another one is rejected."""
    for number, values in source.rows():
        if isinstance(values, Rejected):
            yield number, values
        elif row := reduce_row(values):
            yield number, row
        else:
            yield number, Rejected("no conversation", "no text with lines of a customer and an agent", values)
