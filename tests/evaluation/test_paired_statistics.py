"""Intervals agree with published examples and with other software, and nothing is proven by too little."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pipelines.core.artifacts import Arm
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Evaluate
from pipelines.evaluation.paired_statistics import compare_arms
from pipelines.statistics.paired_bootstrap import Interval, bootstrap_interval

# Hours of sleep gained by ten patients on two drugs: Student, "The Probable Error of a Mean", Biometrika 6 (1908).
SLEEP = (
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
)
# Inches of crossed and self-fertilised maize of Darwin's, in pairs: Fisher, "The Design of Experiments" (1935).
MAIZE = (
    [23.5, 12, 21, 22, 19.125, 21.5, 22.125, 20.375, 18.25, 21.625, 23.25, 21, 22.125, 23, 12],
    [17.375, 20.375, 20, 20, 18.375, 18.625, 18.625, 15.25, 16.5, 18, 16.25, 18, 12.75, 15.5, 18],
)


def made_up(clusters: int, size: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Right and wrong answers of two arms, alike within clusters of 1 to `size` questions."""
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(clusters), rng.integers(1, size + 1, clusters))
    hard, known = rng.normal(size=clusters)[names], rng.normal(size=(2, clusters))[:, names]
    ours, theirs = hard + known + rng.normal(size=(2, len(names))) > 0
    return ours.astype(float), theirs.astype(float), [f"vehicle {name:04}" for name in names]


@pytest.mark.parametrize(
    ("pairs", "gain", "t", "low", "high"),
    [(SLEEP, 1.58, 4.0621, 0.70, 2.46), (MAIZE, 2.617, 2.148, 0.0039, 5.23)],
    ids=["sleep", "maize"],
)
def test_published_pairs_have_their_published_figures(
    pairs: tuple[list[float], list[float]], gain: float, t: float, low: float, high: float
) -> None:
    least = min(map(min, pairs))
    span = max(map(max, pairs)) - least
    ours, theirs = ([(value - least) / span for value in side] for side in pairs)
    found = bootstrap_interval(ours, theirs, [f"{number:02}" for number in range(len(ours))], 0.95, 9999)
    assert found.gain * span == pytest.approx(gain, abs=0.001)
    quantiles = stats.t.ppf([0.975, 0.8], len(ours) - 1)
    assert found.detectable * span == pytest.approx(quantiles.sum() * gain / t, rel=0.001)
    # Student's t takes the differences for normal; the bootstrap does not, and of ten or fifteen that shows.
    assert (found.low * span, found.high * span) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_many_clusters_have_the_cluster_robust_interval_of_statsmodels() -> None:
    from statsmodels.api import OLS

    ours, theirs, clusters = made_up(400)
    found = bootstrap_interval(ours, theirs, clusters, 0.95, 9999)
    groups = np.unique(clusters, return_inverse=True)[1]
    robust = OLS(ours - theirs, np.ones(len(ours))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    ((low, high),) = robust.conf_int()
    assert found.gain == pytest.approx(robust.params[0])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03 * (high - low))
    assert found.detectable == pytest.approx((1.966 + 0.842) * robust.bse[0], rel=0.02)


def test_questions_of_their_own_have_scipys_paired_percentile_interval_at_the_level_for_so_few() -> None:
    ours, theirs, _ = made_up(40, size=1)
    found = bootstrap_interval(ours, theirs, [f"{number:02}" for number in range(40)], 0.95, 999)
    level = 1 - 2 * stats.norm.cdf(-math.sqrt(40 / 39) * stats.t.ppf(0.975, 39))
    scipys = stats.bootstrap(
        (ours, theirs),
        lambda a, b, axis: (a - b).mean(axis),
        paired=True,
        method="percentile",
        n_resamples=999,
        confidence_level=level,
        rng=17,
    )
    assert (found.low, found.high) == pytest.approx(tuple(scipys.confidence_interval))
    assert level == pytest.approx(0.9595, abs=0.0005)


def test_swapping_the_arms_mirrors_the_interval() -> None:
    ours, theirs, clusters = made_up(30)
    one, other = (
        bootstrap_interval(ours, theirs, clusters, 0.9, 999),
        bootstrap_interval(theirs, ours, clusters, 0.9, 999),
    )
    assert (one.gain, one.low, one.high) == pytest.approx((-other.gain, -other.high, -other.low))
    assert one.detectable == pytest.approx(other.detectable)


