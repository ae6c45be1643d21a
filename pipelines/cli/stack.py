"""`weaver up`, `down`, `status`, `logins`, `doctor`: the local servers and the machine under them."""

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, err, out, print_json
from pipelines.core.template_check import find_broken_templates
from pipelines.stack import control, credentials, doctor
from pipelines.text.terminal import styled

app = typer.Typer()

COLOURS = {"healthy": "green", "starting": "yellow", "failed": "red", "stopped": "dim"}
SIGNS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@app.command()
def up(as_json: AsJson = False) -> None:
    """Start the servers on this machine, and wait until they are healthy."""
    control.up()
    status(as_json)


@app.command()
def down(as_json: AsJson = False) -> None:
    """Stop all servers; a run that is interrupted goes on after the next `up`."""
    control.down()
    status(as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the servers: their state, address and memory."""
    servers = control.status()
    if as_json:
        print_json([server._asdict() for server in servers])
        print_broken_templates()
        return
    table = Table("server", "state", "pid", "MB", "address", box=None)
    for name, state, pid, url, memory in servers:
        table.add_row(name, styled((state, COLOURS[state])), str(pid or ""), str(memory or ""), url)
    out.print(table)
    print_broken_templates()


def print_broken_templates() -> None:
    """Print which templates have no DAG, and why; on stderr, as standard output is a table or JSON."""
    for file, error in find_broken_templates().items():
        err.print(styled(("✗", "red"), f" {file} cannot be used, and has no DAG: {error}"), soft_wrap=True)


@app.command()
def logins(as_json: AsJson = False) -> None:
    """Show who may sign in where, with passwords and keys: make sure that nobody watches."""
    users = credentials.list_logins()
    if as_json:
        print_json([login._asdict() for login in users])
        return
    table = Table("server", "address", "user", "password or key", box=None)
    for login in users:
        table.add_row(*login)
    out.print(table)


@app.command("doctor")
def examine(as_json: AsJson = False) -> None:
    """Check this machine: memory, disk, GPU, ports, versions; exit code 1 if something must be fixed first."""
    findings = doctor.run_checks()
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        table = Table("", "what", "found", "what to do", box=None)
        for finding in findings:
            table.add_row(styled(SIGNS[finding.verdict]), finding.what, finding.result, finding.remedy)
        out.print(table)
    if any(finding.verdict == "fail" for finding in findings):
        raise typer.Exit(1)
