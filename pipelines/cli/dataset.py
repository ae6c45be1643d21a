"""`weaver dataset`: rows of one's own, and the versions of a dataset."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.core.errors import WeaverError
from pipelines.core.templates import load_template

app = typer.Typer(no_args_is_help=True)

Version = Annotated[str, typer.Argument(help="A version: 3, v3, or the tag.")]
Place = Annotated[str, typer.Argument(metavar="FILE|FOLDER|s3://…", help="A .csv, .jsonl, .parquet or .xlsx file; "
                                      ".gz and .zip may follow. s3://bucket/folder/ takes all in it.")]  # fmt: skip
Columns = Annotated[list[str] | None, typer.Option("--map", metavar="COLUMN=FIELD", help="Which field a column is; "
                                                   "COLUMN= leaves it out.")]  # fmt: skip


@app.command()
def add(
    template: Template,
    place: Place,
    map_: Columns = None,
    topic: Annotated[str, typer.Option(help="The topic of every row.")] = "",
    encoding: Annotated[str, typer.Option(help="Of text files, if it is not found right.")] = "",
    sheet: Annotated[str, typer.Option(help="Of a workbook; else the first.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring rows of your own: shows how each column and row is read, then asks; nothing is kept before the answer."""
    from pipelines.datasets.upload import stage_upload, uploads_folder

    told = dict(text.partition("=")[::2] for text in map_ or [] if "=" in text)
    if len(told) != len(map_ or []):
        raise typer.BadParameter("--map: write it once a column, as COLUMN=FIELD")
    with stage_upload(template, place, told, topic, encoding, sheet) as stage:
        if not as_json:
            for upload in stage.uploads:
                show(upload)
            for known in stage.known:
                out.print(known, markup=False)
        rows = sum(upload.rows for upload in stage.uploads)
        accepted = yes or (not as_json and typer.confirm(f"Add these {rows} rows to {template}?"))
        if accepted:
            stage.accept()
        if as_json:
            uploads = [upload.model_dump(mode="json") for upload in stage.uploads]
            print_json({"accepted": accepted, "rows": rows, "uploads": uploads, "known": stage.known})
        elif accepted:
            out.print(f"{rows} rows added; the next run of {template} uses them.")
            for upload in stage.uploads:
                kept = uploads_folder(template) / upload.id / "refused.jsonl"
                if upload.refused:
                    out.print(f"What cannot be used of {upload.file}: {kept}", soft_wrap=True)
                out.print(f"To take it back: weaver dataset remove {template} {upload.id}", soft_wrap=True)


def show(upload: Any) -> None:
    """A preview: what was found, and what will become of it."""
    out.print(f"[bold]{upload.file}[/]: {upload.format}, {upload.encoding}", highlight=False)
    for note in upload.notes:
        out.print(f"  {note}", markup=False)
    columns = Table("column", "field", "why", box=None)
    for line in upload.columns:
        columns.add_row(line["column"], line["field"] or "—", line["how"])
    if upload.topic:
        columns.add_row("—", "topic", f"{upload.topic}, for all rows")
    rows = Table(*upload.first[0], box=None, title="The first rows, as they will be", title_justify="left")
    for row in upload.first:
        rows.add_row(*(str(row.get(field, "")) for field in upload.first[0]))
    out.print(columns, rows)
    refused = sum(upload.refused.values())
    out.print(f"{upload.rows} rows can be used, {refused} cannot" + (":" if refused else "."))
    for reason, count in upload.refused.items():
        out.print(f"  {count} {reason}", markup=False)
    for example in upload.examples:
        out.print(f"    {example}", markup=False, soft_wrap=True)


@app.command("list")
def list_(template: Template, as_json: AsJson = False) -> None:
    """What was added to a template, beside the rows of its kit."""
    from pipelines.datasets.upload import list_uploads, uploads_folder

    load_template(template)
    found = list_uploads(template)
    if as_json:
        print_json([upload.model_dump(mode="json") for upload in found])
        return
    table = Table("upload", "file", "rows", "refused", "added", "folder", box=None)
    for upload in found:
        counts = (str(upload.rows), str(sum(upload.refused.values())))
        table.add_row(upload.id, upload.file, *counts, upload.at[:16], str(uploads_folder(template) / upload.id))
    out.print(table)


@app.command()
def remove(template: Template, upload: Annotated[str, typer.Argument(help="Its id.")], as_json: AsJson = False) -> None:
    """Take an upload back: the next dataset is without its rows."""
    from pipelines.datasets.upload import remove_upload

    gone = remove_upload(template, upload)
    if as_json:
        print_json(gone.model_dump(mode="json"))
    else:
        out.print(f"{gone.file} is taken back: {gone.rows} rows fewer in the next run of {template}.")


@app.command()
def versions(template: Template, as_json: AsJson = False) -> None:
    """All versions of a dataset: rows, digest, date."""
    from pipelines.datasets.history import list_history

    load_template(template)
    found = list_history(template)
    if as_json:
        print_json(found)
        return
    table = Table("version", "rows", "digest", "date", "", box=None)
    for known in found:
        rows = ", ".join(f"{count} {split}" for split, count in sorted(known["rows"].items(), reverse=True))
        table.add_row(known["tag"], rows, known["digest"][:12], known["date"][:16], known["message"].partition("; ")[2])
    out.print(table)


@app.command()
def diff(template: Template, old: Version, new: Version, as_json: AsJson = False) -> None:
    """Rows added, removed and changed between two versions, for each topic."""
    from pipelines.datasets.history import diff_versions

    told = diff_versions(template, number(template, old), number(template, new))
    if as_json:
        print_json(told)
        return
    table = Table("topic", "added", "removed", "changed", "same", box=None)
    for topic, counts in told["topics"].items():
        table.add_row(topic, *(str(counts[what]) for what in ("added", "removed", "changed", "same")))
    out.print(table)
    out.print(f"{told['moved']} rows moved between train and held out.")
    for question in told["examples"]:
        out.print(f"  changed: {question}", markup=False)


@app.command()
def get(template: Template, version: Version, folder: Path, as_json: AsJson = False) -> None:
    """Copy a version's train.jsonl and heldout.jsonl into a new folder."""
    from pipelines.datasets.history import export_version

    known = export_version(template, number(template, version), folder.expanduser().absolute())
    if as_json:
        print_json(known.model_dump(mode="json"))
    else:
        out.print(f"{known.tag} is in {known.uri}", soft_wrap=True)


@app.command()
def rollback(
    template: Template,
    version: Version,
    why: Annotated[str, typer.Option(help="Why; kept in the history.")],
    as_json: AsJson = False,
) -> None:
    """Make a new version with an old one's rows; the history keeps what came between."""
    from pipelines.datasets.history import rollback_dataset

    made = rollback_dataset(template, number(template, version), why)
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        out.print(f"{made.tag} has the rows of {template}@v{number(template, version)} again.")


def number(template: str, version: str) -> int:
    """3, v3 or service_advisor@v3 → 3."""
    load_template(template)
    digits = version.removeprefix(f"{template}@").removeprefix("v")
    if not digits.isdecimal():
        raise WeaverError(
            f"{version!r} is no version", "Write it as 3, v3 or the tag; `weaver dataset versions` has all."
        )
    return int(digits)
