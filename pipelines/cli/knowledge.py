"""`weaver knowledge`: what a template looks up to answer a question."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, err, out, print_json
from pipelines.text.counts import format_count
from pipelines.text.terminal import styled

if TYPE_CHECKING:
    from pipelines.core.artifacts import IndexVerdict

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
    version = sync_index(template, records=False)
    if as_json:
        documents = [document.model_dump(mode="json") for document in added.documents]
        print_json(added._asdict() | {"documents": documents, "index": version._asdict()})
    else:
        for document in added.documents:
            pages = f" on {document.pages} pages" if document.pages else ""
            out.print(
                f"{document.name}: {format_count(document.passages, 'passage')}{pages}, valid since {document.since}"
            )
            for note in document.notes:
                out.print(f"  {note}", soft_wrap=True)
            for item in document.withheld:
                page = f", page {item['page']}" if item["page"] else ""
                out.print(f"  withheld: {item['title']}{page}: {item['reason']}", soft_wrap=True)
        for name in added.unchanged:
            out.print(f"{name} is there already, unchanged")
        for message in added.rejected:
            out.print(styled(("left out: ", "red"), message), soft_wrap=True)
        out.print(
            f"{template} has {format_count(version.passages, 'passage')}, of which {version.embedded} embedded now."
        )
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
    version = sync_index(template, records=False)
    if as_json:
        print_json({"removed": removed.model_dump(mode="json"), "index": version._asdict()})
    else:
        out.print(f"{removed.name} is removed: {format_count(removed.passages, 'passage')}.")


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
    """Bring the index up to date with sources and documents, whatever the index gate would say."""
    from pipelines.knowledge.index import sync_index

    version = sync_index(template)
    if as_json:
        print_json(version._asdict())
    else:
        changes = f"{version.added} added, {version.changed} changed, {version.removed} removed"
        out.print(f"Version {version.version} with {format_count(version.passages, 'passage')} is live: {changes}.")


@app.command()
def reindex(template: Template, as_json: AsJson = False) -> None:
    """Build the index anew beside the live one, and make it live if it is not proven worse; exit code 1 if it is."""
    from pipelines.core.artifacts import IndexVerdict
    from pipelines.core.errors import Unavailable
    from pipelines.core.make_plan import make_plan
    from pipelines.stages.run import run_stage

    plan, artifacts = make_plan(template), dict[str, Any]()
    for stage in ("rebuild_index", "fetch_latest_dataset", "check_index"):
        artifacts[stage] = run_stage(stage, plan, artifacts)
    verdict = IndexVerdict.model_validate(artifacts["check_index"])
    if verdict.passed:
        verdict = IndexVerdict.model_validate(run_stage("switch_live_index", plan, artifacts))
    if as_json:
        print_json(verdict.model_dump(mode="json"))
    else:
        print_verdict(verdict)
    try:
        run_stage("log_index_run", plan, artifacts)
    except Unavailable as error:
        err.print(f"This check is not in MLflow: {error}", soft_wrap=True)
    if not verdict.passed:
        raise typer.Exit(1)


def print_verdict(verdict: "IndexVerdict") -> None:
    """Print the metrics of a version beside those of the one it was compared with, and what became of it."""
    table = Table("", f"version {verdict.version}", box=None)
    if verdict.compared_with:
        table.add_column(f"version {verdict.compared_with}")
        table.add_column("interval of the difference")
    for metric in verdict.metrics:
        row = [metric.name, f"{metric.value:.1%}"]
        if metric.before is not None:
            row += [f"{metric.before:.1%}", f"{100 * metric.low:+.1f} to {100 * metric.high:+.1f} points"]
        table.add_row(*row)
    out.print(table)
    out.print(f"Version {verdict.version} {verdict.reason}.", soft_wrap=True)
    for question in verdict.worse:
        out.print(styled("  worse: ", " ".join(question.split())), soft_wrap=True)
    if verdict.passed and not verdict.is_live:
        out.print("The live index has changed meanwhile: run the reindexing again.")


@app.command()
def rollback(template: Template, as_json: AsJson = False) -> None:
    """Make the version of the index before the live one live again, until the next sync or reindexing."""
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
    from pipelines.knowledge.index_verdict import read_verdict

    state = describe_index(template)
    if as_json:
        print_json(state)
        return
    table = Table("source", "passages", box=None)
    for source, count in state["sources"].items():
        table.add_row(source, str(count))
    out.print(table)
    out.print(
        f"Version {state['version']} is live since {state['built'][:16]}: {format_count(state['passages'], 'passage')}."
    )
    if state["outdated"]:
        out.print(
            f"{format_count(state['outdated'], 'passage')} out of date: run `weaver knowledge reindex {template}`."
        )
    if verdict := read_verdict(template):
        colour = "" if verdict.passed else "red"
        out.print(styled(f"Checked {verdict.at[:16]}: ", (f"version {verdict.version} {verdict.reason}.", colour)))
        for question in verdict.worse if not verdict.passed else ():
            out.print(styled("  worse: ", " ".join(question.split())), soft_wrap=True)


@app.command()
def unanswered(
    template: Template,
    days: Annotated[float, typer.Option(min=0.01, max=3650, help="Of how many last days.")] = 7,
    limit: Annotated[int, typer.Option(min=1, help="How many questions at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what was asked and declined because no record answers it: what to add next."""
    from datetime import UTC, datetime

    from pipelines.core.make_plan import make_plan
    from pipelines.knowledge.unanswered import find_unanswered

    questions = find_unanswered(make_plan(template), days)
    if as_json:
        print_json([question._asdict() for question in questions[:limit]])
        return
    if not questions:
        out.print(f"No question to {template} was declined for want of a record in the last {days:g} days.")
        return
    table = Table("times", "last asked (UTC)", "no record on", box=None)
    for question in questions[:limit]:
        last = datetime.fromtimestamp(question.last, UTC).strftime("%Y-%m-%d %H:%M")
        others = f"  (and {len(question.wordings)} other wordings)" if question.wordings else ""
        table.add_row(str(question.times), last, styled(question.question, (others, "dim")))
    out.print(table)
    if len(questions) > limit:
        out.print(f"{len(questions) - limit} more: use --limit.")
