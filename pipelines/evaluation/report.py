"""What a reviewer looks at in MLflow: the figures, a plot of the two arms, and every answer beside the truth."""

from typing import Any

from pipelines.artifacts import Arm
from pipelines.tracking import tracking

COLOURS: dict[Arm, str] = {"base": "#b0b7c3", "challenger": "#1f6feb"}
Figures = dict[Arm, dict[str, dict[str, float]]]


def log(run_id: str, answers: dict[Arm, list[dict[str, Any]]], figures: Figures) -> None:
    """Log figures, plot and the answer-by-answer table to a run; logging twice leaves the same run."""
    import pandas as pd

    mlflow = tracking()
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metrics(
            {
                f"eval.{arm}.{part}.{metric}": value
                for arm, parts in figures.items()
                for part, metrics in parts.items()
                for metric, value in metrics.items()
            }
        )
        mlflow.log_figure(plot(figures), "evaluation.png")
        logged = {artifact.path for artifact in mlflow.MlflowClient().list_artifacts(run_id)}
        if "answers.json" not in logged:  # log_table appends
            mlflow.log_table(pd.DataFrame(side_by_side(answers)), "answers.json")


def side_by_side(answers: dict[Arm, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a question: what was asked, the truth, and each arm's answer and marks."""
    asked = ("topic", "kind", "instruction", "input", "truth")
    marks = ("answer", "facts", "token_f1", "rouge_l")
    return [
        {key: base[key] for key in asked}
        | {f"{arm}_{mark}": row[mark] for mark in marks for arm, row in (("base", base), ("challenger", challenger))}
        | {"key": base["key"]}
        for base, challenger in zip(answers["base"], answers["challenger"], strict=True)
    ]


def plot(figures: Figures) -> Any:
    """A figure with a panel for each share, bars for each slice and arm, and one for the loss."""
    from matplotlib.figure import Figure

    parts = [part for part in figures["base"] if part in figures["challenger"]]
    figure = Figure(figsize=(14, 7), layout="constrained")
    panels = figure.subplots(2, 2).flat
    titles = {"facts": "facts right", "token_f1": "token F1", "rouge_l": "ROUGE-L", "loss": "loss (nats a token)"}
    for panel, (metric, title) in zip(panels, titles.items(), strict=True):
        for offset, (arm, colour) in enumerate(COLOURS.items()):
            values = [figures[arm][part][metric] for part in parts]
            places = [place + offset * 0.4 for place in range(len(parts))]
            panel.bar_label(panel.bar(places, values, width=0.38, color=colour, label=arm), fmt="%.2f", fontsize=7)
        panel.set_title(title, loc="left", fontweight="bold")
        panel.set_xticks([place + 0.2 for place in range(len(parts))], parts, rotation=20, ha="right", fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    return figure
