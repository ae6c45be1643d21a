"""How an alert reads: in a chat, and as a mail with a plain and an HTML part."""

from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from pipelines.alerts.alert_store import Entry

LONGEST = 120  # characters of a subject


def subject(entry: Entry) -> str:
    """One line, whatever the text has in it."""
    line = " ".join(entry.text.split("\n", 1)[0].split())
    line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    return f"[NeuroWeaver][{kind(entry)}] {line}"


def kind(entry: Entry) -> str:
    return "digest" if entry.event == "digest" else entry.severity


def facts(entry: Entry) -> Iterator[str]:
    """What to know beside the text, a line each."""
    since = f"{entry.since:%Y-%m-%d %H:%M} UTC" if entry.since else ""
    if entry.event == "escalated":
        times = f"seen {entry.repeats} times" if entry.repeats > 1 else "seen once"
        yield f"Nobody has acknowledged it since {since}; {times}."
    elif since:
        yield f"Seen {entry.repeats} times since {since}."
    if entry.template:
        yield f"Template: {entry.template}"
    if entry.event != "digest":
        yield f"Raised {entry.at:%Y-%m-%d %H:%M} UTC. If you are on it: weaver alerts ack '{entry.key}'"


def chat(entry: Entry) -> str:
    """Its text is escaped as Slack wants it, so that no text can call a channel or hide an address behind a word."""
    told = "\n".join([f"[{kind(entry)}] {entry.text}", *filter(None, [entry.link]), *facts(entry)])
    return told.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mail(entry: Entry, sender: str, to: list[str]) -> EmailMessage:
    """Its id is the message's, so that one that is sent twice can be told for one."""
    made = EmailMessage()
    made["Subject"] = subject(entry)
    made["From"], made["To"], made["Date"] = sender, ", ".join(to), format_datetime(entry.at)
    made["Message-ID"] = f"<{entry.id}@{sender.partition('@')[2] or 'neuroweaver'}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content("\n\n".join(filter(None, [entry.text, entry.link, "\n".join(facts(entry))])))
    made.add_alternative(html(entry), subtype="html")
    return made


def html(entry: Entry) -> str:
    from jinja2 import Template

    page = Template((Path(__file__).parent / "mail.html").read_text(encoding="utf-8"), autoescape=True)
    link = entry.link if entry.link.startswith(("http://", "https://")) else ""
    return page.render(entry=entry, subject=subject(entry), facts=list(facts(entry)), link=link)
