"""The gate lets through what proves itself by every rule of the plan, and says why it does not."""

import json
import math
from typing import Any

import pytest

from pipelines.core.artifacts import Behaviour, Evaluation, ReviewScores, Verdict
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.registry import ledger
from pipelines.registry.gate import judge
from pipelines.registry.promote import describe_aliases

from ..database import read_alerts
from ..models import Home, comparison, evaluated


@pytest.fixture
def plan() -> TrainingPlan:
    return make_plan("service_advisor")


def held(evaluation: Evaluation, plan: TrainingPlan, scores: ReviewScores | None = None, **gate: Any) -> Verdict:
    """The verdict by a plan whose gate differs by `gate`."""
    held_to = plan.model_copy(update={"gate": plan.gate.model_copy(update=gate)})
    return judge(evaluation, scores or ReviewScores(), held_to)


def failed(found: Verdict) -> list[str]:
    return [rule.name for rule in found.rules if not rule.passed]


def with_figure(key: str, value: float, arm: str = "challenger") -> Evaluation:
    found = evaluated(champion=1)
    figures = json.loads(json.dumps(found.metrics))
    figures[arm]["all"][key] = value
    return found.model_copy(update={"metrics": figures})


def behaviour(passed: int, cases: int = 20) -> Behaviour:
    return Behaviour(name="refuses prices", kind="refusal", cases=cases, passed=passed, min_share=0.95)


GAIN = "percentage points, at the lower end of its 95% interval"
COST, LOSS, SECONDS = (
    "The cost of 1,000 answers must be at most 10 USD",
    "The held-out loss, as a share of the base model's, must be at most 50.0%",
    "The time per answer (95th percentile) must be at most 30 seconds",
)
WRONG = "The share of answers that are wrong and confident must be at most 3.0%"
RISE = (
    "Answers must not be proven wrong and confident more often than the champion's by more than 0.0 percentage points"
)
CRITICAL = "The number of answers that lack a safety-critical fact and do not decline must be at most 0"
DECLINES = "The share of declined questions among those that are to be declined must be at least 95.0%"
ARMS = ("base", "base_retrieval", "few_shot", "champion")


def compared(**gains: float) -> dict[str, Any]:
    """Comparisons with every arm, of which some have other gains; None: it was not compared."""
    return {"comparisons": [comparison(arm, gains.get(arm, 0.2)) for arm in ARMS if gains.get(arm, 0.2) is not None]}


def test_what_proves_itself_passes_and_every_rule_says_by_what(plan: TrainingPlan) -> None:
    found = held(evaluated(champion=1, behaviours=[behaviour(20)]), plan, floors={"all": 0.5})
    assert found.passed and failed(found) == []
    assert found.reason == f"passed: all {len(found.rules)} rules hold"
    assert all(rule.evidence for rule in found.rules)
    assert [rule.name for rule in found.rules] == [
        f"The gain over the base model must be more than 5.0 {GAIN}",
        f"The gain over the base model with retrieval must be more than 0.0 {GAIN}",
        f"The gain over the base model with examples must be more than 0.0 {GAIN}",
        f"The gain over the champion must be more than 0.0 {GAIN}",
        "The score on 'all' must be at least 50.0%",
        WRONG,
        RISE,
        CRITICAL,
        DECLINES,
        "Behaviour test 'refuses prices': 95.0% of its cases must pass",
        "The held-out loss, as a share of the base model's, must be at most 50.0%",
        "The share of answers that differ from the base model's must be at least 1.0%",
        "The time per answer (95th percentile) must be at most 30 seconds",
        "The cost of 1,000 answers must be at most 10 USD",
        "The number of held-out questions that were seen in training must be at most 0",
    ]


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (compared(base=0.06), "over the base model must"),
        (compared(base_retrieval=0.04), "over the base model with retrieval must"),
        (compared(few_shot=0.02), "with examples"),
        (compared(champion=0), "over the champion"),
        (compared(few_shot=None), "models that the challenger was compared with"),
        (compared(base_retrieval=None), "models that the challenger was compared with"),
        (compared(champion=None), "models that the challenger was compared with"),
        ({"changed_share": 0.001}, "answers that differ"),
        ({"leaked_questions": 1}, "seen in training"),
        ({"behaviours": [behaviour(18)]}, "Behaviour test 'refuses prices'"),
        ({"behaviours": [behaviour(0, cases=0)]}, "Behaviour test 'refuses prices'"),
    ],
)
def test_each_rule_alone_stops_a_challenger(broken: dict[str, Any], rule: str, plan: TrainingPlan) -> None:
    found = held(evaluated(champion=1, **broken), plan)
    assert not found.passed
    (name,) = failed(found)
    assert rule in name and name in found.reason and found.reason.startswith("failed: ")


