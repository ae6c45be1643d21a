"""The report of a window: a run of the template's experiment in MLflow, with the signals as metrics and two pages.

drift.html is ours: every signal, and how it went over the last windows. evidently.html is Evidently's: distributions,
column by column, side by side. Evidently's own UI finds the same comparison in its workspace.
"""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import DeployedVersion, Signal
from pipelines.core.files import write_text
from pipelines.core.plan import Drift
from pipelines.core.settings import quiet_libraries, settings
from pipelines.monitoring.drift import decision, drift_history, evidently_workspace, windows
from pipelines.monitoring.drift.drift_history import Measurement
from pipelines.monitoring.drift.request_features import Requests
from pipelines.text import html_page

if TYPE_CHECKING:
    import pandas as pd

PAGE = "drift.html"
SHOWN = 30  # windows of the timeline


def publish(
    champion: DeployedVersion, measured: Sequence[Measurement], reference: Requests, current: Requests, policy: Drift
) -> str:
    """Log the report of the last of these windows to MLflow, once; returns the id of its run.

    Raises:
        Unavailable: MLflow does not answer.
    """
    mlflow = connect_mlflow()
    window = measured[-1]
    alike = [one for one in measured if one.signals and one.against == window.against]
    fired = decision.fired([one.signals for one in alike], policy)
    experiment = mlflow.set_experiment(champion.name).experiment_id
    same = {
        "drift_window": f"{window.since:.3f}-{window.until:.3f}",
        "drift_champion": drift_history.folder(champion).name,
    }
    query = " and ".join(f"tags.{key} = '{value}'" for key, value in same.items())
    known = mlflow.search_runs([experiment], filter_string=query, output_format="list")
    named = {"run_id": known[0].info.run_id} if known else {"run_name": f"drift {windows.iso(window.until)[:16]}"}
    # Tags come with the creation: a run that a kill leaves without its pages is found, and gets them.
    tags = same | {"stage": "detect_drift", "drift_fired": ", ".join(fired)}
    with mlflow.start_run(**named, tags=tags) as run, tempfile.TemporaryDirectory() as place:
        figures = {"rows": window.rows, "sampled": window.sampled} | {told(one): one.value for one in window.signals}
        mlflow.log_metrics({f"drift.{key}": value for key, value in figures.items()})
        write_text(Path(place, PAGE), render(champion, window, alike, fired))
        evidently(champion.name, window, reference.frame, current.frame, Path(place, "evidently.html"))
        mlflow.log_artifacts(place, "drift")
    return str(run.info.run_id)


def url(name: str, run_id: str) -> str:
    """Where the run of a report is seen; empty without one."""
    return f"{settings().mlflow_url}/#/runs/{run_id}" if run_id else ""


def told(signal: Signal) -> str:
    return re.sub(r"[^\w.-]+", "_", f"{signal.kind}.{signal.name}.{signal.statistic}")


def render(
    champion: DeployedVersion, window: Measurement, measured: Sequence[Measurement], fired: Sequence[str]
) -> str:
    """Our page, of windows that have one reference."""
    some = list(measured)[-SHOWN:]
    names = [signal.name for signal in window.signals]
    return html_page.render_page(
        Path(__file__).with_name("drift_report.html"),
        title=champion.name.replace("_", " ").capitalize(),
        champion=champion,
        window=window,
        span=f"{windows.iso(window.since)[:16]} to {windows.iso(window.until)[:16]} UTC",
        fired=fired,
        timeline=html_page.draw_svg(9, 0.8 + 0.26 * len(names), 1, lambda panel: timeline(panel, some, names)),
    )


def timeline(panel: Any, measured: Sequence[Measurement], names: Sequence[str]) -> None:
    """A square a signal and window: how much of its threshold it reached, framed where it violated."""
    for across, one in enumerate(measured):
        for signal in one.signals:
            if signal.name in names:
                reached = max(0.0, signal.value) / signal.threshold if signal.threshold else float(signal.violated)
                colour = "#d1495b" if signal.violated else "#1f6feb"
                panel.scatter(
                    across, names.index(signal.name), 90, colour, marker="s", alpha=0.08 + 0.9 * min(1, reached / 2)
                )
    ticks = range(0, len(measured), max(1, len(measured) // 6))
    panel.set_xticks(ticks, [windows.iso(measured[tick].until)[5:16].replace("T", "\n") for tick in ticks])
    panel.set_yticks(range(len(names)), names)
    panel.set(xlim=(-0.7, max(10, len(measured)) - 0.3), ylim=(len(names) - 0.4, -0.6))


def evidently(name: str, window: Measurement, reference: "pd.DataFrame", current: "pd.DataFrame", html: Path) -> None:
    """Evidently's comparison of the columns that we compared, by the same statistics and thresholds."""
    quiet_libraries()
    from datetime import datetime

    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    methods = {signal.name: signal for signal in window.signals if signal.name in (*reference.columns, "topics")}
    columns = {"topic" if name == "topics" else name: signal for name, signal in methods.items()}
    kinds = {
        statistic: [c for c, s in columns.items() if s.statistic == statistic] for statistic in ("wasserstein", "psi")
    }
    definition = DataDefinition(numerical_columns=kinds["wasserstein"], categorical_columns=kinds["psi"])
    metrics = [
        ValueDrift(column=column, method=columns[column].statistic, threshold=columns[column].threshold)
        for column in (*kinds["wasserstein"], *kinds["psi"])
    ]
    sides = [
        Dataset.from_pandas(side[list(columns)].replace({"<": "\u2039"}, regex=True), data_definition=definition)
        for side in (current, reference)
    ]
    run = Report(metrics, include_tests=True, tags=[name]).run(*sides, timestamp=datetime.fromtimestamp(window.until))
    run.save_html(str(html))
    evidently_workspace.keep(name, run, f"{windows.iso(window.since)[:16]} to {windows.iso(window.until)[:16]}")
