"""`weaver log`: the request log, with the feedback on each answer."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.core.errors import WeaverError
from pipelines.core.files import atomic_write, write_jsonl
from pipelines.core.templates import load_template

if TYPE_CHECKING:
    import pyarrow as pa

app = typer.Typer(no_args_is_help=True)

Since = Annotated[str, typer.Option(metavar="DATE|TIME", help="2026-03-03 or 2026-03-03T14:00, in local time "
                                    "without an offset.")]  # fmt: skip
WINDOWS = (1, 7, 90)  # days; the newest requests are looked for in the last of them first


@app.callback()
def log() -> None:
    """Show or export the request log."""


@app.command()
def show(
    template: Template,
    since: Since = "",
    last: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest requests, oldest first: which version answered, how fast, and the thumbs."""
    load_template(template)
    rows = newest_requests(template, since, last).to_pylist()
    if as_json:
        print_json(rows)
        return
    if not rows:
        out.print(f"No request was sent to {template}{' since then' if since else ' yet'}.")
        return
    table = Table("when", "version", "by", "status", "seconds", "tokens", "question", "answer", "", box=None)
    for row in rows:
        when = datetime.fromtimestamp(row["at"]).strftime("%m-%d %H:%M:%S")
        by = f"cache ({row['cached']})" if row["cached"] else row["backend"] or row["retrieval"] or ""
        texts = (last_question(row["messages"]), row["answer"], row["thumb"] or "")
        values = (str(row["version"]), by, row["status"], f"{row['latency_s']:.2f}", str(row["completion_tokens"]))
        table.add_row(when, *values, *(shorten_text(text) for text in texts))
    out.print(table)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.parquet|.jsonl|.csv")],
    template: Annotated[str, typer.Option(help="Only this template's.")] = "",
    since: Since = "",
    as_json: AsJson = False,
) -> None:
    """Write the requests with the newest feedback on each to a file."""
    if file.suffix not in WRITERS:
        raise WeaverError(
            f"{file}: {file.suffix or 'no suffix'} is not a known format",
            f"End the file's name on {', '.join(WRITERS)}.",
        )
    if template:
        load_template(template)
    rows = requests_with_feedback(parse_time(since), template)
    WRITERS[file.suffix](file.expanduser(), rows)
    if as_json:
        print_json({"file": str(file), "rows": len(rows)})
    else:
        out.print(f"{len(rows)} requests are in {file}", soft_wrap=True)


def newest_requests(template: str, since: str, last: int) -> "pa.Table":
    """The newest requests; without `since` it need not read the whole log to find them."""
    begins = [parse_time(since)] if since else [time.time() - days * 86_400 for days in WINDOWS]
    for begin in begins:
        rows = requests_with_feedback(begin, template)
        if len(rows) >= last:
            break
    return rows.slice(max(0, len(rows) - last))


def requests_with_feedback(since: float, template: str) -> "pa.Table":
    """The requests from then on, each with the newest thumb, correction and comment on its answer; null without one."""
    import pyarrow as pa

    from pipelines.request_log import read_exchanges, read_feedback

    feedback = read_feedback(since, template=template).select(["id", "thumb", "correction", "comment"])
    newest = {row["id"]: row for row in feedback.to_pylist()}
    feedback = pa.Table.from_pylist(list(newest.values()), feedback.schema)
    return read_exchanges(since, template=template).join(feedback, keys="id", join_type="left outer").sort_by("at")


def parse_time(text: str) -> float:
    """Epoch seconds of a day or time that was typed; 0 for none."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else 0.0
    except ValueError as error:
        raise WeaverError(f"--since {text}: {error}", "Write it as 2026-03-03, or as 2026-03-03T14:00.") from error


def last_question(messages: str) -> str:
    """What the user said last."""
    questions = [message.get("content") for message in json.loads(messages) if message.get("role") == "user"]
    return str(questions[-1]) if questions else ""


def shorten_text(text: str, most: int = 60) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def write_parquet(file: Path, rows: "pa.Table") -> None:
    """Write rows as Parquet, whole or not at all."""
    from pyarrow import parquet

    with atomic_write(file) as temporary:
        parquet.write_table(rows, temporary, compression="zstd")


def write_csv(file: Path, rows: "pa.Table") -> None:
    """Write rows as CSV, whole or not at all."""
    from pyarrow import csv

    with atomic_write(file) as temporary:
        csv.write_csv(rows, temporary)


WRITERS: dict[str, Callable[[Path, Any], None]] = {
    ".parquet": write_parquet,
    ".jsonl": lambda file, rows: write_jsonl(file, rows.to_pylist()),
    ".csv": write_csv,
}
