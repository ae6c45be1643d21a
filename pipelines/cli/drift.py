"""`weaver drift`: have requests, answers or new rows changed?"""

from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.core.artifacts import DeployedVersion, DriftReport
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.monitoring.drift import drift_pages
from pipelines.stages.run import run_stage
from pipelines.text.terminal import styled

app = typer.Typer()

Now = Annotated[
    bool, typer.Option("--now", help="Run the check first, as the DAG does every hour; it starts no retraining.")
]
STAGES = ("collect_feedback", "collect", "fetch_deployed_version", "fetch_training_dataset", "detect_drift")


@app.command()
def drift(template: Template, now: Now = False, as_json: AsJson = False) -> None:
    """Show drift: every signal, the last windows, what fires, and which retrainings it started."""
    from pipelines.monitoring.drift import drift_history
    from pipelines.monitoring.drift.conclusion import conclude_from_history
    from pipelines.registry.deployed_version import fetch_deployed_version

    plan = make_plan(template)
    artifacts: dict[str, Any] = {}
    for stage in STAGES if now else ():
        artifacts[stage] = run_stage(stage, plan, artifacts)
    champion: DeployedVersion = artifacts.get("fetch_deployed_version") or fetch_deployed_version(plan)
    report: DriftReport = artifacts.get("detect_drift") or conclude_from_history(champion, plan)
    sent = drift_history.read_sent_events(template)
    measurements = drift_history.read_measurements(champion, plan.drift.hours)
    if as_json:
        windows = [one.model_dump(mode="json", exclude={"signals"}) | violated(one.signals) for one in measurements]
        events = [one.model_dump(mode="json") for one in sent]
        print_json(report.model_dump(mode="json") | {"measured": windows, "events": events})
        return
    print_drift(champion, report, [row.signals for row in measurements if row.signals])
    for one in sent[-3:]:
        until = f", windows until {one.event.until or '-'}: {one.event.reason}"
        out.print(styled(("retraining started", "bold"), until))


def violated(signals: list[Any]) -> dict[str, Any]:
    """Return the names of the signals outside their limits, as `--json` prints them."""
    return {"violated": [signal.name for signal in signals if signal.violated]}


def print_drift(champion: DeployedVersion, report: DriftReport, windows: list[Any]) -> None:
    """Print a drift report; `windows` are the signals of each measured window, oldest first."""
    if not champion.version:
        out.print(f"No version of {champion.name} is deployed yet.")
        return
    if not report.until:
        out.print(f"Version {champion.version} is deployed; no window had enough requests yet.")
    else:
        against = "its first requests" if report.against == "requests" else f"its dataset {champion.dataset}"
        out.print(f"Version {champion.version}, compared with {against}: {report.rows} requests until {report.until}.")
    table = Table("signal", "effect", "threshold", "p", "last windows", "", box=None)
    for signal in report.signals:
        past = [next((s.violated for s in window if s.name == signal.name), None) for window in windows[-10:]]
        marks = "".join("·" if one is None else "█" if one else "░" for one in past)
        p_value = "" if signal.p_value is None else f"{signal.p_value:.2g}"
        effect = f"{signal.value:.3f} {signal.statistic}"
        row = (signal.name, effect, f"{signal.threshold:g}", p_value, marks, signal.note)
        table.add_row(*row, style="red" if signal.violated else "")
    for signal in (signal for signal in report.incoming if signal.violated):
        table.add_row(f"incoming {signal.name}", f"{signal.value:.3f}", f"{signal.threshold:g}", "", "", signal.note)
    out.print(table)
    out.print(f"drift: {', '.join(report.fired) or 'none'}{f'; {report.waiting}' if report.waiting else ''}")
    if report.url:
        out.print(f"report: {report.url}", soft_wrap=True)
    out.print(f"all reports: {settings().airflow_url}{drift_pages.PREFIX}/", soft_wrap=True)