def test_asking_the_same_again_proves_nothing_more() -> None:
    ours, theirs, clusters = made_up(30)
    once = bootstrap_interval(ours, theirs, clusters, 0.95, 999)
    thrice = bootstrap_interval(np.tile(ours, 3), np.tile(theirs, 3), clusters * 3, 0.95, 999)
    assert (thrice.low, thrice.high, thrice.detectable) == pytest.approx((once.low, once.high, once.detectable))
    assert (thrice.questions, thrice.clusters) == (3 * once.questions, once.clusters)
    pretended = bootstrap_interval(
        np.tile(ours, 3), np.tile(theirs, 3), list(map(str, range(3 * len(ours)))), 0.95, 999
    )
    assert pretended.high - pretended.low < 0.7 * (once.high - once.low)


def test_the_same_seed_gives_the_same_interval_whatever_the_order_of_questions() -> None:
    ours, theirs, clusters = made_up(30)
    found = bootstrap_interval(ours, theirs, clusters, 0.95, 999)
    shuffled = np.random.default_rng(1).permutation(len(ours))
    again = bootstrap_interval(ours[shuffled], theirs[shuffled], [clusters[i] for i in shuffled], 0.95, 999)
    assert (again.low, again.high) == pytest.approx((found.low, found.high))
    assert bootstrap_interval(ours, theirs, clusters, 0.95, 999) == found
    other = bootstrap_interval(ours, theirs, clusters, 0.95, 999, seed=18)
    assert other != found
    assert (other.low, other.high) == pytest.approx((found.low, found.high), abs=0.05)


@pytest.mark.parametrize("count", range(1, 6))
def test_too_few_vehicles_prove_nothing_though_all_agree(count: int) -> None:
    clusters = [f"vehicle {number}" for number in range(count) for _ in range(100)]
    found = bootstrap_interval([1.0] * len(clusters), [0.0] * len(clusters), clusters, 0.95, 999)
    assert found == Interval(1.0, -1.0, 1.0, 100 * count, count, 1.0)


def test_one_vehicle_with_most_of_the_questions_is_one_vehicle() -> None:
    clusters = ["vehicle"] * 300 + [f"code {number}" for number in range(30)]
    rng = np.random.default_rng(0)
    found = bootstrap_interval(rng.random(330) / 2 + 0.5, rng.random(330) / 2, clusters, 0.95, 999)
    assert (found.low, found.high) == (-1, 1)


def test_where_all_agree_the_unseen_is_bounded_as_by_clopper_and_pearson() -> None:
    from statsmodels.stats.proportion import proportion_confint

    clusters = [f"code {number}" for number in range(200)]
    same = bootstrap_interval([0.5] * 200, [0.5] * 200, clusters, 0.95, 999)
    _, most = proportion_confint(0, 200, alpha=0.05, method="beta")
    assert (same.low, same.gain, same.high) == pytest.approx((-most, 0, most))
    assert most < same.detectable < 2 * most
    won = bootstrap_interval([1.0] * 200, [0.0] * 200, clusters, 0.95, 999)
    assert (won.low, won.gain, won.high) == pytest.approx((1 - 2 * most, 1, 1))


def test_a_detectable_gain_is_seen_in_four_of_five_cases() -> None:
    rng, seen, told = np.random.default_rng(0), 0, []
    truth, clusters = 0.15, np.repeat(np.arange(60), 3)
    for _ in range(300):
        hard, known = rng.normal(size=60)[clusters], rng.normal(size=(2, 60))[:, clusters]
        uniform = stats.norm.cdf((hard + known + rng.normal(size=(2, 180))) / math.sqrt(3))
        found = bootstrap_interval(uniform[0] < 0.5 + truth, uniform[1] < 0.5, list(map(str, clusters)), 0.95, 499)
        seen, told = seen + (found.low > 0), [*told, found.detectable]
    # The power at `truth` of a normal test whose power is 80% at the detectable gain.
    expected = stats.norm.cdf(truth / np.mean(told) * (1.96 + 0.842) - 1.96)
    assert 0.7 < expected < 0.9
    assert seen / 300 == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    ("ours", "theirs", "clusters", "message"),
    [
        ([], [], [], "0, 0 and 0 values"),
        ([1.0], [1.0, 0.0], ["a", "b"], "1, 2 and 2 values"),
        ([1.0, 0.0], [1.0, 0.0], ["a"], "2, 2 and 1 values"),
        ([1.0, math.nan], [1.0, 0.0], ["a", "b"], "challenger, row 2: nan"),
        ([1.0, 0.5], [1.5, 0.0], ["a", "b"], "other, row 1: 1.5"),
    ],
)
def test_what_cannot_be_compared_is_refused(ours: list, theirs: list, clusters: list, message: str) -> None:
    with pytest.raises(WeaverError, match=message):
        bootstrap_interval(ours, theirs, clusters, 0.95, 99)


