"""How an alert reads: in a chat, and as a mail with a plain and an HTML part."""

from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from pipelines.alerts.alert_store import AlertEvent

MAX_SUBJECT = 120  # characters of a subject


def render_subject(event: AlertEvent) -> str:
    """One line, whatever the text has in it."""
    line = " ".join(event.text.split("\n", 1)[0].split())
    line = line if len(line) <= MAX_SUBJECT else f"{line[: MAX_SUBJECT - 1]}…"
    return f"[NeuroWeaver][{label(event)}] {line}"


def label(event: AlertEvent) -> str:
    """Return what a message's subject begins with: its severity, or that it is a digest."""
    return "digest" if event.event == "digest" else event.severity


def render_details(event: AlertEvent) -> Iterator[str]:
    """Details beside the text, one per line."""
    since = f"{event.since:%Y-%m-%d %H:%M} UTC" if event.since else ""
    if event.event == "escalated":
        times = f"seen {event.repeats} times" if event.repeats > 1 else "seen once"
        yield f"Nobody has acknowledged it since {since}; {times}."
    elif since:
        yield f"Seen {event.repeats} times since {since}."
    if event.template:
        yield f"Template: {event.template}"
    if event.event != "digest":
        yield f"Raised {event.at:%Y-%m-%d %H:%M} UTC. If you work on it: weaver alerts ack '{event.key}'"


def render_chat(event: AlertEvent) -> str:
    """Its text is escaped as Slack wants it, so that no text can call a channel or hide an address behind a word."""
    text = "\n".join([f"[{label(event)}] {event.text}", *filter(None, [event.link]), *render_details(event)])
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render_mail(event: AlertEvent, sender: str, to: list[str]) -> EmailMessage:
    """Its Message-ID is that of the alert, so that a mail program shows one that was sent twice once."""
    mail = EmailMessage()
    mail["Subject"] = render_subject(event)
    mail["From"], mail["To"], mail["Date"] = sender, ", ".join(to), format_datetime(event.at)
    mail["Message-ID"] = f"<{event.message_id}@{sender.partition('@')[2] or 'neuroweaver'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join(filter(None, [event.text, event.link, "\n".join(render_details(event))])))
    mail.add_alternative(render_html(event), subtype="html")
    return mail


def render_html(event: AlertEvent) -> str:
    """Return an alert as a page of HTML, in which texts are escaped and only web addresses become links."""
    from jinja2 import Template

    page = Template((Path(__file__).parent / "mail.html").read_text(encoding="utf-8"), autoescape=True)
    link = event.link if event.link.startswith(("http://", "https://")) else ""
    rendered: str = page.render(
        event=event, subject=render_subject(event), details=list(render_details(event)), link=link
    )
    return rendered
