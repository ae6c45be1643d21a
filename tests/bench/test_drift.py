"""The worlds of the bench: still ones are quiet, one that turns over in a day is seen on the next."""

from pathlib import Path

import pytest

from pipelines.monitoring.drift import decision, incoming_rows
from tests.bench import drift


@pytest.mark.parametrize("kind", drift.COLOURS)
def test_still_worlds_are_quiet_and_moving_ones_are_seen(kind: str, home: Path) -> None:
    days = drift.stay(kind, 0)
    assert len(days) == drift.DAYS and not any(day["fired"] for day in days)
    assert drift.move(kind, 0, 1) == 2, "two of three windows"
    drift.world.cache_clear()


def test_the_picture_shows_both_panels(home: Path, tmp_path: Path) -> None:
    moved = decision.mark_violations(incoming_rows.compare_tables(*drift.guides(), drift.POLICY), drift.POLICY)
    medians = {kind: {speed: float(speed) for speed in drift.SPEEDS} for kind in drift.COLOURS}
    figure = drift.plot(moved, medians)
    assert [panel.get_title(loc="left") for panel in figure.axes][1] == "Days to detection"
    assert len(figure.axes[0].patches) == len(drift.MUST_FIRE) + 1