def answered(*arms: Arm) -> dict[Arm, list[dict[str, Any]]]:
    """48 questions on 24 vehicles and codes, in two slices; those on codes have no say in facts."""
    rng = np.random.default_rng(2)
    return {
        arm: [
            {
                "instruction": f"question {number}?",
                "score": float(rng.random() < 0.5),
                "facts": float(rng.random() < 0.5) if number % 4 < 2 else None,
                "cluster": f"about {number // 2}",
                "slices": ["all", "engine" if number % 4 < 2 else "code_cause"],
            }
            for number in range(48)
        ]
        for arm in arms
    }


def test_the_challenger_is_compared_with_every_other_arm_over_all_and_in_each_slice() -> None:
    answers = answered("base", "few_shot", "champion", "challenger")
    found = compare_arms(answers, "score", Evaluate(resamples=499))
    assert [(one.against, one.slice) for one in found] == [
        (arm, part) for arm in ("base", "few_shot", "champion") for part in ("all", "engine", "code_cause")
    ]
    assert {(one.slice, one.questions, one.clusters) for one in found} == {
        ("all", 48, 24),
        ("engine", 24, 12),
        ("code_cause", 24, 12),
    }
    by_hand = bootstrap_interval(
        [row["score"] for row in answers["challenger"]],
        [row["score"] for row in answers["champion"]],
        [row["cluster"] for row in answers["champion"]],
        0.95,
        499,
    )
    whole = next(one for one in found if (one.against, one.slice) == ("champion", "all"))
    assert (whole.gain, whole.low, whole.high, whole.detectable) == (
        by_hand.gain,
        by_hand.low,
        by_hand.high,
        by_hand.detectable,
    )


def test_the_slices_share_the_confidence_that_all_questions_have() -> None:
    found = compare_arms(answered("champion", "challenger"), "score", Evaluate(confidence=0.9, resamples=499))
    assert [one.confidence for one in found] == pytest.approx([0.9, 0.95, 0.95])


def test_questions_without_a_say_are_left_out_and_so_are_slices_of_them() -> None:
    found = compare_arms(answered("base", "challenger"), "facts", Evaluate(resamples=499))
    assert [(one.slice, one.questions, one.clusters) for one in found] == [("all", 24, 12), ("engine", 24, 12)]


def test_no_slices_and_no_other_arm_are_no_error() -> None:
    answers = answered("base", "challenger")
    for row in answers["base"] + answers["challenger"]:
        row["slices"] = ["all"]
    assert [one.slice for one in compare_arms(answers, "score", Evaluate(resamples=499))] == ["all"]
    assert compare_arms(answered("challenger"), "score", Evaluate(resamples=499)) == []


def test_a_perfect_score_may_be_rounded_up() -> None:
    answers = answered("base", "challenger")
    answers["base"][0]["score"] = 1.0000000000000004
    assert compare_arms(answers, "score", Evaluate(resamples=499))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": math.nan}, "score of base, row 3: nan is not between 0 and 1"),
        ({"score": 74.2}, "score of base, row 3: 74.2 is not between 0 and 1"),
        ({"score": None}, "Row 3: score is None for base"),
        ({"cluster": "about 9"}, "Row 3 of the arm base is not the same question"),
        ({"instruction": "What else?"}, "Row 3 of the arm base is not the same question"),
        ({"slices": ["all"]}, "Row 3 of the arm base is not the same question"),
    ],
)
def test_a_row_that_cannot_be_compared_is_named(change: dict[str, Any], message: str) -> None:
    answers = answered("base", "challenger")
    answers["base"][2] |= change
    with pytest.raises(WeaverError, match=message):
        compare_arms(answers, "score", Evaluate(resamples=499))


def test_arms_of_different_length_or_without_the_metric_are_refused() -> None:
    answers = answered("base", "challenger")
    with pytest.raises(WeaverError, match="None of the 48 held-out questions has a value for bleu"):
        compare_arms(answers, "bleu", Evaluate(resamples=499))
    with pytest.raises(WeaverError, match="The arm base answered 47 questions, the challenger 48"):
        compare_arms(answers | {"base": answers["base"][:-1]}, "score", Evaluate(resamples=499))
