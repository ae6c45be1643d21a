"""The report of a window: two pages for people, and a run with the signals as metrics in the template's experiment.

Signals.html is ours: every signal, and its course over the last windows. Distributions.html is Evidently's: column by
column, side by side. Both are kept for Airflow's menu (drift_pages) and logged to MLflow.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import DeployedVersion, Signal
from pipelines.core.files import write_text
from pipelines.core.plan import Drift
from pipelines.core.settings import quiet_libraries
from pipelines.monitoring.drift import decision, drift_history, drift_pages, windows
from pipelines.monitoring.drift.drift_history import Measurement
from pipelines.monitoring.drift.request_features import RequestFeatures
from pipelines.text import html_page

if TYPE_CHECKING:
    import pandas as pd

TIMELINE_WINDOWS = 30


def publish_report(
    champion: DeployedVersion,
    measurements: Sequence[Measurement],
    reference: RequestFeatures,
    current: RequestFeatures,
    policy: Drift,
) -> str:
    """Write the report of the last of these windows and log it to MLflow; once per window.

    Returns:
        The report's id, see drift_pages.

    Raises:
        Unavailable: MLflow does not answer.
    """
    window = measurements[-1]
    comparable = [row for row in measurements if row.signals and row.against == window.against]
    firing = decision.find_firing_signals([row.signals for row in comparable], policy)
    summary = drift_pages.ReportSummary(
        id=drift_pages.report_id(champion.name, champion.version, window.since, window.until),
        template=champion.name,
        version=champion.version,
        since=windows.format_time(window.since),
        until=windows.format_time(window.until),
        rows=window.rows,
        violated=[signal.name for signal in window.signals if signal.violated],
        firing=firing,
    )

    def write_pages(folder: Path) -> None:
        write_text(folder / "signals.html", render_signals(champion, window, comparable, firing))
        write_evidently_report(window, reference.frame, current.frame, folder / "distributions.html")

    log_report(champion, window, firing, drift_pages.write_report(summary, write_pages))
    return summary.id


def log_report(champion: DeployedVersion, window: Measurement, firing: Sequence[str], folder: Path) -> None:
    """Log a window's signals and pages as a run of the template's experiment; an unfinished run is finished.

    Raises:
        Unavailable: MLflow does not answer.
    """
    mlflow = connect_mlflow()
    experiment = mlflow.set_experiment(champion.name).experiment_id
    key = {
        "drift_window": f"{window.since:.3f}-{window.until:.3f}",
        "drift_champion": drift_history.version_folder(champion).name,
    }
    query = " and ".join(f"tags.{name} = '{value}'" for name, value in key.items())
    existing = mlflow.search_runs([experiment], filter_string=query, output_format="list")
    name = f"drift {windows.format_time(window.until)[:16]}"
    run = {"run_id": existing[0].info.run_id} if existing else {"run_name": name}
    # Tags come with the creation: a run that a kill leaves without its pages is found, and gets them.
    tags = key | {"stage": "detect_drift", "drift_firing": ", ".join(firing)}
    with mlflow.start_run(**run, tags=tags):
        metrics: dict[str, float] = {"rows": window.rows, "sampled": window.sampled}
        metrics |= {metric_name(signal): signal.value for signal in window.signals}
        mlflow.log_metrics({f"drift.{name}": value for name, value in metrics.items()})
        for page in drift_pages.PAGES:
            mlflow.log_artifact(str(folder / f"{page}.html"), "drift")


def metric_name(signal: Signal) -> str:
    """A signal's name as MLflow takes it: `text.topics.psi`."""
    return re.sub(r"[^\w.-]+", "_", f"{signal.kind}.{signal.name}.{signal.statistic}")


def render_signals(
    champion: DeployedVersion, window: Measurement, measurements: Sequence[Measurement], firing: Sequence[str]
) -> str:
    """Our page, with the last of the windows that have the same reference."""
    shown = list(measurements)[-TIMELINE_WINDOWS:]
    names = [signal.name for signal in window.signals]
    return html_page.render_page(
        Path(__file__).with_name("drift_report.html"),
        title=champion.name.replace("_", " ").capitalize(),
        champion=champion,
        window=window,
        span=f"{windows.format_time(window.since)[:16]} to {windows.format_time(window.until)[:16]} UTC",
        firing=firing,
        timeline=html_page.draw_svg(9, 0.8 + 0.26 * len(names), 1, lambda panel: draw_timeline(panel, shown, names)),
    )


def draw_timeline(panel: Any, measurements: Sequence[Measurement], names: Sequence[str]) -> None:
    """A square per signal and window: the fuller, the nearer to its threshold; red where it violated."""
    for column, measurement in enumerate(measurements):
        for signal in measurement.signals:
            if signal.name in names:
                reached = max(0.0, signal.value) / signal.threshold if signal.threshold else float(signal.violated)
                colour = "#d1495b" if signal.violated else "#1f6feb"
                opacity = 0.08 + 0.9 * min(1, reached / 2)
                panel.scatter(column, names.index(signal.name), 90, colour, marker="s", alpha=opacity)
    ticks = range(0, len(measurements), max(1, len(measurements) // 6))
    labels = [windows.format_time(measurements[tick].until)[5:16].replace("T", "\n") for tick in ticks]
    panel.set_xticks(ticks, labels)
    panel.set_yticks(range(len(names)), names)
    panel.set(xlim=(-0.7, max(10, len(measurements)) - 0.3), ylim=(len(names) - 0.4, -0.6))


def write_evidently_report(window: Measurement, reference: "pd.DataFrame", current: "pd.DataFrame", html: Path) -> None:
    """Evidently's comparison of the columns that we compared, by the same statistics and thresholds."""
    quiet_libraries()
    from datetime import datetime

    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    by_name = {signal.name: signal for signal in window.signals if signal.name in (*reference.columns, "topics")}
    columns = {"topic" if name == "topics" else name: signal for name, signal in by_name.items()}
    numerical, categorical = (
        [column for column, signal in columns.items() if signal.statistic == statistic]
        for statistic in ("wasserstein", "psi")
    )
    definition = DataDefinition(numerical_columns=numerical, categorical_columns=categorical)
    metrics = [
        ValueDrift(column=column, method=columns[column].statistic, threshold=columns[column].threshold)
        for column in (*numerical, *categorical)
    ]
    # Evidently does not escape what it writes into its page, so nothing in it may begin a tag.
    sides = [
        Dataset.from_pandas(side[list(columns)].replace({"<": "\u2039"}, regex=True), data_definition=definition)
        for side in (current, reference)
    ]
    Report(metrics, include_tests=True).run(*sides, timestamp=datetime.fromtimestamp(window.until)).save_html(str(html))
