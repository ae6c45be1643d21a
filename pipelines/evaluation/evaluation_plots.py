"""The drawings of the evaluation report."""

from collections import Counter
from typing import Any

import numpy as np

from pipelines.core.artifacts import Arm, Comparison
from pipelines.evaluation.metrics import BINS, find_label_sets, is_right, predict_labels
from pipelines.text.html_page import TEXT_COLOUR, make_figure

ARM_STYLES: dict[Arm, tuple[str, str]] = {
    "base": ("base", "#8b949e"),
    "few_shot": ("base with examples", "#f0a13a"),
    "champion": ("champion", "#a371f7"),
    "challenger": ("challenger", "#4c8dff"),
}
GOOD, BAD, UNSURE = "#2da44e", "#e5534b", "#8b949e"
Row = dict[str, Any]
MetricsByArm = dict[Arm, dict[str, dict[str, float]]]


def draw_plots(
    figures: MetricsByArm, answers: dict[Arm, list[Row]], comparisons: list[Comparison], metric: str
) -> dict[str, Any]:
    """Name → matplotlib figure: gains, evaluation (arms by slices), calibration, confusion-<topic>."""
    return {
        "gains": plot_gains(comparisons, list(figures["challenger"])),
        "evaluation": plot_slices(figures, metric),
        "calibration": plot_calibration(answers),
        **{f"confusion-{topic}": drawn for topic, drawn in plot_confusion_matrices(answers["challenger"]).items()},
    }


def plot_gains(comparisons: list[Comparison], order: list[str]) -> Any:
    """A forest plot: the challenger's mean gain over each other arm, over all and in each slice, with its interval; a
    slice too small to say anything is faint."""
    against = [arm for arm in ARM_STYLES if any(one.against == arm for one in comparisons)]
    found = {(one.against, one.part): one for one in comparisons}
    parts = [part for part in order if any(one.part == part for one in comparisons)]

    def paint(*every: Any) -> None:
        for axes, arm in zip(every, against, strict=True):
            for place, part in enumerate(parts):
                if one := found.get((arm, part)):
                    colour = GOOD if one.low > 0 else BAD if one.high < 0 else UNSURE
                    look: Any = {"color": colour, "alpha": 0.25 if one.high - one.low == 2 else 1}
                    axes.plot([100 * one.low, 100 * one.high], [place] * 2, linewidth=2.2, **look)
                    size = 9 if part == "all" else 6
                    axes.plot(100 * one.gain, place, "D" if part == "all" else "o", markersize=size, **look)
            axes.axvline(0, color=TEXT_COLOUR, linewidth=1)
            axes.axhline(0.5, color=TEXT_COLOUR, linewidth=0.5, alpha=0.4)
            axes.set(ylim=(len(parts) - 0.4, -0.6), xlim=(-104, 104), xlabel="gain (points)")
            axes.set_title(f"over the {ARM_STYLES[arm][0]}", loc="left", fontsize=10, fontweight="bold")
            axes.set_yticks(range(len(parts)), parts if axes is every[0] else [""] * len(parts))
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x", color=TEXT_COLOUR, alpha=0.12)

    return make_figure(11, 1.3 + 0.27 * len(parts), len(against), paint)


def plot_slices(figures: MetricsByArm, metric: str) -> Any:
    """Every arm's mean of the gate's metric in every slice."""
    parts = [part for part, found in figures["challenger"].items() if metric in found]

    def paint(axes: Any) -> None:
        for place, part in enumerate(parts):
            seen = [figures[arm][part][metric] for arm in figures]
            axes.plot([min(seen), max(seen)], [place] * 2, color=TEXT_COLOUR, alpha=0.25, linewidth=1.5, zorder=1)
        for arm, (name, colour) in ARM_STYLES.items():
            if arm in figures:
                means = [figures[arm][part][metric] for part in parts]
                size = 95 if arm == "challenger" else 55
                axes.scatter(
                    means, range(len(parts)), s=size, color=colour, label=name, zorder=3 + (arm == "challenger")
                )
        counts = [figures["challenger"][part]["questions"] for part in parts]
        axes.set_yticks(
            range(len(parts)), [f"{part}  ({count:.0f})" for part, count in zip(parts, counts, strict=True)]
        )
        axes.set(ylim=(len(parts) - 0.4, -0.6), xlim=(-0.03, 1.03), xlabel=f"{metric.replace('_', ' ')} (mean)")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=TEXT_COLOUR, alpha=0.12)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(ARM_STYLES))

    return make_figure(11, 1.4 + 0.27 * len(parts), 1, paint)


