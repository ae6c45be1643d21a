"""Reduce the turns of a conversation to a row: the last question, its answer, and what was said before as context."""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from pipelines.datasets.upload.transcripts import Turn
from pipelines.readers.column_names import normalise_name
from pipelines.readers.source import Rejected

ABOUT_CONVERSATIONS = "a conversation is one row: its last question and answer; what was said before is the context"
NO_ANSWER = "a conversation without an answer to a question"
# How programs mark a message that the customer never saw: by a flag, or by its type.
PUBLIC_FLAGS = ("public", "is_public")
PRIVATE_FLAGS = ("private", "is_private", "internal", "is_internal", "is_note", "is_internal_note")
TYPE_NAMES = ("type", "part_type", "message_type", "comment_type", "event_type", "visibility")
PRIVATE_TYPES = {
    "note", "internal_note", "private_note", "note_and_reopen", "internal", "private", "internal_comment",
    "private_comment", "internal_reply", "whisper",
}  # fmt: skip
# A last message that says no more than this asks nothing; the question is before it.
THANKS = re.compile(
    r"\W*(?:(?:ok(?:ay)?|great|perfect|cool|awesome|got it|sounds good|will do|(?:many )?thanks|thank you|thx|ty|cheers"
    r"|so much|very much|a lot|again|good ?bye|bye|see you(?: then| there| soon)?|have a (?:nice|good|great) \w+"
    r"|danke|gracias|merci|obrigad[oa]|grazie|bedankt)\b\W*)+",
    re.IGNORECASE,
)


def is_private(message: dict[str, Any]) -> bool:
    """Whether a message is a note among colleagues, as its flags or its type say; such a message is never taught."""
    values = {normalise_name(key): value for key, value in message.items() if isinstance(value, str | bool | int)}
    return (
        any(is_flag(values.get(name), False) for name in PUBLIC_FLAGS)
        or any(is_flag(values.get(name), True) for name in PRIVATE_FLAGS)
        or any(normalise_name(str(values.get(name, ""))) in PRIVATE_TYPES for name in TYPE_NAMES)
    )


def is_flag(value: Any, flag: bool) -> bool:
    """Whether a value is a flag, also as a text or a number of a table; no value is none."""
    return str(value).strip().lower() in (("true", "yes", "1") if flag else ("false", "no", "0"))


def reduce_turns(turns: list[Turn], rest: dict[str, Any]) -> dict[str, Any] | Rejected:
    """The last question and its answer; what was said before is the context, as lines `User: …` and `Assistant: …`."""
    messages = [(role, text.strip()) for role, text in turns if role != "system" and text.strip()]
    turns = join_turns(messages)
    while turns and turns[-1][0] != "assistant":
        turns.pop()  # a question that nobody answered
    if turns and turns[0][0] == "assistant":
        turns.pop(0)  # a greeting
    while len(turns) > 3 and THANKS.fullmatch(turns[-2][1]):
        del turns[-2:]
    if len(turns) < 2 or turns[-2][0] != "user":
        return Rejected(NO_ANSWER, "in it nobody answers a user's message")
    question, before = turns[-2][1], turns[:-2]
    record = "\n".join(f"{role.capitalize()}: {text}" for role, text in before)
    if not record and ("user", question) in messages:  # a prompt with its record below, as the templates write them
        first, _, below = question.partition("\n")
        if below.strip() and (first.rstrip().endswith("?") or " | " in below):
            question, record = first.strip(), below.strip()
    free = {key: value for key, value in rest.items() if key not in ("question", "context", "answer")}
    return {"question": question, "context": record, "answer": turns[-1][1]} | free


def join_turns(turns: Iterable[Turn]) -> list[Turn]:
    """The turns, with what one side says in several messages, one after another, as one."""
    return [
        (role, "\n".join(text for _, text in messages)) for role, messages in groupby(turns, key=lambda turn: turn[0])
    ]
