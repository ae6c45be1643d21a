"""Read the chats that WhatsApp exports as text, from iOS and Android, in the date formats of their languages.

iOS: `[26.11.26, 19:03:12] Name: text`; Android: `11/26/26, 7:03 PM - Name: text`. A message may have several lines.
What WhatsApp itself writes, such as that a picture was left out, begins with a left-to-right mark or has no name.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from pipelines.core.errors import WeaverError
from pipelines.readers.archives import is_chat_name
from pipelines.readers.encodings import read_lines
from pipelines.readers.source import Row, Source

SAMPLED_LINES = 200
MARK = "\u200e"
# Direction marks become MARK, blanks that do not break a blank, dashes -, digits of Arabic and Persian ASCII: one for
# one, so that places in the line stay.
PLAIN = (
    dict.fromkeys(map(ord, "\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"), MARK)
    | dict.fromkeys(map(ord, "\u00a0\u202f\u2009"), " ")
    | dict.fromkeys(map(ord, "\u2013\u2014"), "-")
    | {start + digit: str(digit) for start in (0x660, 0x6F0) for digit in range(10)}
)
HEAD = re.compile(
    rf"{MARK}*\[?{MARK}*(?P<first>\d{{1,4}})\s?{MARK}*[./년-]\s?{MARK}*(?P<second>\d{{1,2}})\s?{MARK}*[./월-]\s?{MARK}*(?P<third>\d{{1,4}})"
    r"(?P<between>[^\d\[\]:\n]{1,16}?)(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second_of_minute>\d{2}))?"
    rf"(?P<half>[^\d\]:\n-]{{0,10}}?)(?:\]|\s-|:|(?<=\d),(?=.* : )){MARK}*\s(?P<rest>.*)",
    re.DOTALL,
)  # fmt: skip
SENDER = re.compile(rf"{MARK}*(?P<name>[^:\n\"“”«„]{{1,80}}?)\s?:(?:\s|$)(?P<text>.*)", re.DOTALL)
HALVES = {"pm": 12, "م": 12, "下午": 12, "오후": 12, "午後": 12, "μμ": 12, "ptg": 12, "ch": 12} | dict.fromkeys(
    ("am", "ص", "上午", "오전", "午前", "πμ", "pg", "sa"), 0
)
# What stands for a message without a text of its own, in the languages that have most exports.
OMITTED = re.compile(
    r"<[^<>\n]{3,60}>|(?:image|video|audio|sticker|GIF|document|contact card|media) omitted|null"
    r"|[\w .-]+\.\w{2,5} \([^()\n]{4,30}\)|(?:This message was deleted|You deleted this message"
    r"|Diese Nachricht wurde gelöscht|Se eliminó este mensaje|Ce message a été supprimé|Mensagem apagada"
    r"|Questo messaggio è stato eliminato|Dit bericht is verwijderd)\.?|Missed (?:voice|video|group) call.*"
    r"|.*\b(?:end-to-end encrypted|Ende-zu-Ende-verschlüsselt|cifrado de extremo a extremo)\b.*",
    re.IGNORECASE,
)
EDITED = re.compile(rf"\s*{MARK}\s*<[^<>\n]{{3,80}}>\s*$")
REMEDY = "Export the chat again in WhatsApp, without media, and add the file as it is: _chat.txt, or its .zip."


class Head(NamedTuple):
    """The beginning of a message: its date as written, its time of day, its sender (empty: WhatsApp) and its text."""

    date: tuple[int, int, int]
    half_day: bool  # the time is written with AM or PM
    time: tuple[int, int, int]
    sender: str
    text: str


def is_whatsapp(path: Path, name: str, encoding: str) -> bool:
    """Whether a text is a chat of WhatsApp.

    Raises:
        WeaverError: it is named like one, and its first line is no message of one.
    """
    lines = [line for line in islice(read_lines(path, name, encoding), SAMPLED_LINES) if line.strip()]
    heads = [head for line in lines if (head := parse_head(line))]
    if lines and parse_head(lines[0]) and len(heads) > 1 and any(head.sender for head in heads):
        return True
    if is_chat_name(name):
        shown = lines[0].strip()[:60] if lines else ""
        raise WeaverError(
            f"{name}, line 1 is no message of a WhatsApp chat, such as [26.11.26, 19:03:12] Name: text: '{shown}'",
            REMEDY,
        )
    return False


def read_whatsapp(path: Path, name: str, encoding: str, notes: list[str]) -> Source:
    """A chat of WhatsApp as a table of messages."""
    heads = [head for line in read_lines(path, name, encoding) if (head := parse_head(line))]
    order = date_order(heads)
    notes.append(f"dates are read as {', '.join(order)}; what WhatsApp writes itself is left out")

    def rows() -> Iterator[Row]:
        number, head, text = 0, None, ""
        for at, line in enumerate(read_lines(path, name, encoding), 1):
            if following := parse_head(line):
                if head and head.sender:
                    yield number, message_row(head, text, order)
                number, head, text = at, following, following.text
            else:
                text += line
        if head and head.sender:
            yield number, message_row(head, text, order)

    return Source("WhatsApp chat", encoding, ["sender", "message", "time"], "line", rows, notes)


def parse_head(line: str) -> Head | None:
    """The beginning of a message; None if a line continues the one above."""
    head = HEAD.match(line.translate(PLAIN))
    if not head:
        return None
    hour, half = int(head["hour"]), half_of_day(head["between"], head["half"])
    if half is not None:
        hour = hour % 12 + half
    rest = line[head.start("rest") :]
    sender = SENDER.match(rest.translate(PLAIN))
    name = re.sub(rf"[{MARK}~]", "", sender["name"]).strip() if sender else ""
    return Head(
        (int(head["first"]), int(head["second"]), int(head["third"])),
        half is not None,
        (hour, int(head["minute"]), int(head["second_of_minute"] or 0)),
        name,
        rest[sender.start("text") :] if sender else "",
    )


def half_of_day(*texts: str) -> int | None:
    """The hours to add for what is written before or after a time: 0 for AM, 12 for PM; None if it is neither."""
    for text in texts:
        words = ["".join(filter(str.isalpha, word)) for word in text.lower().split()]
        for word in ("".join(words), *words):
            if word in HALVES:
                return HALVES[word]
    return None


def date_order(heads: list[Head]) -> tuple[str, str, str]:
    """The order of day, month and year: that in which all dates are valid, and messages follow one another closely."""
    orders = [("day", "month", "year"), ("month", "day", "year"), ("year", "month", "day")]
    if any(head.half_day for head in heads):  # where two orders fit equally well
        orders.insert(0, orders.pop(1))

    def misfit(order: tuple[str, str, str]) -> tuple[int, int, float]:
        times = [message_time(head, order) for head in heads]
        valid = [time for time in times if time]
        steps = [(after - before).total_seconds() for before, after in pairwise(valid)]
        return len(times) - len(valid), sum(step < 0 for step in steps), sum(map(abs, steps))

    return min(orders, key=misfit)


def message_time(head: Head, order: tuple[str, str, str]) -> datetime | None:
    """The time of a message; None if it is none in this order."""
    date = dict(zip(order, head.date, strict=True))
    year = date["year"] + 2000 if date["year"] < 100 else date["year"]
    try:
        return datetime(year, date["month"], date["day"], *head.time)
    except ValueError:
        return None


def message_row(head: Head, text: str, order: tuple[str, str, str]) -> dict[str, str]:
    """A message as a row; without a text if WhatsApp wrote it."""
    time = message_time(head, order)
    return {"sender": head.sender, "message": clean_text(text), "time": time.isoformat() if time else ""}


def clean_text(text: str) -> str:
    """What a person wrote: without attachments, notes of WhatsApp and direction marks."""
    first, _, others = text.strip("\r\n ").partition("\n")
    plain = first.translate(PLAIN).strip()
    if plain.startswith(MARK) or OMITTED.fullmatch(plain):
        first = ""
    else:
        first = first[: edited.start()] if (edited := EDITED.search(first.translate(PLAIN))) else first
    joined = "\n".join(line for line in (first, *others.splitlines()) if line.strip())
    return re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", joined).strip()