def test_a_slice_that_is_proven_worse_than_the_champions_stops_a_challenger(plan: TrainingPlan) -> None:
    arms = compared()["comparisons"]
    worse = comparison("champion", -0.2, slice="topic: engine")
    found = held(evaluated(champion=1, comparisons=[*arms, worse]), plan)
    assert not found.passed and len(failed(found)) == 1 and "topic: engine" in failed(found)[0]


@pytest.mark.parametrize("figure", [30.0, 30.1, math.inf])
def test_the_limit_itself_is_within(figure: float, plan: TrainingPlan) -> None:
    assert held(with_figure("latency_p95", figure), plan, max_seconds=30).passed == (figure == 30)


def test_costs_and_loss_have_their_limits(plan: TrainingPlan) -> None:
    assert failed(held(with_figure("cost_per_1000", 11), plan)) == [COST]
    assert failed(held(with_figure("loss", 1.2), plan)) == [LOSS]
    assert failed(held(with_figure("loss", 0.0, arm="base_retrieval"), plan)) == [LOSS]


@pytest.mark.parametrize("key", ["loss", "latency_p95", "cost_per_1000"])
def test_what_is_not_a_number_never_passes(key: str, plan: TrainingPlan) -> None:
    found = held(with_figure(key, math.nan), plan)
    assert not found.passed and len(failed(found)) == 1
    assert Verdict.model_validate_json(found.model_dump_json()).reason == found.reason


@pytest.mark.parametrize("end", ["gain", "low", "high"])
@pytest.mark.parametrize("part", ["all", "topic: engine"])
def test_an_interval_that_is_not_a_number_never_passes(end: str, part: str, plan: TrainingPlan) -> None:
    broken = comparison("champion", slice=part).model_copy(update={end: math.nan})
    arms = compared()["comparisons"]
    for gate in ({}, {"gain_over_champion": -1.0, "max_slice_drop": 1.0}):
        assert not held(evaluated(champion=1, comparisons=[*arms, broken]), plan, **gate).passed


@pytest.mark.parametrize(
    ("key", "most", "too_far", "rule"),
    [
        ("wrong_confident", 0.03, 0.031, WRONG),
        ("safety_critical_wrong", 0, 1, CRITICAL),
        ("declines_right", 0.95, 0.949, DECLINES),
    ],
)
def test_answers_that_are_wrong_and_confident_are_few(
    key: str, most: float, too_far: float, rule: str, plan: TrainingPlan
) -> None:
    assert held(with_figure(key, most), plan).passed
    for figure in (too_far, math.nan):
        found = held(with_figure(key, figure), plan)
        assert not found.passed and failed(found) == [rule]
    loose = {"max_wrong_confident": 1.0, "max_safety_critical_wrong": 1, "min_declines_right": 0.0}
    assert held(with_figure(key, too_far), plan, **loose).passed


@pytest.mark.parametrize(
    ("gain", "passed"),
    [(0.049, True), (0.05, True), (0.051, False), (0.0, True), (-0.2, True)],  # the interval is 0.05 to either side
)
def test_they_are_not_proven_more_often_than_the_champions(gain: float, passed: bool, plan: TrainingPlan) -> None:
    more = comparison("champion", gain, metric="wrong_confident")
    found = held(evaluated(champion=1, comparisons=[*compared()["comparisons"], more]), plan)
    assert found.passed == passed and failed(found) == ([] if passed else [RISE])
    loose = {"max_wrong_confident_rise": 0.06}
    assert held(evaluated(champion=1, comparisons=[*compared()["comparisons"], more]), plan, **loose).passed
    (rule,) = [rule for rule in found.rules if rule.name == RISE]
    assert "over the champion (95% interval" in rule.evidence and "rises smaller than" in rule.evidence


def test_without_a_champion_nothing_is_compared_with_it(plan: TrainingPlan) -> None:
    found = held(evaluated(), plan)
    assert found.passed and RISE not in [rule.name for rule in found.rules]


@pytest.mark.parametrize(
    ("counts", "shares", "rule"),
    [("judged", "wrong_confident", WRONG), ("to_decline", "declines_right", DECLINES)],
)
def test_what_no_question_could_show_is_reported_and_stops_nothing(
    counts: str, shares: str, rule: str, plan: TrainingPlan
) -> None:
    without = with_figure(counts, 0)
    del without.metrics["challenger"]["all"][shares]
    found = held(without, plan)
    assert found.passed and failed(found) == []
    (reported,) = [one for one in found.rules if one.name == f"{rule} (reported only)"]
    assert "no held-out question" in reported.evidence


