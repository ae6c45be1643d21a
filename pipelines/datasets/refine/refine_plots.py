"""The plots of the refinement report."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.datasets.refine.relevance import THRESHOLDS
from pipelines.text.html_page import TEXT_COLOUR, draw_svg

if TYPE_CHECKING:
    import pandas as pd

SIDES = {"train": ("train", "#4c8dff"), "heldout": ("held-out", "#f0a13a"), "dropped": ("dropped", "#8b949e")}


def plot_topics(kept: "pd.DataFrame") -> Any:
    """Rows per topic and per kind, by side, as inline SVG."""
    slots = max(kept.topic.nunique(), 3)  # so that all bars have the same thickness

    def bars(axes: Any, column: str) -> None:
        counts = kept.groupby([column, "side"]).size().unstack(fill_value=0)
        counts = counts.loc[counts.sum(axis=1).sort_values().index]
        left = np.zeros(len(counts))
        for side, (name, colour) in SIDES.items():
            if side in counts:
                axes.barh(counts.index, counts[side], left=left, color=colour, label=name, height=0.7)
                left = left + counts[side].to_numpy()
        axes.set(xlabel="rows", ylim=(len(counts) - slots - 0.5, len(counts) - 0.5))
        axes.tick_params(axis="y", length=0)

    def paint(left: Any, right: Any) -> None:
        bars(left, "topic")
        bars(right, "kind")
        right.legend(loc="lower right")

    return draw_svg(11, 1.1 + 0.32 * slots, 2, paint)


def plot_lengths(kept: "pd.DataFrame") -> Any:
    """Histograms of the lengths of instruction, input and output in characters, by side."""

    def paint(*every: Any) -> None:
        for axes, column in zip(every, ("instruction", "input", "output"), strict=True):
            most = max(10, kept[column].quantile(0.99)) if len(kept) else 10
            draw_histogram(axes, kept, column, np.linspace(0, most, 31))
            axes.set_xlabel(f"{column} (characters)")
        every[0].set_ylabel("rows")
        every[-1].legend()

    return draw_svg(11, 2.8, 3, paint)


def plot_relevance(scored: "pd.DataFrame", kept: np.ndarray, threshold: float) -> Any:
    """A histogram of relevance, and the share of rows that each threshold would keep."""

    def paint(left: Any, right: Any) -> None:
        draw_histogram(
            left, scored, "relevance", np.linspace(min(scored.relevance.min(), 0), scored.relevance.max(), 41)
        )
        left.set(xlabel="relevance (cosine to the nearest question)", ylabel="rows")
        left.legend(loc="upper right")
        right.plot(THRESHOLDS, 100 * kept / len(scored), color=SIDES["train"][1])
        right.set(xlabel="threshold", ylabel="rows kept (%)", ylim=(0, 103), xlim=(0, scored.relevance.max()))
        mark_threshold(left, threshold)
        mark_threshold(right, threshold)

    return draw_svg(11, 3, 2, paint)


def plot_quality(scored: "pd.DataFrame", threshold: float) -> Any:
    """A histogram of quality."""

    def paint(axes: Any) -> None:
        draw_histogram(axes, scored, "quality", np.linspace(0, 1, 41))
        axes.set(xlabel="quality", ylabel="rows")
        axes.legend(loc="upper left")
        mark_threshold(axes, threshold)

    return draw_svg(11, 2.6, 1, paint)


def draw_histogram(axes: Any, rows: "pd.DataFrame", column: str, bins: np.ndarray) -> None:
    """Draw a stacked histogram of a column by side; values beyond the bins count in the outermost."""
    sides = [side for side in SIDES if (rows.side == side).any()]
    values = [rows.loc[rows.side == side, column].clip(bins[0], bins[-1]) for side in sides]
    names, colours = zip(*(SIDES[side] for side in sides), strict=True) if sides else ((), ())
    axes.hist(values, bins=bins, stacked=True, label=names, color=colours)


def mark_threshold(axes: Any, threshold: float) -> None:
    """Draw a dashed line at the threshold, with its value."""
    axes.axvline(threshold, color=TEXT_COLOUR, linewidth=1, linestyle=(0, (4, 3)))
    position = {"xycoords": ("data", "axes fraction"), "xytext": (4, 0), "textcoords": "offset points", "va": "top"}
    axes.annotate(f"threshold {threshold:.2f}", (threshold, 1), fontsize=9, **position)
