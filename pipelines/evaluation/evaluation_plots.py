"""The plots of the evaluation report."""

from collections import Counter
from typing import Any

import numpy as np

from pipelines.core.artifacts import Arm, Comparison
from pipelines.evaluation.metrics import BINS, find_label_sets, is_right, predict_labels
from pipelines.evaluation.risk_coverage import Curves, find_threshold
from pipelines.text.html_page import TEXT_COLOUR, make_figure

ARM_STYLES: dict[Arm, tuple[str, str]] = {
    "base": ("base", "#8b949e"),
    "base_retrieval": ("base with retrieval", "#57a6a1"),
    "few_shot": ("few-shot base", "#f0a13a"),
    "champion": ("champion", "#a371f7"),
    "challenger": ("challenger", "#4c8dff"),
}
GOOD, BAD, UNSURE = "#2da44e", "#e5534b", "#8b949e"
Row = dict[str, Any]
MetricsByArm = dict[Arm, dict[str, dict[str, float]]]


def draw_plots(
    metrics: MetricsByArm, answers: dict[Arm, list[Row]], comparisons: list[Comparison], metric: str, risks: Curves
) -> dict[str, Any]:
    """Name → matplotlib figure: gains, evaluation (arms by slices), calibration, risk_coverage,
    confusion-<topic>."""
    return {
        "gains": plot_gains(comparisons, list(metrics["challenger"])),
        "evaluation": plot_slices(metrics, metric),
        "calibration": plot_calibration(answers),
        "risk_coverage": plot_risk_coverage(risks),
        **{f"confusion-{topic}": plot for topic, plot in plot_confusion_matrices(answers["challenger"]).items()},
    }


def plot_gains(comparisons: list[Comparison], order: list[str]) -> Any:
    """A forest plot of the challenger's mean gain over each other arm, over all questions and in each slice, with its
    interval; a slice too small for an interval is faint."""
    against = [arm for arm in ARM_STYLES if any(comparison.against == arm for comparison in comparisons)]
    by_slice = {(comparison.against, comparison.slice): comparison for comparison in comparisons}
    names = [name for name in order if any(comparison.slice == name for comparison in comparisons)]

    def paint(*every: Any) -> None:
        for axes, arm in zip(every, against, strict=True):
            for y, name in enumerate(names):
                if gain := by_slice.get((arm, name)):
                    colour = GOOD if gain.low > 0 else BAD if gain.high < 0 else UNSURE
                    style: Any = {"color": colour, "alpha": 0.25 if gain.high - gain.low == 2 else 1}
                    axes.plot([100 * gain.low, 100 * gain.high], [y] * 2, linewidth=2.2, **style)
                    size = 9 if name == "all" else 6
                    axes.plot(100 * gain.gain, y, "D" if name == "all" else "o", markersize=size, **style)
            axes.axvline(0, color=TEXT_COLOUR, linewidth=1)
            axes.axhline(0.5, color=TEXT_COLOUR, linewidth=0.5, alpha=0.4)
            axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(-104, 104), xlabel="gain (percentage points)")
            axes.set_title(f"over the {ARM_STYLES[arm][0]}", loc="left", fontsize=10, fontweight="bold")
            axes.set_yticks(range(len(names)), names if axes is every[0] else [""] * len(names))
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x", color=TEXT_COLOUR, alpha=0.12)

    return make_figure(11, 1.3 + 0.27 * len(names), len(against), paint)


def plot_slices(metrics: MetricsByArm, metric: str) -> Any:
    """Every arm's mean of the gate's metric in every slice, in percent."""
    names = [name for name, values in metrics["challenger"].items() if metric in values]

    def paint(axes: Any) -> None:
        for y, name in enumerate(names):
            means = [100 * metrics[arm][name][metric] for arm in metrics]
            axes.plot([min(means), max(means)], [y] * 2, color=TEXT_COLOUR, alpha=0.25, linewidth=1.5, zorder=1)
        for arm, (label, colour) in ARM_STYLES.items():
            if arm in metrics:
                means = [100 * metrics[arm][name][metric] for name in names]
                size = 95 if arm == "challenger" else 55
                axes.scatter(
                    means, range(len(names)), s=size, color=colour, label=label, zorder=3 + (arm == "challenger")
                )
        labels = [f"{name}  ({metrics['challenger'][name]['questions']:.0f})" for name in names]
        axes.set_yticks(range(len(names)), labels)
        axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(-3, 103), xlabel=f"mean {metric.replace('_', ' ')} (%)")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=TEXT_COLOUR, alpha=0.12)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(ARM_STYLES))

    return make_figure(11, 1.4 + 0.27 * len(names), 1, paint)


