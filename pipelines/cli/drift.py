"""`weaver drift`: has the world moved?"""

from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.core.artifacts import DeployedVersion, DriftReport
from pipelines.core.make_plan import make_plan
from pipelines.stages.run import run_stage

app = typer.Typer()

Now = Annotated[bool, typer.Option("--now", help="Measure first, as the DAG does every hour; starts no retraining.")]
STAGES = ("collect_feedback", "collect", "fetch_deployed_version", "fetch_training_dataset", "detect_drift")


@app.command()
def drift(template: Template, now: Now = False, as_json: AsJson = False) -> None:
    """Has the world moved: every signal, the last windows, what fired, and which retrainings it started."""
    from pipelines.monitoring.drift import drift_history
    from pipelines.monitoring.drift.conclusion import standing
    from pipelines.registry.deployed_version import fetch_deployed_version

    plan = make_plan(template)
    artifacts: dict[str, Any] = {}
    for stage in STAGES if now else ():
        artifacts[stage] = run_stage(stage, plan, artifacts)
    champion: DeployedVersion = artifacts.get("fetch_deployed_version") or fetch_deployed_version(plan)
    found: DriftReport = artifacts.get("detect_drift") or standing(champion, plan)
    past = drift_history.announced(template)
    measured = drift_history.measurements(champion, plan.drift.hours)
    if as_json:
        windows = [one.model_dump(mode="json", exclude={"signals"}) | violated(one.signals) for one in measured]
        events = [one.model_dump(mode="json") for one in past]
        print_json(found.model_dump(mode="json") | {"measured": windows, "events": events})
        return
    tell(champion, found, [one.signals for one in measured if one.signals])
    for one in past[-3:]:
        out.print(f"[bold]retraining started[/], windows until {one.event.until or '-'}: {one.event.reason}")


def violated(signals: list[Any]) -> dict[str, Any]:
    return {"violated": [signal.name for signal in signals if signal.violated]}


def tell(champion: DeployedVersion, found: DriftReport, windows: list[Any]) -> None:
    if not champion.version:
        out.print(f"No version of {champion.name} answers yet.")
        return
    if not found.until:
        out.print(f"Version {champion.version} answers; no window was large enough yet to say anything.")
    else:
        against = "its first requests" if found.against == "requests" else f"its dataset {champion.dataset}"
        out.print(f"Version {champion.version} against {against}: {found.rows} requests until {found.until}.")
    table = Table("signal", "effect", "threshold", "p", "last windows", "", box=None)
    for signal in found.signals:
        past = [next((s.violated for s in window if s.name == signal.name), None) for window in windows[-10:]]
        marks = "".join("·" if one is None else "█" if one else "░" for one in past)
        p_value = "" if signal.p_value is None else f"{signal.p_value:.2g}"
        effect = f"{signal.value:.3f} {signal.statistic}"
        row = (signal.name, effect, f"{signal.threshold:g}", p_value, marks, signal.note)
        table.add_row(*row, style="red" if signal.violated else "")
    for signal in (signal for signal in found.incoming if signal.violated):
        table.add_row(f"incoming {signal.name}", f"{signal.value:.3f}", f"{signal.threshold:g}", "", "", signal.note)
    out.print(table)
    out.print(f"fires: {', '.join(found.fired) or 'nothing'}{f'; {found.waiting}' if found.waiting else ''}")
    if found.url:
        out.print(f"report: {found.url}", soft_wrap=True)
