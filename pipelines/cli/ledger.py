"""`weaver ledger`: which version was deployed when, by whom and why; and whether that record is intact."""

from datetime import UTC, date, datetime, time
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, out, print_json
from pipelines.core.errors import WeaverError
from pipelines.text.terminal import styled

app = typer.Typer(no_args_is_help=True)

At = Annotated[
    str,
    typer.Option(
        metavar="DATE|TIME",
        help="Only what was deployed then: 2026-03-03, or 2026-03-03T14:00; local time, unless it names another zone.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="[TEMPLATE]", help="Only this template's entries.")]


@app.callback()
def ledger() -> None:
    """Which version was deployed when, by whom and why."""


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Check that no entry was changed, and that the ledger, MLflow and the deployments agree; exit code 1 if not."""
    from pipelines.core.templates import find_template_files
    from pipelines.registry.ledger_check import verify_ledger
    from pipelines.serving.deployment_pointer import deployed_version_number

    entries, findings = verify_ledger({name: deployed_version_number(name) for name in find_template_files()})
    if as_json:
        print_json(
            {"entries": entries, "intact": not findings, "findings": [finding._asdict() for finding in findings]}
        )
    elif not findings:
        out.print(f"{entries} entries, all intact. MLflow, the routes and the deployments agree with them.")
    for finding in () if as_json else findings:
        out.print(styled(("✗", "bold red"), f" {finding.what}\n  → {finding.remedy}"), soft_wrap=True)
    if findings:
        raise typer.Exit(1)


@app.command()
def sign(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Accept the entries that are there, after a restore from a backup: sign the newest one anew."""
    from pipelines.registry.ledger import accept_ledger

    if not yes:
        typer.confirm("Entries that are missing at the end will not be noticed any more. Go on?", abort=True)
    entries = accept_ledger()
    if as_json:
        print_json({"entries": len(entries)})
    else:
        out.print(f"Accepted the ledger with {len(entries)} entries, and signed its newest one.")


@app.command()
def show(template: Name = "", at: At = "", as_json: AsJson = False) -> None:
    """The entries, oldest first; or, with --at, the version that was deployed on a day or at a time."""
    from pipelines.registry import ledger

    if at and not template:
        raise typer.BadParameter("--at needs a template: weaver ledger show TEMPLATE --at …")
    entries = ledger.read_deployments_between(template, *parse_period(at)) if at else ledger.read_entries()
    entries = [entry for entry in entries if template in ("", entry.name)]
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in entries])
        return
    if not entries:
        out.print(f"No version of {template} was deployed then." if at else "The ledger has no entries yet.")
        return
    table = Table("", "when (UTC)", *([] if template else ["template"]), "what", "version", "by", "why", box=None)
    for entry in entries:
        version = f"{entry.from_version or 'none'} → {entry.version}" if entry.changes_champion else str(entry.version)
        when = entry.at.removesuffix("+00:00").replace("T", " ")
        name = [] if template else [entry.name]
        table.add_row(str(entry.number), when, *name, entry.event, version, entry.by, entry.why)
    out.print(table)


def parse_period(at: str) -> tuple[str, str]:
    """The begin and end, in UTC as the ledger writes it, of a day; or a time, twice."""
    try:
        if len(at) == len("2026-03-03"):
            day = date.fromisoformat(at)
            times = datetime.combine(day, time.min), datetime.combine(day, time.max)
        else:
            times = (datetime.fromisoformat(at),) * 2
    except ValueError as error:
        raise WeaverError(
            f"--at {at} is not a time: {error}", "Write it as 2026-03-03, or as 2026-03-03T14:00."
        ) from error
    since, until = (moment.astimezone(UTC).isoformat(timespec="seconds") for moment in times)
    return since, until