def plot_calibration(answers: dict[Arm, list[Row]]) -> Any:
    """Accuracy by confidence, one line per arm; and the challenger's confidence in right and wrong answers."""
    edges = np.linspace(0, 1, BINS + 1)

    def paint(left: Any, right_axes: Any) -> None:
        left.plot([0, 1], [0, 1], color=TEXT_COLOUR, linewidth=1, linestyle=(0, (4, 3)))
        for arm, (name, colour) in ARM_STYLES.items():
            if arm in answers:
                confidence = np.array([row["confidence"] for row in answers[arm]])
                correct = np.array([is_right(row) for row in answers[arm]])
                bins = np.clip(np.digitize(confidence, edges) - 1, 0, BINS - 1)
                used = sorted(set(bins))
                means = [(confidence[bins == b].mean(), correct[bins == b].mean(), (bins == b).sum()) for b in used]
                x, y, count = zip(*means, strict=True)
                left.plot(x, y, color=colour, alpha=0.6)
                left.scatter(x, y, s=[18 + 300 * c / len(confidence) for c in count], color=colour, label=name)
        left.set(xlabel="confidence", ylabel="share of right answers", xlim=(0, 1.03), ylim=(-0.05, 1.05))
        left.legend(loc="upper left", markerscale=0.6)
        rows = answers["challenger"]
        groups = [[row["confidence"] for row in rows if is_right(row) == correct] for correct in (True, False)]
        right_axes.hist(groups, bins=edges, stacked=True, color=[GOOD, BAD], label=["right", "wrong"])
        right_axes.set(xlabel="confidence of the challenger", ylabel="number of answers")
        right_axes.legend(loc="upper left")

    return make_figure(11, 3.6, 2, paint)


def plot_risk_coverage(risks: Curves) -> Any:
    """Risk by coverage, one line per arm; a dot where the most questions are answered at the target risk."""

    def paint(axes: Any) -> None:
        axes.axhline(100 * risks["target_risk"], color=TEXT_COLOUR, linewidth=1, linestyle=(0, (4, 3)))
        for arm, (name, colour) in ARM_STYLES.items():
            if points := risks["arms"].get(arm):
                coverage, risk = ([100 * point[key] for point in points] for key in ("coverage", "risk"))
                axes.plot(coverage, risk, color=colour, label=name, drawstyle="steps-post")
                if best := find_threshold(points, risks["target_risk"]):
                    axes.plot(100 * best["coverage"], 100 * best["risk"], "o", color=colour)
        axes.set(
            xlabel="coverage: questions answered (%)", ylabel="risk: wrong answers (%)", xlim=(0, 103), ylim=(-3, 103)
        )
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(ARM_STYLES))

    return make_figure(11, 3.6, 1, paint)


def plot_confusion_matrices(answers: list[Row]) -> dict[str, Any]:
    """Topic → confusion matrix, for the topics whose answers are choices among few labels."""
    classes = find_label_sets(answers)
    plots = {}
    for topic in sorted({topic for topic, _ in classes}):
        pairs = Counter(predict_labels([row for row in answers if row["topic"] == topic], classes))
        labels = [label for (name, _), values in classes.items() if name == topic for label in values]
        plots[topic] = plot_confusion_matrix(pairs, labels)
    return plots


def plot_confusion_matrix(pairs: Counter[tuple[str, str]], labels: list[str]) -> Any:
    """A confusion matrix.

    Args:
        pairs: (true label, predicted label or "none") → count.
    """
    from matplotlib.colors import LinearSegmentedColormap

    columns = [*labels, "none"]
    counts = np.array([[pairs[truth, predicted] for predicted in columns] for truth in labels])
    shade = LinearSegmentedColormap.from_list("shade", ["#4c8dff00", "#4c8dffd0"])

    def paint(axes: Any) -> None:
        axes.pcolormesh(np.arange(len(columns) + 1) - 0.5, np.arange(len(labels) + 1) - 0.5, counts, cmap=shade)
        axes.invert_yaxis()
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, count or "·", ha="center", va="center", alpha=1 if count else 0.35)
        axes.set_xticks(range(len(columns)), [shorten(label) for label in columns], rotation=25, ha="right")
        axes.set_yticks(range(len(labels)), [shorten(label) for label in labels])
        axes.set(xlabel="predicted", ylabel="true")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    return make_figure(5.4, 1.5 + 0.32 * len(labels), 1, paint)


def shorten(label: str, max_length: int = 26) -> str:
    """A label, cut to its first characters with an ellipsis if it is too long."""
    return label if len(label) <= max_length else f"{label[: max_length - 1]}…"
