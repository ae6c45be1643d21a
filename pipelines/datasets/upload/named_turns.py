"""Make conversations of a chat whose messages name their speakers, such as that of a messenger or a mailbox.

A table of such messages has the columns sender and message, and may have conversation and time. Where nothing says
which messages belong together, a long pause begins another conversation; but an answer may come after one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pipelines.datasets.upload.speakers import SIDES, Sample, SpeakerChoice, assign_sides
from pipelines.datasets.upload.transcripts import Turn
from pipelines.datasets.upload.turns import ABOUT_CONVERSATIONS, is_private, reduce_turns
from pipelines.readers.source import Rejected, Row, Source

PAUSE = timedelta(hours=8)
COLUMNS = ("sender", "message")
MILLISECONDS = 1e11  # a larger number counts milliseconds since 1970, a smaller one seconds


class Message(NamedTuple):
    """One message of a chat."""

    number: int  # in the file
    conversation: str  # empty where nothing says to which it belongs
    time: datetime | None
    sender: str
    text: str


def has_named_messages(source: Source) -> bool:
    """Whether a source is a table of messages, as the readers of chats write it."""
    return {*COLUMNS} <= {*source.columns} <= {*COLUMNS, "conversation", "time", "private"}


def reduce_named(source: Source, name: str, choice: SpeakerChoice) -> Source:
    """A source in which each conversation is a row.

    Raises:
        WeaverError: nothing says who of the speakers answers for the dealership.
    """
    texts: dict[str, list[str]] = {}
    conversations: dict[str, set[str]] = {}
    for message in read_messages(source):
        if isinstance(message, Message):
            texts.setdefault(message.sender, []).append(message.text)
            conversations.setdefault(message.sender, set()).add(message.conversation)
    speakers = assign_sides(name, Sample(texts, conversations), choice)
    sides = {speaker.name: SIDES[speaker.field] for speaker in speakers}
    return source._replace(
        columns=["question", "context", "answer"],
        rows=lambda: read_conversations(source, sides),
        notes=[*source.notes, ABOUT_CONVERSATIONS],
        is_table=False,
        speakers=speakers,
    )


def read_messages(source: Source) -> Iterator[Message | tuple[int, Rejected]]:
    """The messages that a person wrote; what cannot be read is passed on."""
    for number, values in source.rows():
        if isinstance(values, Rejected):
            yield number, values
            continue
        sender, text = (" ".join(str(values.get("sender") or "").split()), str(values.get("message") or "").strip())
        if sender and text and not is_private(values):
            yield Message(number, str(values.get("conversation") or ""), parse_time(values.get("time")), sender, text)


def parse_time(value: Any) -> datetime | None:
    """A time that is written as ISO 8601, or as seconds or milliseconds since 1970; None if it is none."""
    text = str(value or "").strip()
    try:
        number = float(text)
        return datetime.fromtimestamp(number / 1000 if number > MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def read_conversations(source: Source, sides: dict[str, str]) -> Iterator[Row]:
    """Each conversation with the number of its first message."""
    messages: list[Message] = []
    for message in read_messages(source):
        if isinstance(message, Message):
            messages.append(message)
        else:
            yield message
    if all(message.time for message in messages):
        messages.sort(key=lambda message: message.time or datetime.min)
    groups: dict[str, list[Message]] = {}
    for message in messages:
        groups.setdefault(message.conversation, []).append(message)
    for conversation, group in groups.items():
        for part in [group] if conversation else split_at_pauses(group, sides):
            turns: list[Turn] = [(sides[message.sender], message.text) for message in part]
            yield min(message.number for message in part), reduce_turns(turns, {})


def split_at_pauses(messages: list[Message], sides: dict[str, str]) -> Iterator[list[Message]]:
    """The messages in groups: a pause ends one, unless it is the pause before an answer."""
    part: list[Message] = []
    for message in messages:
        if (
            part
            and is_pause(part[-1], message)
            and (sides[part[-1].sender], sides[message.sender])
            != (
                "user",
                "assistant",
            )
        ):
            yield part
            part = []
        part.append(message)
    if part:
        yield part


def is_pause(before: Message, after: Message) -> bool:
    """Whether there is a long pause between two messages."""
    return bool(before.time and after.time and after.time - before.time >= PAUSE)
