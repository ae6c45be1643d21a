"""Recognise a message of a messenger's export: Facebook Messenger and Instagram, Telegram, Discord, Slack.

Each becomes one row of a table of messages; `named_turns` makes conversations of them.
"""

import html
import re
from typing import Any

from pipelines.readers.source import Rejected

SLACK_LINK = re.compile(r"<(?:https?|mailto|tel):[^|>]+\|([^>]+)>|<((?:https?|mailto|tel):[^|>]+)>|<[@#!][^>]*>")
SENT = ("message", "Default", "Reply")  # the types of what a person wrote; others tell of calls, members and topics


def reduce_messenger(value: dict[str, Any]) -> tuple[str, dict[str, Any] | Rejected] | None:
    """A format and the columns sender, message and time of one message; None if an object is none.

    What no person wrote, such as a call or a new member, is a message without a sender.
    """
    if {"sender_name", "timestamp_ms"} <= value.keys():
        text = "" if value.get("is_unsent") else fix_encoding(value.get("content"))
        return "Messenger chat", message_columns(fix_encoding(value["sender_name"]), text, value["timestamp_ms"])
    if {"type", "date", "text"} <= value.keys() and ("from_id" in value or "actor_id" in value):
        sent = value["type"] in SENT
        return "Telegram chat", message_columns(value.get("from") if sent else "", value["text"], value["date"])
    author = value.get("author")
    if {"timestamp", "content"} <= value.keys() and isinstance(author, dict) and "isBot" in author:
        name = author.get("nickname") or author.get("name")
        sent = value.get("type") in SENT
        return "Discord chat", message_columns(name if sent else "", value["content"], value["timestamp"])
    if value.get("type") == "message" and "ts" in value and {"user", "bot_id", "username"} & value.keys():
        return "Slack channel", reduce_slack(value)
    return None


def reduce_slack(value: dict[str, Any]) -> dict[str, Any]:
    """The columns of a message of Slack; the messages of a thread are one conversation."""
    profile = value.get("user_profile")
    names = [profile.get(key) for key in ("real_name", "display_name", "name")] if isinstance(profile, dict) else []
    name = next((name for name in [*names, value.get("username"), value.get("user")] if name), "")
    text = SLACK_LINK.sub(lambda link: link[1] or link[2] or "", str(value.get("text") or ""))
    sent = value.get("subtype") in (None, "bot_message", "thread_broadcast", "file_share")
    columns = message_columns(name if sent else "", html.unescape(text), value["ts"])
    return columns | {"conversation": str(value.get("thread_ts") or "")}


def message_columns(sender: Any, text: Any, time: Any) -> dict[str, Any]:
    """The columns of a message; a text may be written in parts, of which some are links or bold."""
    if isinstance(text, list):
        parts = [part if isinstance(part, str) else part.get("text") for part in text if isinstance(part, str | dict)]
        text = "".join(part for part in parts if isinstance(part, str))
    return {"sender": str(sender or ""), "message": str(text or ""), "time": str(time or "")}


def fix_encoding(text: Any) -> str:
    """A text of Facebook's export, which writes each byte of UTF-8 as a character of its own."""
    written = str(text or "")
    try:
        return written.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return written
