"""The curve of risk and coverage, and the threshold that keeps the risk within its target."""

import pytest

from pipelines.evaluation.risk_coverage import (
    NEVER,
    calibrate,
    find_threshold,
    find_unsure,
    thin_out,
    trace_risk_coverage,
)


def answer(outcome: str | None, confidence: float) -> dict[str, object]:
    return {"outcome": outcome, "confidence": confidence}


ANSWERS = [
    answer("right", 0.9),
    answer("wrong_confident", 0.5),
    answer("right", 0.8),
    answer("right", 0.5),
    answer("declined", 0.99),  # it answers nothing, however confidently
    answer("declined_wrongly", 0.2),
    answer(None, 0.95),  # not judged
    answer("wrong_confident", 0.1),
]


def test_answers_of_one_confidence_are_given_together() -> None:
    assert trace_risk_coverage(ANSWERS) == [
        {"threshold": 0.9, "coverage": pytest.approx(1 / 7), "risk": 0},
        {"threshold": 0.8, "coverage": pytest.approx(2 / 7), "risk": 0},
        {"threshold": 0.5, "coverage": pytest.approx(4 / 7), "risk": 0.25},
        {"threshold": 0.1, "coverage": pytest.approx(5 / 7), "risk": 0.4},
    ]
    assert trace_risk_coverage([answer(None, 0.5)]) == trace_risk_coverage([]) == []
    assert trace_risk_coverage([answer("declined", 0.5)]) == []


def test_the_threshold_answers_as_many_questions_as_the_target_allows() -> None:
    points = trace_risk_coverage(ANSWERS)
    assert find_threshold(points, 0.02) == points[1]
    assert find_threshold(points, target=0.25) == points[2]
    assert find_threshold(points, target=1) == points[3]
    assert find_threshold(trace_risk_coverage([answer("wrong_confident", 0.99), *ANSWERS]), 0.02) is None


def test_one_wrong_answer_with_much_confidence_does_not_hide_what_follows() -> None:
    """Risk falls again: the target is reached below a confidence at which it is not."""
    rows = [answer("wrong_confident", 0.99), *(answer("right", 0.9 - number / 1000) for number in range(99))]
    found = find_threshold(trace_risk_coverage(rows), 0.02)
    assert found == {"threshold": pytest.approx(0.802), "coverage": 1, "risk": 0.01}


@pytest.mark.parametrize(("count", "left"), [(3, [1, 4, 7]), (20, [0, 1, 2, 3, 4, 5, 6, 7]), (1, [7])])
def test_a_curve_is_thinned_evenly_and_keeps_its_end(count: int, left: list[int]) -> None:
    points = [{"threshold": 1 - number / 10, "coverage": number / 10, "risk": 0.0} for number in range(8)]
    assert thin_out(points, count) == [points[number] for number in left]
    assert thin_out([]) == []


def own(outcome: str, confidence: float, cluster: str = "", from_record: bool = False) -> dict[str, object]:
    return answer(outcome, confidence) | {"cluster": cluster, "from_record": from_record}


def test_a_threshold_is_calibrated_on_the_models_own_answers() -> None:
    sure, unsure = [own("right", 0.9)] * 60, [own("right", 0.5), own("wrong_confident", 0.5)]
    assert calibrate([*sure, *unsure], 0.01) == 0.9
    assert calibrate([*sure, *unsure], 0.02) == 0.5  # 1 of 62 may be wrong
    assert calibrate([*sure, own("wrong_confident", 0.1, from_record=True)], 0.01) == 0
    assert calibrate([*unsure, own("wrong_confident", 0.9)], 0.01) == NEVER
    assert calibrate([*unsure, own("wrong_confident", 0.9)], 1) == 0
    assert calibrate([], 0.01) == 0


def test_nobody_s_answer_is_declined_by_a_threshold_that_knows_it() -> None:
    rows = [
        own("right" if number % 3 else "wrong_confident", 0.9 if number % 3 else 0.4, f"car {number}")
        for number in range(60)
    ]
    unsure = find_unsure(rows, 0.02)
    assert unsure == [row["confidence"] == 0.4 for row in rows]
    assert not any(find_unsure([row | {"from_record": True} for row in rows], 0.02))
    one = own("wrong_confident", 0.95, "lone car")  # the other half knows nothing against it
    others = [own("right", 0.9, f"car {number}") for number in range(60)]
    assert find_unsure([one, *others], 0.02)[0] is False
