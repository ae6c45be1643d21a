"""One verb per stage. It takes the artifacts of the stages before it from the work folder, and writes its own there."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json
from pipelines.core.artifacts import Evaluation
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import work_folder
from pipelines.evaluation.outcomes import LABELS, label_category, tabulate_outcomes
from pipelines.stages.lineage import artifact_file, read_artifacts, save_artifact, stage_verb
from pipelines.stages.run import run_stage
from pipelines.stages.stage import Stage
from pipelines.stages.table import STAGES

app = typer.Typer()

Work = Annotated[Path | None, typer.Option(help="The folder of artifacts and results; DVC uses data/.")]
By = Annotated[str, typer.Option(help="Who decides.")]
Why = Annotated[str, typer.Option(help="Why it is decided so; kept with the decision.")]


def run_verb(
    name: str, template: str, work: Path | None, settings: list[str] | None, as_json: bool, **decision: str
) -> None:
    """Run a stage on the artifacts in the work folder, and write its own there.

    Its earlier artifact is removed first: if the stage fails, no later verb takes the earlier one.

    Raises:
        WeaverError: an artifact is missing or of another run; or the stage's own error.
    """
    folder, plan = work or work_folder(template), make_plan(template, overrides(settings))
    inputs = read_artifacts(folder, STAGES[name].takes, plan)
    artifact_file(folder, name).unlink(missing_ok=True)
    artifact = run_stage(name, plan, inputs, folder, **decision)
    save_artifact(folder, name, artifact, plan, inputs)
    if as_json:
        print_json(artifact.model_dump(mode="json"))
        return
    out.print(artifact)
    if isinstance(artifact, Evaluation):
        out.print(outcomes_table(artifact))


def outcomes_table(evaluation: Evaluation) -> Table:
    """What became of the held-out questions with the challenger, by category; the same as in the report."""
    title = "What became of the questions (the challenger's answers)"
    table = Table("questions", "number", *LABELS.values(), box=None, title=title, title_justify="left")
    for row in tabulate_outcomes(evaluation.metrics["challenger"]):
        shares = (f"{row[outcome]:.1%}" for outcome in LABELS)
        table.add_row(label_category(row["category"]), str(row["questions"]), *shares)
    return table


def add_verb(name: str, stage: Stage) -> None:
    """Add the verb of a stage to the command line."""

    def plain(template: Template, work: Work = None, set_: Overrides = None, as_json: AsJson = False) -> None:
        run_verb(name, template, work, set_, as_json)

    def signed(
        template: Template, by: By, why: Why, work: Work = None, set_: Overrides = None, as_json: AsJson = False
    ) -> None:
        run_verb(name, template, work, set_, as_json, by=by, why=why)

    app.command(stage_verb(name), help=stage.help, rich_help_panel="Stages")(signed if stage.signed else plain)


for name, stage in STAGES.items():
    if stage.nightly:  # the others have verbs of their own: weaver rollback, weaver drift
        add_verb(name, stage)
