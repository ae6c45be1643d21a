"""One verb a stage: takes the artifacts that the stages before it left in the work folder, leaves its own there."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json
from pipelines.core.artifacts import read_artifact
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import work_folder
from pipelines.stages.run import run_stage
from pipelines.stages.table import STAGES, Stage

app = typer.Typer()

Work = Annotated[Path | None, typer.Option(help="Where artifacts and results lie; DVC uses data/.")]
By = Annotated[str, typer.Option(help="Who decides.")]
Why = Annotated[str, typer.Option(help="Why; kept with the decision.")]


def artifact_file(work: Path, stage: str) -> Path:
    return work / f"{stage}.json"


def perform(name: str, template: str, work: Path | None, settings: list[str] | None, as_json: bool, **who: str) -> None:
    folder = work or work_folder(template)
    artifacts = {
        source: read_artifact(artifact_file(folder, source), made_by=f"weaver {verb(source)} {template}")
        for source in STAGES[name].takes
    }
    artifact = run_stage(name, make_plan(template, overrides(settings)), artifacts, folder, **who)
    artifact.save(artifact_file(folder, name))
    if as_json:
        print_json(artifact.model_dump(mode="json"))
    else:
        out.print(artifact)


def verb(stage: str) -> str:
    return stage.replace("_", "-")


def add(name: str, stage: Stage) -> None:
    def plain(template: Template, work: Work = None, set_: Overrides = None, as_json: AsJson = False) -> None:
        perform(name, template, work, set_, as_json)

    def signed(
        template: Template, by: By, why: Why, work: Work = None, set_: Overrides = None, as_json: AsJson = False
    ) -> None:
        perform(name, template, work, set_, as_json, by=by, why=why)

    app.command(verb(name), help=stage.help, rich_help_panel="Stages")(signed if stage.signed else plain)


for name, stage in STAGES.items():
    if stage.nightly:  # the way back is one verb: weaver rollback
        add(name, stage)