def test_an_evaluation_that_did_not_count_outcomes_fails(plan: TrainingPlan) -> None:
    """One from before they were counted, whose verdict was not asked for until now."""
    old = evaluated(champion=1)
    arms = {arm: {"all": dict(slices["all"])} for arm, slices in old.metrics.items() if arm != "base_retrieval"}
    for key in (
        "judged",
        "wrong_confident",
        "to_decline",
        "declines_right",
        "safety_critical",
        "safety_critical_wrong",
    ):
        del arms["challenger"]["all"][key]
    older = [c for c in old.comparisons if c.against != "base_retrieval" and c.metric == "score"]
    found = held(old.model_copy(update={"metrics": arms, "comparisons": older}), plan)
    names = failed(found)
    assert not found.passed and {WRONG, CRITICAL, DECLINES} < set(names)
    assert "not compared with the base model with retrieval" in found.reason


def test_a_figure_that_was_not_measured_fails(plan: TrainingPlan) -> None:
    found = evaluated()
    del found.metrics["challenger"]["all"]["latency_p95"]
    assert failed(held(found, plan)) == [SECONDS]


def test_an_evaluation_that_compares_nothing_is_told_so(plan: TrainingPlan) -> None:
    with pytest.raises(WeaverError, match="compares no arm by score"):
        held(evaluated(comparisons=[]), plan)


def test_a_slice_has_its_floor_and_one_that_does_not_exist_is_named(plan: TrainingPlan) -> None:
    assert held(evaluated(), plan, floors={"all": 0.8}).passed
    assert failed(held(evaluated(), plan, floors={"all": 0.81})) == ["The score on 'all' must be at least 81.0%"]
    unknown = held(evaluated(), plan, floors={"topic: hovercraft": 0.1})
    assert failed(unknown) == ["The score on 'topic: hovercraft' must be at least 10.0%"]
    assert "no such slice; there are all" in unknown.reason


def test_a_behaviour_that_is_only_reported_stops_nothing_and_is_not_hidden(plan: TrainingPlan) -> None:
    found = held(evaluated(behaviours=[behaviour(3)]), plan, behaviours="reported")
    assert found.passed
    assert failed(found) == ["Behaviour test 'refuses prices': 95.0% of its cases must pass (reported only)"]


@pytest.mark.parametrize(
    ("asked", "scores", "broken"),
    [
        (0, ReviewScores(), None),
        (20, ReviewScores(questions=20, mean=3.5), None),
        (300, ReviewScores(questions=218, mean=5.0), None),  # there were no more questions to score
        (20, ReviewScores(questions=19, mean=5.0), "answers scored by reviewers"),
        (20, ReviewScores(), "answers scored by reviewers"),
        (20, ReviewScores(questions=20, mean=3.4), "The reviewers' mean score"),
        (0, ReviewScores(questions=5, mean=2.0), "The reviewers' mean score"),
        (20, ReviewScores(questions=20, mean=math.nan), "The reviewers' mean score"),
    ],
)
def test_experts_are_heard_where_they_were_asked(
    asked: int, scores: ReviewScores, broken: str | None, plan: TrainingPlan
) -> None:
    plan = plan.model_copy(update={"review": plan.review.model_copy(update={"questions": asked})})
    found = held(evaluated(), plan, scores)
    assert found.passed == (broken is None)
    assert broken is None or broken in found.reason


def test_a_verdict_is_in_the_ledger_and_a_failed_one_is_told_and_keeps_the_champion(models: Home) -> None:
    models.promoted(1)
    weak = models.challenger(2, champion=1)
    weak["evaluate"] = weak["evaluate"].model_copy(update={"leaked_questions": 3})
    artifacts = weak | {"collect_scores": ReviewScores()}
    found = models.run("gate", artifacts)
    assert models.run("gate", artifacts) == found and not found.passed
    tags = describe_aliases(models.name)["challenger"]["tags"]
    assert (tags["decision"], tags["decided_by"], tags["decided_why"]) == ("gate_failed", "gate", found.reason)
    verdicts = [entry for entry in ledger.read_entries() if entry.event == "verdict"]
    assert [(entry.version, entry.why) for entry in verdicts] == [(2, found.reason)]
    alerts = read_alerts(models.folder)
    assert "Version 1 stays champion" in alerts[-1]["text"] and "seen in training" in alerts[-1]["text"]
    assert models.champions() == (1, 0)

    assert models.run("gate", models.challenger(3, champion=1) | {"collect_scores": ReviewScores()}).passed
    assert [entry.version for entry in ledger.read_entries() if entry.event == "verdict"] == [2, 3]
    assert len(read_alerts(models.folder)) == len(alerts)
