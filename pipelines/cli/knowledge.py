"""`weaver knowledge`: what a template looks up to answer a question."""

from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.text.terminal import styled

app = typer.Typer(no_args_is_help=True)

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|FOLDER|s3://…",
        help="PDF, Word (.docx), HTML, Markdown, text, CSV or Excel; a folder, or s3://bucket/folder/, adds all in it.",
    ),
]
SHOWN_CHARS = 400  # of a passage


@app.command()
def add(
    template: Template,
    files: Files,
    since: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="The day from which they hold; default: when they were written.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Add documents, or newer versions of them: one of the same name is replaced. They can be found at once."""
    from pipelines.knowledge.documents import add_documents
    from pipelines.knowledge.index import sync_index

    added = add_documents(template, files, since)
    version = sync_index(template)
    if as_json:
        documents = [document.model_dump(mode="json") for document in added.documents]
        print_json(added._asdict() | {"documents": documents, "index": version._asdict()})
    else:
        for document in added.documents:
            pages = f" on {document.pages} pages" if document.pages else ""
            out.print(f"{document.name}: {count_passages(document.passages)}{pages}, valid since {document.since}")
            for note in document.notes:
                out.print(f"  {note}", soft_wrap=True)
            for item in document.withheld:
                page = f", page {item['page']}" if item["page"] else ""
                out.print(f"  withheld: {item['title']}{page}: {item['reason']}", soft_wrap=True)
        for name in added.unchanged:
            out.print(f"{name} is there already, unchanged")
        for message in added.rejected:
            out.print(styled(("left out: ", "red"), message), soft_wrap=True)
        out.print(f"{template} has {count_passages(version.passages)}, of which {version.embedded} embedded now.")
    if added.rejected:
        raise typer.Exit(1)


@app.command("list")
def list_(template: Template, as_json: AsJson = False) -> None:
    """List the documents of a template, and the records of its kit that it looks up."""
    from pipelines.core.make_plan import make_plan
    from pipelines.knowledge.documents import list_documents

    plan, documents = make_plan(template), list_documents(template)
    if as_json:
        shown = [document.model_dump(mode="json") for document in documents]
        print_json({"sources": plan.knowledge.sources, "documents": shown})
        return
    table = Table("document", "passages", "pages", "withheld", "valid since", "added", box=None)
    for document in documents:
        counts = (str(document.passages), str(document.pages or ""), str(len(document.withheld)))
        table.add_row(document.name, *counts, document.since, document.added[:16])
    out.print(table)
    out.print(f"Records of the kit: {', '.join(plan.knowledge.sources) or '(none)'}.")


@app.command()
def remove(
    template: Template, document: Annotated[str, typer.Argument(help="The document's name.")], as_json: AsJson = False
) -> None:
    """Remove a document: it is not found any more."""
    from pipelines.knowledge.documents import remove_document
    from pipelines.knowledge.index import sync_index

    removed = remove_document(template, document)
    version = sync_index(template)
    if as_json:
        print_json({"removed": removed.model_dump(mode="json"), "index": version._asdict()})
    else:
        out.print(f"{removed.name} is removed: {count_passages(removed.passages)}.")


@app.command()
def search(
    template: Template,
    question: Annotated[str, typer.Argument(help="As somebody would ask it.")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many passages at most.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show what is found for a question, the best first, and whether that is close enough to answer from."""
    from pipelines.core.templates import load_template
    from pipelines.knowledge.index import has_index, sync_index
    from pipelines.knowledge.live import load_index

    load_template(template)
    if not question.strip():
        raise typer.BadParameter("the question is empty")
    if not has_index(template):
        sync_index(template)
    result = load_index(template).search(question, limit)
    if as_json:
        hits = [hit._asdict() | {"passage": hit.passage._asdict()} for hit in result.hits]
        print_json(result._asdict() | {"hits": hits})
        return
    for key in result.unknown:
        out.print(f"There is no record on {key.partition(':')[2]}.")
    if not result.close:
        out.print("Nothing is close enough to answer from." + (" The nearest:" if result.hits else ""))
    for number, hit in enumerate(result.hits, 1):
        page = f", page {hit.passage.page}" if hit.passage.page else ""
        since = f", valid since {hit.passage.since}" if hit.passage.since else ""
        out.print(styled(f"{number}. ", (hit.passage.title, "bold"), f"  {hit.passage.source}{page}{since}"))
        out.print(f"   {hit.passage.text[:SHOWN_CHARS]}", soft_wrap=True)


@app.command()
def sync(template: Template, as_json: AsJson = False) -> None:
    """Bring the index up to date with sources and documents; only what is new or changed is embedded."""
    from pipelines.knowledge.index import sync_index

    version = sync_index(template)
    if as_json:
        print_json(version._asdict())
    else:
        changes = f"{version.added} added, {version.changed} changed, {version.removed} removed"
        out.print(f"Version {version.version} with {count_passages(version.passages)} is live: {changes}.")


@app.command()
def rollback(template: Template, as_json: AsJson = False) -> None:
    """Make the version of the index before the live one live again, until the next sync."""
    from pipelines.knowledge.index import rollback_index

    version = rollback_index(template)
    if as_json:
        print_json({"version": version})
    else:
        out.print(f"Version {version} of the knowledge index of {template} is live again.")


@app.command()
def status(template: Template, as_json: AsJson = False) -> None:
    """Show the live version of the index: its passages by source, and whether it is up to date."""
    from pipelines.knowledge.index_status import describe_index

    state = describe_index(template)
    if as_json:
        print_json(state)
        return
    table = Table("source", "passages", box=None)
    for source, count in state["sources"].items():
        table.add_row(source, str(count))
    out.print(table)
    out.print(f"Version {state['version']} is live since {state['built'][:16]}: {count_passages(state['passages'])}.")
    if state["outdated"]:
        out.print(f"{count_passages(state['outdated'])} out of date: run `weaver knowledge sync {template}`.")


def count_passages(count: int) -> str:
    """A number of passages, as a sentence has it."""
    return "1 passage" if count == 1 else f"{count} passages"
