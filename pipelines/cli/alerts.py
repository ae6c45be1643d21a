"""`weaver alerts`: what somebody should know, who works on it, and what was not sent yet."""

import getpass
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, out, print_json
from pipelines.core.settings import Severity
from pipelines.text.terminal import styled

app = typer.Typer(no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="An alert's key; `weaver alerts list` shows them.")]
By = Annotated[str, typer.Option(help="Who works on it. Default: the user of this machine.")]
COLOURS = {"info": "blue", "warning": "yellow", "critical": "bold red"}


@app.callback()
def alerts_() -> None:
    """What somebody should know, and who works on it."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """One line per key, the newest last."""
    from pipelines import alerts
    from pipelines.alerts import alert_store

    events = alert_store.read_events()
    states = sorted(alert_store.compute_states(events).values(), key=lambda state: state.last)
    unsent = len(alert_store.find_unsent(events, alerts.now()))
    if as_json:
        print_json({"unsent": unsent, "alerts": [state.to_dict() for state in states]})
        return
    if not states:
        out.print("No alert was raised yet.")
        return
    table = Table("last (UTC)", "severity", "key", "count", "acknowledged by", "", box=None)
    for state in states:
        severity = styled((state.severity, COLOURS[state.severity]))
        line = state.text.partition("\n")[0]
        when = f"{state.last:%m-%d %H:%M}"
        table.add_row(when, severity, state.key, str(state.count), state.by, line)
    out.print(table)
    if unsent:
        out.print(f"Messages that wait for a channel that is down: {unsent}. `weaver alerts send` tries again.")


@app.command()
def show(key: Key, as_json: AsJson = False) -> None:
    """All events of a key."""
    from pipelines.alerts import alert_store

    events = alert_store.read_events(key)
    state = alert_store.find_state(key, events)
    if as_json:
        print_json(state.to_dict() | {"events": [event.to_dict() for event in events]})
        return
    for event in events:
        text = f"by {event.by}" if event.event == "acknowledged" else f"{event.severity}: {event.text}"
        sent = f"  → {', '.join(event.channels)}" if event.channels else ""
        line = f"{event.at:%Y-%m-%d %H:%M:%S} {event.event} {text}{sent}"
        out.print(line, highlight=False, soft_wrap=True)
    if state.link:
        out.print(state.link, soft_wrap=True)


@app.command()
def ack(key: Key, by: By = "", as_json: AsJson = False) -> None:
    """Acknowledge an alert: it is not escalated, and not sent again for a while."""
    from pipelines import alerts
    from pipelines.alerts import alert_store

    alerts.acknowledge(key, by or getpass.getuser())
    state = alert_store.find_state(key, alert_store.read_events(key))
    if as_json:
        print_json(state.to_dict())
    else:
        out.print(f"{state.by} acknowledged {key}.", highlight=False)


@app.command("raise")
def raise_(
    text: str,
    severity: Severity = "warning",
    key: Annotated[str, typer.Option(help="What it is about. Default: its text.")] = "",
    link: Annotated[str, typer.Option(help="The page that shows more.")] = "",
) -> None:
    """Raise an alert: from a script, or to test the channels."""
    from pipelines import alerts

    alerts.alert(text, severity, key, link=link)


@app.command()
def send(as_json: AsJson = False) -> None:
    """Send what waits for a channel that was down, and escalate what nobody acknowledged; done hourly anyway."""
    from pipelines import alerts
    from pipelines.alerts import alert_store

    alerts.escalate()
    unsent = len(alert_store.find_unsent(alert_store.read_events(), alerts.now()))
    if as_json:
        print_json({"unsent": unsent})
    else:
        out.print(f"Messages that were not sent: {unsent}." if unsent else "Everything was sent.")


@app.command()
def digest(as_json: AsJson = False) -> None:
    """Send what happened since the last digest, and show it; done daily anyway."""
    from pipelines.alerts.daily_digest import digest as send_digest

    text = send_digest()
    if as_json:
        print_json({"text": text})
    else:
        out.print(text, highlight=False, soft_wrap=True)
