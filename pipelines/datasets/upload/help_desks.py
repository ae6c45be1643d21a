"""Reduce the exports of help desks (Intercom, Zendesk) to columns: what the customer wrote, and what staff replied.

Notes among colleagues are never used: Zendesk marks them as not public; Intercom names the kind of each part.
"""

from typing import Any

from pipelines.datasets.upload.message_text import html_to_text, strip_quotes
from pipelines.datasets.upload.turns import is_private, reduce_turns
from pipelines.readers.source import Rejected

HELP_DESKS = ("Intercom conversations", "Zendesk tickets")
ABOUT_NOTES = "private notes are not used"
# The parts of an Intercom conversation that the customer sees. An assignment's text is for colleagues.
PUBLIC_PARTS = ("comment", "open", "close", "quick_reply")
INTERCOM_SIDES = (
    dict.fromkeys(("user", "lead", "contact", "visitor"), "user")
    | dict.fromkeys(("admin", "bot", "team", "operator"), "assistant")
)  # fmt: skip
BODY_KEYS = ("plain_body", "html_body", "body")  # of a Zendesk comment, the plainest first
CUSTOMER_IDS = ("collaborator_ids", "follower_ids", "email_cc_ids")  # who read along on the customer's side


def reduce_help_desk(value: dict[str, Any]) -> tuple[str, dict[str, Any] | Rejected] | None:
    """A format and the columns of a conversation or ticket; None if an object is of no such tool."""
    if (messages := intercom_messages(value)) is not None:
        return HELP_DESKS[0], reduce_intercom(value, messages)
    comments: Any = value.get("comments")
    if is_comments(comments) and ("requester_id" in value or isinstance(value.get("requester"), dict)):
        return HELP_DESKS[1], reduce_zendesk(value, comments)
    return None


def intercom_messages(conversation: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The first message of an Intercom conversation and its parts; None if an object is none."""
    first = conversation.get("source") or conversation.get("conversation_message")
    parts = conversation.get("conversation_parts")
    if not isinstance(first, dict) or not isinstance(first.get("author"), dict):
        return None
    if isinstance(parts, dict):
        parts = parts.get("conversation_parts")
    if parts is None and conversation.get("type") != "conversation":
        return None
    return [first, *(part for part in parts or [] if isinstance(part, dict) and part.get("part_type") in PUBLIC_PARTS)]


def reduce_intercom(conversation: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any] | Rejected:
    """The columns of an Intercom conversation."""
    if "conversation_parts" not in conversation:
        detail = "it has no conversation_parts, as in a list; export each conversation with its parts"
        return Rejected("an Intercom conversation without its messages", detail)
    turns = []
    for number, message in enumerate(messages, 1):
        author = message.get("author")
        kind = str(author.get("type")) if isinstance(author, dict) else "nobody"
        text = message_body(message, ("body",))
        if message.get("redacted") or not text:
            continue
        if kind not in INTERCOM_SIDES:
            return Rejected("a message that is neither of a customer nor of staff", f"message {number} is of {kind}")
        turns.append((INTERCOM_SIDES[kind], text))
    return reduce_turns(turns, ticket_columns(conversation))


def is_comments(value: Any) -> bool:
    """Whether a value is the comments of a Zendesk ticket."""
    return isinstance(value, list) and all(
        isinstance(part, dict) and {"author_id", "public"} <= part.keys() for part in value
    )


def reduce_zendesk(ticket: dict[str, Any], comments: list[dict[str, Any]]) -> dict[str, Any] | Rejected:
    """The columns of a Zendesk ticket: who asked for it, and those who read along, are the customer's side."""
    requester = ticket.get("requester")
    asker = requester.get("id") if isinstance(requester, dict) else ticket.get("requester_id")
    if asker is None:
        return Rejected("a ticket without a requester", "nothing says which comments are the customer's: requester_id")
    readers = {id_ for key in CUSTOMER_IDS if isinstance(ticket.get(key), list) for id_ in ticket[key]}
    staff = {ticket.get("assignee_id"), ticket.get("submitter_id")} | {
        c["author_id"] for c in comments if is_private(c)
    }
    customers = {asker, *(readers - staff)}
    turns = [
        ("user" if comment["author_id"] in customers else "assistant", message_body(comment, BODY_KEYS))
        for comment in comments
        if not is_private(comment)
    ]
    return reduce_turns(turns, ticket_columns(ticket))


def message_body(message: dict[str, Any], keys: tuple[str, ...]) -> str:
    """The text of a message; empty if it has none."""
    body = next((message[key] for key in keys if isinstance(message.get(key), str) and message[key].strip()), "")
    return strip_quotes(html_to_text(body))


def ticket_columns(value: dict[str, Any]) -> dict[str, Any]:
    """The id and the tags of a conversation, which may be its topic; its subject is free text, and is none."""
    tags = value.get("tags")
    if isinstance(tags, dict):
        tags = [tag.get("name") for tag in tags.get("tags") or [] if isinstance(tag, dict)]
    named = ", ".join(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ""
    columns = {"id": str(value.get("id") or ""), "tags": named}
    return {key: text for key, text in columns.items() if text}