def plot_calibration(answers: dict[Arm, list[Row]]) -> Any:
    """Share of right answers by confidence, an arm a line; and how sure the challenger was of right and wrong ones."""
    edges = np.linspace(0, 1, BINS + 1)

    def paint(left: Any, right_axes: Any) -> None:
        left.plot([0, 1], [0, 1], color=TEXT_COLOUR, linewidth=1, linestyle=(0, (4, 3)))
        for arm, (name, colour) in ARM_STYLES.items():
            if arm in answers:
                sure = np.array([row["confidence"] for row in answers[arm]])
                good = np.array([is_right(row) for row in answers[arm]])
                bins = np.clip(np.digitize(sure, edges) - 1, 0, BINS - 1)
                used = sorted(set(bins))
                means = [(sure[bins == b].mean(), good[bins == b].mean(), (bins == b).sum()) for b in used]
                x, y, count = zip(*means, strict=True)
                left.plot(x, y, color=colour, alpha=0.6)
                left.scatter(x, y, s=[18 + 300 * c / len(sure) for c in count], color=colour, label=name)
        left.set(xlabel="confidence", ylabel="share right", xlim=(0, 1.03), ylim=(-0.05, 1.05))
        left.legend(loc="upper left", markerscale=0.6)
        rows = answers["challenger"]
        groups = [[row["confidence"] for row in rows if is_right(row) == wanted] for wanted in (True, False)]
        right_axes.hist(groups, bins=edges, stacked=True, color=[GOOD, BAD], label=["right", "wrong"])
        right_axes.set(xlabel="the challenger's confidence", ylabel="answers")
        right_axes.legend(loc="upper left")

    return make_figure(11, 3.6, 2, paint)


def plot_confusion_matrices(answers: list[Row]) -> dict[str, Any]:
    """`topic → what was said where which label was true`, of the topics that are choices among few labels."""
    classes = find_label_sets(answers)
    drawn = {}
    for topic in sorted({topic for topic, _ in classes}):
        pairs = Counter(predict_labels([row for row in answers if row["topic"] == topic], classes))
        labels = [label for (of, _), found in classes.items() if of == topic for label in found]
        drawn[topic] = plot_confusion_matrix(pairs, labels)
    return drawn


def plot_confusion_matrix(pairs: Counter[tuple[str, str]], labels: list[str]) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    columns = [*labels, "none"]
    counts = np.array([[pairs[truth, said] for said in columns] for truth in labels])
    shade = LinearSegmentedColormap.from_list("shade", ["#4c8dff00", "#4c8dffd0"])

    def paint(axes: Any) -> None:
        axes.pcolormesh(np.arange(len(columns) + 1) - 0.5, np.arange(len(labels) + 1) - 0.5, counts, cmap=shade)
        axes.invert_yaxis()
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, count or "·", ha="center", va="center", alpha=1 if count else 0.35)
        axes.set_xticks(range(len(columns)), [shorten(label) for label in columns], rotation=25, ha="right")
        axes.set_yticks(range(len(labels)), [shorten(label) for label in labels])
        axes.set(xlabel="said", ylabel="true")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    return make_figure(5.4, 1.5 + 0.32 * len(labels), 1, paint)


def shorten(label: str, most: int = 26) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
