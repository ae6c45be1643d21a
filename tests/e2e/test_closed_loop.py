"""The whole loop with nobody telling it anything: the bench whose picture the README shows. Half an hour."""

from pathlib import Path

import pytest

from tests.bench.loop import run


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_people_ask_shifts_and_a_better_model_answers(tmp_path: Path) -> None:
    told = run(days=3, plot=tmp_path / "loop.png")
    assert "drift" in told["reason"] or "question" in told["reason"]
    assert told["days_to_detection"] < 10
    assert told["gain_over_champion"]["low"] > 0
    assert told["right"]["parts after"] > told["right"]["parts before"]
    drifted = told["violations_a_window"]
    assert drifted["shifted"] > drifted["calm"] and drifted["shifted"] > drifted["new version"]
    assert (tmp_path / "loop.png").stat().st_size > 10_000
