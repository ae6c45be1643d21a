"""`weaver dataset`: add your own rows, and look at the versions of a dataset."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.templates import load_template
from pipelines.text.counts import format_count
from pipelines.text.terminal import styled

app = typer.Typer(no_args_is_help=True)

Version = Annotated[str, typer.Argument(help="A version: 3, v3 or its tag.")]
Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE|FOLDER|s3://…",
        help="A .csv, .tsv, .json, .jsonl, .parquet, .xlsx or .mbox file, or a chat of WhatsApp (.txt), also as .gz or "
        ".zip; s3://bucket/folder/ adds all.",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=FIELD",
        help="The field of a column; COLUMN= leaves it out; A,B,C=input makes these columns the record. "
        "Of a chat, NAME=output says who answers for the dealership.",
    ),
]


Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="NAME|VALUE=NAME",
        help="The topic of every row; or the template's topic for one that the file names otherwise.",
    ),
]
SHOWN_FIELDS = ("source", "instruction", "input", "output", "topic")  # of a row, in the preview
SHOWN_TOPICS = 8  # that the template does not have
SHOWN_CHARS = 200  # of a text in the preview


def shorten(text: str) -> str:
    """A text cut for the preview."""
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"


def read_pairs(options: list[str] | None) -> dict[str, str]:
    """The options of the form NAME=VALUE; a name may contain = itself."""
    return dict(text.rpartition("=")[::2] for text in options or [] if "=" in text)


@app.command()
def add(
    template: Template,
    source: Source,
    map_: Columns = None,
    topic: Topics = None,
    encoding: Annotated[str, typer.Option(help="The encoding of text files, where it is guessed wrong.")] = "",
    sheet: Annotated[str, typer.Option(help="The sheet of a workbook; without it, the one with columns.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Add the rows without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add your own rows: shows how each column and row is read, then asks; nothing is kept before you say yes."""
    from pipelines.datasets.upload import stage_upload, uploads_folder

    fields = read_pairs(map_)
    if len(fields) != len(map_ or []):
        raise typer.BadParameter("--map: write it once for each column, as COLUMN=FIELD")
    topic_names = read_pairs(topic)
    one_topic = next((text for text in topic or [] if "=" not in text), "")
    if len(topic_names) + bool(one_topic) != len(topic or []) or (topic_names and one_topic):
        raise typer.BadParameter("--topic: write it once as NAME, for all rows; or as VALUE=NAME, for each topic")
    with stage_upload(template, source, fields, one_topic, encoding, sheet, not yes, topic_names) as staged:
        if not as_json:
            for upload in staged.uploads:
                print_upload(upload, source)
            for message in staged.duplicates:
                out.print(message)
        rows = sum(upload.rows for upload in staged.uploads)
        accepted = yes or (not as_json and confirm_addition(rows, template))
        if accepted:
            staged.accept()
        if as_json:
            uploads = [upload.model_dump(mode="json") for upload in staged.uploads]
            print_json({"accepted": accepted, "rows": rows, "uploads": uploads, "duplicates": staged.duplicates})
        elif accepted:
            out.print(f"{format_count(rows, 'row')} added for the next run of {template}.")
            for upload in staged.uploads:
                rejected = uploads_folder(template) / upload.id / "rejected.jsonl"
                if upload.rejected:
                    out.print(f"Rejected rows of {upload.file}: {rejected}", soft_wrap=True)
                out.print(f"To remove it: weaver dataset remove {template} {upload.id}", soft_wrap=True)


def confirm_addition(rows: int, template: str) -> bool:
    """Ask whether to add the rows.

    Raises:
        WeaverError: nobody answered, as where there is no terminal.
    """
    try:
        return typer.confirm(f"Add {format_count(rows, 'row')} to {template}?")
    except typer.Abort:
        raise WeaverError("Nothing was added: the question was not answered.", "Answer y; or add --yes.") from None


def print_upload(upload: Any, source: str) -> None:
    """A preview: how the file was read, what its rows become, and what to type where that is wrong."""
    out.print(styled((upload.file, "bold"), f": {upload.format}, {upload.encoding}"))
    for note in upload.notes:
        out.print(f"  {note}")
    columns = Table("column", "field", "mapped by", "seems to be", "examples", box=None)
    for line in upload.columns:
        cells = (line["column"], line["field"] or "—", line["how"], line.get("role", ""), line.get("examples", ""))
        columns.add_row(*cells)
    if upload.topic:
        columns.add_row("—", "topic", f"{upload.topic}, for all rows")
    from pipelines.readers.column_names import SYNONYMS

    shown = [field for field in SHOWN_FIELDS if any(row.get(field) for row in upload.first)]
    rows = Table(*shown, box=None, title="First rows, as they will be added", title_justify="left")
    for row in upload.first:
        rows.add_row(*(shorten(str(row.get(field, ""))) for field in shown))
    out.print(columns, rows)
    rejected = sum(upload.rejected.values())
    out.print(f"{format_count(upload.rows, 'row')} can be used, {rejected} rejected" + (":" if rejected else "."))
    for reason, count in upload.rejected.items():
        out.print(f"  {count} {reason}")
    for example in upload.examples:
        out.print(f"    {example}", soft_wrap=True)
    command = f"weaver dataset add {upload.template} {shlex.quote(source)}"
    if upload.unknown_topics:
        print_unknown_topics(upload, command)
    if upload.confirm:
        out.print("Some columns or speakers are guessed by what they hold. This command says the same without a guess:")
        topic = [f"--topic {shlex.quote(upload.topic)}"] if upload.topic else []
        out.print(f"  {' '.join([command, *upload.confirm, *topic])}", soft_wrap=True)
    out.print("If something is read wrong, say it, and look again:")
    out.print(f"  {command} --map COLUMN=FIELD", soft_wrap=True)
    others = ", ".join(name for name in SYNONYMS if name not in ("instruction", "output", "input"))
    out.print(f"  FIELD is instruction (the question), output (the answer), input (the record), {others}.")
    out.print("  COLUMN= leaves a column out; A,B,C=input makes several columns the record.")
    if any(line.get("role") == "speaker" for line in upload.columns):
        out.print("  NAME=output says who answers in a chat, NAME=instruction who asks; NAME= leaves a speaker out.")
    out.print("  --topic NAME sets the topic of all rows, --topic VALUE=NAME that of some.")
    out.print("  --sheet and --encoding say what to read, and how.")


