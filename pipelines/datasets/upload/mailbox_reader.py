"""Read a mailbox (.mbox, as Gmail, Thunderbird and Apple Mail export it) as a table of messages, by threads."""

import email
import mailbox
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload.message_text import html_to_text, strip_quotes
from pipelines.readers.source import Rejected, Row, Source

BULK = ("bulk", "junk", "list")  # values of the header Precedence
COLUMNS = ["conversation", "sender", "message", "time"]


def read_mailbox(path: Path, name: str, notes: list[str]) -> Source:
    """A mailbox; what each mail quotes of those before it is left out, and so are signatures.

    Raises:
        WeaverError: it is no mailbox.
    """
    with path.open("rb") as stream:
        if stream.read(5) != b"From ":
            raise WeaverError(
                f"{name} is no mailbox: its first line does not begin with 'From '",
                "Export the mailbox as .mbox again, in Gmail with Google Takeout.",
            )

    def rows() -> Iterator[Row]:
        threads: dict[str, str] = {}
        box = mailbox.mbox(path, create=False)
        try:
            for number, key in enumerate(box.iterkeys(), 1):
                mail = email.message_from_bytes(box.get_bytes(key), _class=EmailMessage, policy=policy.default)
                yield number, read_mail(mail, threads)
        finally:
            box.close()

    notes.append("mails of one thread are a conversation; automatic mails, quoted mails and signatures are left out")
    return Source("mailbox", "as each mail says", COLUMNS, "message", rows, notes)


def read_mail(mail: EmailMessage, threads: dict[str, str]) -> dict[str, str] | Rejected:
    """The columns of a mail; without a sender if no person wrote it.

    Args:
        threads: the id of each mail before it → the thread to which it belongs; gets this mail's.
    """
    try:
        sender = parseaddr(str(mail["from"] or ""))[1].lower()
        body = mail.get_body(("plain", "html"))
        text = str(body.get_content()) if body else ""
        conversation = find_thread(mail, threads)
        automatic = str(mail["auto-submitted"] or "no").lower() != "no"
        automatic |= str(mail["precedence"] or "").lower() in BULK
    # The parser of headers raises various errors where a mail is damaged; an unknown encoding is a LookupError.
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        return Rejected("a mail that cannot be decoded", f"{error}; leave it out, or save its text as UTF-8")
    if body and body.get_content_subtype() == "html":
        text = html_to_text(text)
    return {
        "conversation": conversation,
        "sender": "" if automatic else sender,
        "message": strip_quotes(text),
        "time": mail_time(mail),
    }


def find_thread(mail: EmailMessage, threads: dict[str, str]) -> str:
    """The thread of a mail: Gmail's own number, or the first mail that it or one before it answers."""
    own = str(mail["message-id"] or "").strip() or f"mail {len(threads) + 1}"
    answered = f"{mail['references'] or ''} {mail['in-reply-to'] or ''}".split()
    thread = str(mail["x-gm-thrid"] or "")
    thread = thread or next((threads[id_] for id_ in answered if id_ in threads), "") or [*answered, own][0]
    threads.update(dict.fromkeys([*answered, own], thread))
    return thread


def mail_time(mail: EmailMessage) -> str:
    """When a mail was sent, as ISO 8601; empty if its date is none."""
    try:
        return parsedate_to_datetime(str(mail["date"])).isoformat()
    except (ValueError, TypeError, IndexError):
        return ""
