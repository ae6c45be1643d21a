"""`weaver tune`: better training settings for a template, searched on the dataset that it has now."""

from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json, reserve_stdout
from pipelines.core.artifacts import DatasetVersion
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings, work_folder
from pipelines.core.templates import load_template
from pipelines.stages.lineage import read_artifacts
from pipelines.text.terminal import styled
from pipelines.training.tune import Trial, Tuning
from pipelines.training.tune import tune as search

app = typer.Typer()

SHORT = {"learning_rate": "rate", "batch_size": "batch", "gradient_accumulation": "accum."}

Trials = Annotated[int, typer.Option(help="Finished trials, counted over all calls on one dataset and plan.")]
Hours = Annotated[
    float | None, typer.Option(help="The most that this call may take; without it, the template's budget.")
]
Apply = Annotated[bool, typer.Option("--apply", help="Write the best values into the template, if it is your own.")]


@app.command()
def tune(
    template: Template,
    trials: Trials = 20,
    hours: Hours = None,
    apply: Apply = False,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Search learning rate, epochs, batch and LoRA settings by trial trainings; killed, it carries on."""
    if as_json:
        reserve_stdout()
    plan = make_plan(template, overrides(set_))
    dataset = read_artifacts(work_folder(template), ("commit_dataset",), plan)["commit_dataset"]
    hours = load_template(template).budget.training_hours if hours is None else hours
    tuning = search(DatasetVersion.model_validate(dataset), plan, trials, hours, apply)
    out.print(trial_table(tuning))
    print_best(template, tuning)
    if as_json:
        print_json(tuning.model_dump(mode="json"))


def trial_table(tuning: Tuning) -> Table:
    """Every trial, its settings and its validation loss."""
    names = tuning.best.settings
    heads = (SHORT.get(name, name.removeprefix("lora_")) for name in names)
    trials = Table("trial", "", "loss", "min", *heads, box=None, pad_edge=False, collapse_padding=True)
    for trial in tuning.trials:
        style = "bold green" if trial == tuning.best else "dim" if trial.state == "pruned" else ""
        loss = "diverged" if trial.loss is None else f"{trial.loss:.4f}"
        values = (f"{trial.settings[name]:.2g}" for name in names)
        trials.add_row(
            str(trial.number),
            trial.state.removeprefix("complete"),
            loss,
            f"{trial.seconds / 60:.1f}",
            *values,
            style=style,
        )
    return trials


def print_best(template: str, tuning: Tuning) -> None:
    """The best trial beside the current values, and how to use it."""
    best, now = tuning.best, tuning.current
    if tuning.stop_reason:
        out.print(f"stopped: {tuning.stop_reason}")
    if best == now:
        out.print(styled(("The current values are the best", "bold"), f" (validation loss {best.loss:.4f})."))
    else:
        before = f"{now.loss:.4f} with the current values" if now else "the current values diverge"
        out.print(styled((f"Trial {best.number} is the best:", "bold"), f" validation loss {best.loss:.4f}; {before}."))
        if tuning.applied:
            out.print(f"{tuning.applied} has its values now.", soft_wrap=True)
        else:
            options = " ".join(f"--set train.{name}={value}" for name, value in changed_settings(best, now).items())
            out.print(f"to run it once: weaver run {template} {options}", soft_wrap=True)
            out.print("to have the template run it from now on: this command again, with --apply")
    out.print(f"every trial: {settings().mlflow_url}/#/runs/{tuning.run_id}", soft_wrap=True)


def changed_settings(best: Trial, now: Trial | None) -> dict[str, float]:
    """The settings of the best trial that differ from the current ones."""
    return {name: value for name, value in best.settings.items() if not now or now.settings[name] != value}
