"""The picture of the bench of the loop: what people asked, how much of it was answered right, and what was noticed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.files import atomic_write

if TYPE_CHECKING:
    from tests.bench.loop import Story

BLUE, RED, GREY = "#1f6feb", "#d1495b", "#6b7280"


def draw(story: "Story", day: float, file: Path) -> None:
    """Three panels over the days: right answers, questions a subject, signals that violate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    right, mix, drift = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1.5, 2])
    start = story.events[0].at
    subjects = list(dict.fromkeys(one.subject for one in story.questions))
    days = range(int((story.questions[-1].at - start) / day))
    for subject, colour in zip(subjects, (BLUE, RED), strict=True):
        by_day = [[o for o in story.questions if o.subject == subject and int((o.at - start) / day) == d] for d in days]
        places = [d + 0.5 for d, some in zip(days, by_day, strict=True) if len(some) >= 5]
        shares = [100 * sum(o.right for o in some) / len(some) for some in by_day if len(some) >= 5]
        right.plot(places, shares, color=colour, marker="o", markersize=4, label=subject)
        mix.plot([d + 0.5 for d in days], [len(some) for some in by_day], color=colour)
    for window in story.windows:
        colour = GREY if window.against == "dataset" else RED if window.violated else BLUE
        place = ((window.since + window.until) / 2 - start) / day
        drift.bar(place, window.violated, width=0.8, color=colour, alpha=0.7)
        drift.plot(place, window.violated, color=colour, marker="o", markersize=4)  # of one without, there is no bar
    for number, event in enumerate(story.events[1:]):
        place = (event.at - start) / day
        for panel in (right, mix, drift):
            panel.axvline(place, color=GREY, linestyle="--", linewidth=1)
        right.annotate(
            event.what,
            (place, 103),
            xytext=(4, 4 + 12 * (number % 2)),
            textcoords="offset points",
            fontsize=8,
            color=GREY,
        )
    titles(right, mix, drift)
    with atomic_write(file) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def titles(right: Any, mix: Any, drift: Any) -> None:
    right.set(ylabel="right answers", ylim=(0, 103))
    right.yaxis.set_major_formatter("{x:.0f}%")
    right.legend(frameon=False, fontsize=8, loc="lower right")
    mix.set(ylabel="questions a day", ylim=(0, None))
    drift.set(ylabel="signals that violate", xlabel="days", ylim=(-0.3, None))
    about = "grey: compared with its training data, until the version's first requests are the reference"
    drift.set_title(about, loc="right", fontsize=8, color=GREY)
    for panel in (right, mix, drift):
        panel.spines[["top", "right"]].set_visible(False)
