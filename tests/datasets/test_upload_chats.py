"""Chats of messengers and mailboxes: who answers is known or asked, and what no person wrote is left out."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload.readers import open_source
from pipelines.datasets.upload.whatsapp import read_whatsapp

from .upload_files import faults, read, rows, write

Q, A = "What does P0301 mean?", "Cylinder 1 misfires."


# ---- WhatsApp

ANDROID = f"""11/26/26, 7:03 PM - Messages and calls are end-to-end encrypted. Tap to learn more.
11/26/26, 7:03 PM - Ana Lopez: Hi
11/26/26, 7:04 PM - Ana Lopez: {Q}
The light is on.
11/26/26, 7:05 PM - Sunrise Motors: <Media omitted>
11/26/26, 7:05 PM - Sunrise Motors: {A}
11/26/26, 7:06 PM - Ana Lopez: Thanks!
11/26/26, 7:06 PM - Sunrise Motors: You're welcome
11/28/26, 9:00 AM - Ana Lopez: Are you open on Sunday?
11/29/26, 8:30 AM - Sunrise Motors: No: Monday, 8:00.
"""
ANDROID_ROWS = [(f"Hi\n{Q}\nThe light is on.", A), ("Are you open on Sunday?", "No: Monday, 8:00.")]


def test_a_chat_of_whatsapp(tmp_path: Path) -> None:
    source = read(write(tmp_path / "chat.txt", ANDROID))
    assert rows(source) == ANDROID_ROWS
    assert [number for number, _ in source.rows()] == [2, 9]
    assert [(s.name, s.field, s.how) for s in source.speakers] == [
        ("Ana Lopez", "instruction", "guessed: by the name of the speaker"),
        ("Sunrise Motors", "output", "guessed: by the name of the speaker"),
    ]
    assert "dates are read as month, day, year; what WhatsApp writes itself is left out" in source.notes


def test_a_chat_of_an_iphone_in_its_zip(tmp_path: Path) -> None:
    chat = (
        "[26.11.26, 19:03:12] Kim: \u200eNachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.\r\n"
        f"[26.11.26, 19:03:12] ~\u202fAna: {Q}\r\n"
        "\u200e[26.11.26, 19:03:20] ~\u202fAna: \u200e<Anhang: 00000003-PHOTO-2026-11-26.jpg>\r\n"
        "[26.11.26, 19:04:00] Kim: \u200eBild weggelassen\r\n"
        f"[26.11.26, 19:04:12] Kim: {A} \u200e<Diese Nachricht wurde bearbeitet>\r\n"
    )
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Ana.zip", "w") as archive:
        archive.writestr("_chat.txt", chat)
        archive.writestr("00000003-PHOTO-2026-11-26.jpg", b"\xff\xd8\xff")
    source = read(tmp_path / "WhatsApp Chat - Ana.zip")
    assert rows(source) == [(Q, A)]
    assert {s.name: s.field for s in source.speakers} == {"Ana": "instruction", "Kim": "output"}
    assert source.speakers[0].how == "guessed: by the file's name, which is the customer's"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("28/3/2026, 9:29 p.\u00a0m. - ", "29/3/2026, 1:23 a.\u00a0m. - "),  # Spanish, Android
        ("2026-03-28, 9:29 p.m. - ", "2026-03-29, 1:23 a.m. - "),  # English of Canada
        ("28.03.26, 21:29 - ", "29.03.26, 01:23 - "),  # German
        ("28/03/2026 à 21:29 - ", "29/03/2026 à 01:23 - "),  # French
        ("28/03/26 21.29 - ", "29/03/26 01.23 - "),  # Indonesian
        ("[28-03-2026 21:29:15] ", "[29-03-2026 01:23:15] "),  # Dutch, iOS
        ("[3/28/26, 9:29:15\u202fPM] ", "[3/29/26, 1:23:15\u202fAM] "),  # English of the US, iOS
        ("2026/3/28 下午9:29 - ", "2026/3/29 上午1:23 - "),  # Chinese
        ("2026년 3월 28일 오후 9:29, ", "2026년 3월 29일 오전 1:23, "),  # Korean
        ("28.3.2026 klo 21.29 - ", "29.3.2026 klo 1.23 - "),  # Finnish
        ("\u200f28\u200f/3\u200f/2026، 9:29 م - ", "\u200f29\u200f/3\u200f/2026، 1:23 ص - "),  # Arabic
        ("٢٨/٣/٢٠٢٦، ٩:٢٩ م - ", "٢٩/٣/٢٠٢٦، ١:٢٣ ص - "),  # noqa: RUF001 Arabic digits
        ("28.03.26 г., 21:29 ч. - ", "29.03.26 г., 01:23 ч. - "),  # noqa: RUF001 Bulgarian
        ("28/03/2026 21:29:15: ", "29/03/2026 01:23:15: "),  # iOS of 2012
    ],
)
def test_a_chat_in_the_dates_of_its_language(first: str, second: str, tmp_path: Path) -> None:
    colon = " : " if "년" in first else ": "
    chat = f"{first}Ana{colon}{Q}\n{second}Kim{colon}{A}\n"
    notes: list[str] = []
    source = read_whatsapp(write(tmp_path / "_chat.txt", chat), "_chat.txt", "utf-8", notes)
    assert [row for _, row in source.rows()] == [
        {"sender": "Ana", "message": Q, "time": f"2026-03-28T21:29:{'15' if ':15' in first else '00'}"},
        {"sender": "Kim", "message": A, "time": f"2026-03-29T01:23:{'15' if ':15' in second else '00'}"},
    ]


def test_the_order_of_day_and_month_follows_from_the_messages(tmp_path: Path) -> None:
    chat = "".join(f"0{day}/04/26, 10:00 - {name}: {text}\n" for day, name, text in
                   ((3, "Ana", Q), (4, "Kim", A), (5, "Ana", "And P0302?"), (5, "Kim", "Cylinder 2.")))  # fmt: skip
    source = read(write(tmp_path / "_chat.txt", chat), {"Kim": "output"})
    assert "dates are read as day, month, year; what WhatsApp writes itself is left out" in source.notes
    assert rows(source) == [(Q, A), ("And P0302?", "Cylinder 2.")]


def test_who_answers_is_asked_and_said(tmp_path: Path) -> None:
    chat = f"26.11.26, 19:03 - Ana: {Q}\n26.11.26, 19:04 - Kim: {A}\n26.11.26, 19:05 - Max: Me too.\n"
    path = write(tmp_path / "c.txt", chat)
    with pytest.raises(WeaverError, match=r"(?s)c\.txt does not say who answers.*'Ana' \(What does.*--map NAME=output"):
        read(path)
    assert rows(read(path, {"Kim": "output"})) == [(Q, A)]
    assert rows(read(path, {"Ana": "instruction", "Max": ""})) == [(Q, A)]
    assert rows(read(path, {"Ana": "instruction"})) == [(Q, f"{A}\nMe too.")]
    with pytest.raises(WeaverError, match=r"'Kim' is a speaker of c\.txt, and not a column"):
        read(path, {"Kim": "topic"})
    with pytest.raises(WeaverError, match=r"(?s)does not say who answers.*--map 'Sunrise Motors=output'"):
        open_source(write(tmp_path / "d.txt", ANDROID), "d.txt", tmp_path)


def test_a_chat_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        WeaverError, match=r"(?s)_chat\.txt, line 1 is no message of a WhatsApp chat.*Export the chat again"
    ):
        read(write(tmp_path / "_chat.txt", "Ana, yesterday: Hi\nKim, today: Hello\n"))
    with pytest.raises(WeaverError, match=r"c\.txt: only 'Ana' writes in it"):
        read(write(tmp_path / "c.txt", f"26.11.26, 19:03 - Ana: {Q}\n26.11.26, 19:04 - Ana: Hello?\n"))


# ---- messengers


MESSENGER = {
    "participants": [{"name": "Zoë"}, {"name": "Sunrise Motors"}], "title": "Zoë", "thread_path": "inbox/zoe_1",
    "messages": [  # the newest first; each byte of UTF-8 is a character
        {"sender_name": "Sunrise Motors", "timestamp_ms": 1790000060000, "content": "38\u00c2\u00a0Nm."},
        {"sender_name": "Zo\u00c3\u00ab", "timestamp_ms": 1790000030000, "photos": [{"uri": "a.jpg"}]},
        {"sender_name": "Zo\u00c3\u00ab", "timestamp_ms": 1790000000000, "content": Q, "type": "Generic"}],
}  # fmt: skip
TELEGRAM = {
    "name": "Ana", "type": "personal_chat", "id": 1, "messages": [
        {"id": 1, "type": "service", "date": "2026-11-26T19:00:00", "actor": "Ana", "actor_id": "user1", "text": ""},
        {"id": 2, "type": "message", "date": "2026-11-26T19:01:00", "from": "Ana", "from_id": "user1", "text": Q},
        {"id": 3, "type": "message", "date": "2026-11-26T19:02:00", "from": "Sunrise Motors", "from_id": "user2",
         "text": ["38 ", {"type": "bold", "text": "Nm"}, "."]}],
}  # fmt: skip
DISCORD = {
    "guild": {"id": "1", "name": "Sunrise"}, "channel": {"id": "2", "name": "help"}, "exportedAt": "2026-11-26",
    "messages": [
        {"id": "1", "type": "Default", "timestamp": "2026-11-26T19:01:00+00:00", "content": Q,
         "author": {"id": "7", "name": "ana", "nickname": "Ana", "isBot": False}},
        {"id": "2", "type": "GuildMemberJoin", "timestamp": "2026-11-26T19:01:30+00:00", "content": "Joined.",
         "author": {"id": "8", "name": "max", "isBot": False}},
        {"id": "3", "type": "Reply", "timestamp": "2026-11-26T19:02:00+00:00", "content": "38 Nm.",
         "author": {"id": "9", "name": "Sunrise Motors", "isBot": False}}],
    "messageCount": 3,
}  # fmt: skip
SLACK = [
    {"type": "message", "subtype": "channel_join", "ts": "1790000000.0", "user": "U1", "text": "<@U1> has joined"},
    {"type": "message", "ts": "1790000001.0", "user": "U1", "text": Q, "thread_ts": "1790000001.0",
     "user_profile": {"real_name": "Ana"}},
    {"type": "message", "ts": "1790000002.0", "user": "U1", "text": "Another one?",
     "user_profile": {"real_name": "Ana"}},
    {"type": "message", "ts": "1790009003.0", "user": "U2", "text": "<@U1> 38 Nm.", "thread_ts": "1790000001.0",
     "user_profile": {"real_name": "Parts desk"}},
]  # fmt: skip


@pytest.mark.parametrize(
    ("export", "shown"),
    [(MESSENGER, "Messenger chat"), (TELEGRAM, "Telegram chat"), (DISCORD, "Discord chat"), (SLACK, "Slack channel")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_export_of_a_messenger(export: Any, shown: str, tmp_path: Path) -> None:
    source = read(write(tmp_path / "export.json", json.dumps(export)))
    assert [(question, answer.replace("\u00a0", " ")) for question, answer in rows(source)] == [(Q, "38 Nm.")]
    assert source.format == f"JSON, {shown}"
    assert {s.field for s in source.speakers} == {"instruction", "output"}


# ---- mailboxes


def mail(sender: str, id_: str, answers: str, body: str, **more: str) -> str:
    head = {"From": sender, "Message-ID": f"<{id_}>", "In-Reply-To": answers and f"<{answers}>",
            "Date": f"Thu, 26 Nov 2026 19:0{id_[-1]}:00 +0000"}  # fmt: skip
    head |= {"Content_Type": "text/plain; charset=utf-8"} | more
    lines_ = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in head.items() if value)
    return f"From x@y Thu Nov 26 19:00:00 2026\n{lines_}\n{body}\n\n"


def test_a_mailbox(tmp_path: Path) -> None:
    desk = "Kim <kim@sunrise.example>"
    quoted = f"{A}\n\nOn Thu, 26 Nov 2026 at 19:01, Ana <ana@mail.example>\nwrote:\n> {Q}\n"
    page = f"<div>{A}</div><div>-- <br>Sunrise</div><blockquote>{Q}</blockquote>"
    box = (
        mail("Ana <ana@mail.example>", "a1", "", Q) + mail("news@shop.example", "n2", "", "Sale!", Precedence="bulk")
        + mail(desk, "a3", "a1", quoted)
        + mail("Ben <ben@mail.example>", "b4", "", "Are you open?")
        + mail("Max <max@sunrise.example>", "b5", "b4", page.replace("--", "We are."), Content_Type="text/html")
        + mail("Eve <eve@other.example>", "e6", "", "Hello?")
        + mail("Max <max@sunrise.example>", "e7", "e6", "Hello!")
        + mail("x@y.example", "f8", "", "\u00e4", Content_Type="text/plain; charset=nonsense")
    )  # fmt: skip
    source = read(write(tmp_path / "sent.mbox", box))
    assert rows(source) == [(Q, A), ("Are you open?", f"{A}\nWe are.\nSunrise"), ("Hello?", "Hello!")]
    assert faults(source) == [(8, "a mail that cannot be decoded")]
    sides = {s.name: s.field for s in source.speakers}
    assert (sides["kim@sunrise.example"], sides["max@sunrise.example"], sides["ana@mail.example"]) == (
        "output", "output", "instruction",
    )  # fmt: skip
    assert source.speakers[0].how.startswith("guessed")


def test_a_file_that_is_no_mailbox(tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match=r"t\.mbox is no mailbox: its first line"):
        read(write(tmp_path / "t.mbox", "Subject: hi\n\nhi\n"))
    with pytest.raises(WeaverError, match=r"(?s)t\.eml is one mail.*as \.mbox"):
        read(write(tmp_path / "t.eml", "Subject: hi\n\nhi\n"))
