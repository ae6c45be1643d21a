"""The gate is rarely wrong where the bare rule is wrong half of the time, and sees what it is there to see."""

from pathlib import Path

import pytest

from tests.bench.gate import CODE, LOST, QUESTIONS, TRUTHS, VEHICLE, examination, run


@pytest.mark.slow
def test_equal_challengers_are_rarely_promoted_and_much_better_ones_mostly(tmp_path: Path) -> None:
    figures = run(challengers=50, picture=tmp_path / "gate.png")
    assert figures["challengers"] == 50 * len(QUESTIONS) * 3
    assert figures["false_promotion_rate"] <= 0.05
    assert 0.4 < figures["bare_rule_false_promotion_rate"] < 0.6
    assert figures["slices_refused"] < 0.08
    for truth in TRUTHS:
        assert list(figures["by_truth"][truth]) == list(QUESTIONS)
    assert figures["by_truth"]["10 points better"][800]["ours"] > 0.9
    assert figures["by_truth"][LOST][800] == {
        "ours": 0.0,
        "bare": pytest.approx(0.7, abs=0.2),
        "slices": 1.0,
    }
    assert (tmp_path / "gate.png").read_bytes().startswith(b"\x89PNG")


def test_made_up_challengers_are_truly_as_good_as_they_are_said_to_be() -> None:
    import numpy as np

    gains: dict[str, list[float]] = {topic: [] for topic in VEHICLE | CODE}
    for seed in range(60):
        answers = examination(np.random.default_rng(seed), TRUTHS[LOST], 800)
        for ours, theirs in zip(answers["challenger"], answers["champion"], strict=True):
            gains[ours["slices"][2]].append(ours["score"] - theirs["score"])
    for topic, topic_gains in gains.items():
        assert np.mean(topic_gains) == pytest.approx(TRUTHS[LOST][topic], abs=0.02)
