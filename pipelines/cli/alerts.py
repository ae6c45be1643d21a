"""`weaver alerts`: what somebody should know, who is on it, and what was not sent yet."""

import getpass
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines import alerts
from pipelines.alerts import alert_store
from pipelines.cli.console import AsJson, out, print_json
from pipelines.core.settings import Severity

app = typer.Typer(no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="An alert's key; `weaver alerts list` shows them.")]
By = Annotated[str, typer.Option(help="Who is on it; else the user of this machine.")]
COLOURS = {"info": "blue", "warning": "yellow", "critical": "bold red"}


@app.callback()
def alerts_() -> None:
    """What somebody should know, and who is on it."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """One line a key, the newest last."""
    entries = alert_store.read()
    cases = sorted(alert_store.cases(entries).values(), key=lambda case: case.last)
    unsent = len(alert_store.waiting(entries, alerts.now()))
    if as_json:
        print_json({"unsent": unsent, "alerts": [asdict(case) for case in cases]})
        return
    if not cases:
        out.print("Nothing was raised yet.")
        return
    table = Table("last (UTC)", "severity", "key", "times", "acknowledged by", "", box=None)
    for case in cases:
        severity = f"[{COLOURS[case.severity]}]{case.severity}[/]"
        line = case.text.partition("\n")[0]
        table.add_row(f"{case.last:%m-%d %H:%M}", severity, escape(case.key), str(case.count), case.by, escape(line))
    out.print(table)
    if unsent:
        out.print(f"waiting for a channel that is down: {unsent}; `weaver alerts send` tries again.")


@app.command()
def show(key: Key, as_json: AsJson = False) -> None:
    """Everything that was raised under a key, and what became of it."""
    case = alert_store.find(key)
    entries = [entry for entry in alert_store.read() if entry.key == key]
    if as_json:
        print_json(asdict(case) | {"entries": [entry.model_dump(mode="json", exclude_unset=True) for entry in entries]})
        return
    for entry in entries:
        told = f"by {entry.by}" if entry.event == "acknowledged" else f"{entry.severity}: {entry.text}"
        sent = f"  → {', '.join(entry.to)}" if entry.to else ""
        out.print(
            f"{entry.at:%Y-%m-%d %H:%M:%S} {entry.event} {told}{sent}", highlight=False, markup=False, soft_wrap=True
        )
    if case.link:
        out.print(case.link, soft_wrap=True)


@app.command()
def ack(key: Key, by: By = "", as_json: AsJson = False) -> None:
    """Say that somebody is on it: it does not rise, and is quiet for a while."""
    alerts.acknowledge(key, by or getpass.getuser())
    case = alert_store.find(key)
    if as_json:
        print_json(asdict(case))
    else:
        out.print(f"{case.by} is on {key}.", highlight=False)


@app.command("raise")
def raise_(
    text: str,
    severity: Severity = "warning",
    key: Annotated[str, typer.Option(help="What it is about; else its text.")] = "",
    link: Annotated[str, typer.Option(help="The page that shows more.")] = "",
) -> None:
    """Raise an alert of your own: from a script, or to see that the channels work."""
    alerts.alert(text, severity, key, link=link)


@app.command()
def send(as_json: AsJson = False) -> None:
    """Send what waits for a channel that was down, and let rise what nobody acknowledged; hourly by itself."""
    alerts.escalate()
    unsent = len(alert_store.waiting(alert_store.read(), alerts.now()))
    if as_json:
        print_json({"unsent": unsent})
    else:
        out.print(f"Waiting still: {unsent}." if unsent else "Nothing waits.")


@app.command()
def digest(as_json: AsJson = False) -> None:
    """Send what happened since the last digest, and show it; daily by itself."""
    from pipelines.alerts.daily_digest import digest as send_digest

    text = send_digest()
    if as_json:
        print_json({"text": text})
    else:
        out.print(text, markup=False, highlight=False, soft_wrap=True)