def print_unknown_topics(upload: Any, command: str) -> None:
    """The topics that the template does not have, and how to say which of its own they are."""
    counts = sorted(upload.unknown_topics.items(), key=lambda item: -item[1])
    shown = ", ".join(f"'{name}' ({format_count(count, 'row')})" for name, count in counts[:SHOWN_TOPICS])
    more = f" and {len(counts) - SHOWN_TOPICS} more" if len(counts) > SHOWN_TOPICS else ""
    out.print(f"The template has no topic {shown}{more}. Say which of its topics each is:")
    options = " ".join(f"--topic {shlex.quote(f'{name}=NAME')}" for name, _ in counts[:SHOWN_TOPICS])
    out.print(f"  {' '.join([command, *upload.confirm])} {options}", soft_wrap=True)
    topics = ", ".join(make_plan(upload.template).contract.topics)
    out.print(f"  NAME is one of {topics}. Other topics: the template's key contract.topics.", soft_wrap=True)


@app.command("list")
def list_(template: Template, as_json: AsJson = False) -> None:
    """List what was added to a template, beside the rows of its kit."""
    from pipelines.datasets.upload import list_uploads, uploads_folder

    load_template(template)
    uploads = list_uploads(template)
    if as_json:
        print_json([upload.model_dump(mode="json") for upload in uploads])
        return
    table = Table("upload", "file", "rows", "rejected", "added", "folder", box=None)
    for upload in uploads:
        counts = (str(upload.rows), str(sum(upload.rejected.values())))
        table.add_row(upload.id, upload.file, *counts, upload.at[:16], str(uploads_folder(template) / upload.id))
    out.print(table)


@app.command()
def remove(
    template: Template, upload: Annotated[str, typer.Argument(help="The upload's id.")], as_json: AsJson = False
) -> None:
    """Remove an upload: the next dataset is without its rows."""
    from pipelines.datasets.upload import remove_upload

    removed = remove_upload(template, upload)
    if as_json:
        print_json(removed.model_dump(mode="json"))
    else:
        out.print(
            f"{removed.file} is removed: the next run of {template} has {format_count(removed.rows, 'row')} fewer."
        )


@app.command()
def versions(template: Template, as_json: AsJson = False) -> None:
    """List all versions of a dataset: rows, digest, date."""
    from pipelines.datasets.history import list_history

    load_template(template)
    history = list_history(template)
    if as_json:
        print_json(history)
        return
    table = Table("version", "rows", "digest", "date", "note", box=None)
    for entry in history:
        rows = ", ".join(f"{count} {split}" for split, count in sorted(entry["rows"].items(), reverse=True))
        table.add_row(entry["tag"], rows, entry["digest"][:12], entry["date"][:16], entry["message"].partition("; ")[2])
    out.print(table)


@app.command()
def diff(template: Template, old: Version, new: Version, as_json: AsJson = False) -> None:
    """Show the rows added, removed and changed between two versions, for each topic."""
    from pipelines.datasets.history import diff_versions

    diff = diff_versions(template, version_number(template, old), version_number(template, new))
    if as_json:
        print_json(diff)
        return
    table = Table("topic", "added", "removed", "changed", "same", box=None)
    for topic, counts in diff["topics"].items():
        table.add_row(topic, *(str(counts[change]) for change in ("added", "removed", "changed", "same")))
    out.print(table)
    out.print(f"{format_count(diff['moved'], 'row')} moved between train and held out.")
    for question in diff["examples"]:
        out.print(f"  changed: {question}")


@app.command()
def get(template: Template, version: Version, folder: Path, as_json: AsJson = False) -> None:
    """Copy a version's train.jsonl and heldout.jsonl into a new folder."""
    from pipelines.datasets.history import export_version

    exported = export_version(template, version_number(template, version), folder.expanduser().absolute())
    if as_json:
        print_json(exported.model_dump(mode="json"))
    else:
        out.print(f"{exported.tag} is in {exported.uri}", soft_wrap=True)


@app.command()
def rollback(
    template: Template,
    version: Version,
    why: Annotated[str, typer.Option(help="The reason; the history keeps it.")],
    as_json: AsJson = False,
) -> None:
    """Create a new version with the rows of an old one; the versions between them stay in the history."""
    from pipelines.datasets.history import rollback_dataset

    restored = rollback_dataset(template, version_number(template, version), why)
    if as_json:
        print_json(restored.model_dump(mode="json"))
    else:
        out.print(f"{restored.tag} has the rows of {template}@v{version_number(template, version)} again.")


def version_number(template: str, version: str) -> int:
    """The number of a version: 3, v3 or service_advisor@v3 → 3."""
    load_template(template)
    digits = version.removeprefix(f"{template}@").removeprefix("v")
    if not digits.isdecimal():
        raise WeaverError(
            f"'{version}' is not a version of {template}",
            "Write it as 3, v3 or the tag; `weaver dataset versions` lists all.",
        )
    return int(digits)
