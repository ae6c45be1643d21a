"""The page that a reviewer decides on: what matters most for the decision first, in Markdown for Airflow's UI."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core.artifacts import Arm, Candidate, Comparison, Evaluation, Evidence, Verdict
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.registry.cards import render
from pipelines.registry.gate_rules import ARMS, PERCENT, POINTS, format_quantity

LONGEST_VALUE = 80  # characters of a setting that are shown


class Change(NamedTuple):
    """A setting that this run has otherwise than its template."""

    key: str
    template: str
    run: str


def render_approval_page(
    candidate: Candidate,
    evaluation: Evaluation,
    verdict: Verdict,
    evidence: Evidence,
    plan: TrainingPlan,
    started_by: str = "",
    wait: timedelta | None = None,
) -> str:
    """The page, as Markdown.

    Args:
        evidence: its folder says which adapter and model the decision is about; its digest binds the answer to them.
        started_by: the Airflow user who started the run; empty if nobody did.
        wait: how long the question stands; approval.hours of the plan if not given.
    """
    deadline = datetime.now(UTC) + (wait or timedelta(hours=plan.approval.hours))
    return render(
        "approval_page.md",
        candidate=candidate,
        evaluation=evaluation,
        verdict=verdict,
        evidence=evidence,
        export=json.loads((Path(evidence.uri) / "export.json").read_bytes()),
        headline=write_headline(evaluation, plan),
        better=list_gains(evaluation, plan),
        worse=list_losses(evaluation, verdict, plan),
        changes=list_changes(plan),
        started=f"Started by {started_by}." if started_by else "Started by the schedule or by drift, not by a person.",
        four_eyes=plan.approval.four_eyes,
        deadline=f"{deadline:%d %B %Y, %H:%M} UTC",
        mlflow_url=settings().mlflow_url,
    )


def write_headline(evaluation: Evaluation, plan: TrainingPlan) -> str:
    """How good it is, beside whom it would replace."""
    rival: Arm = "champion" if evaluation.champion else "base"
    metric, arms = plan.gate.metric, evaluation.metrics
    scores = {
        arm: arms[arm]["all"][metric] for arm in (rival, "challenger") if metric in arms.get(arm, {}).get("all", {})
    }
    if len(scores) < 2:
        return ""
    what = "of the facts right" if metric == "score" else metric
    version = f" (version {evaluation.champion})" if evaluation.champion else ""
    gain = format_quantity(scores["challenger"] - scores[rival], POINTS)
    wrong = arms["challenger"]["all"].get("wrong_confident")
    confident = "" if wrong is None else f" {format_quantity(wrong, PERCENT)} of its answers are wrong and confident."
    return (
        f"On {arms['challenger']['all']['questions']:.0f} held-out questions it has "
        f"{format_quantity(scores['challenger'], PERCENT)} {what}; {ARMS[rival]}{version} has "
        f"{format_quantity(scores[rival], PERCENT)}: **{gain}**.{confident}"
    )


def list_gains(evaluation: Evaluation, plan: TrainingPlan) -> list[str]:
    """A sentence for every arm and slice on which it is better, the champion first."""
    compared = [c for c in evaluation.comparisons if c.metric == plan.gate.metric and c.gain > 0]
    overall = [c for c in compared if c.slice == "all"]
    overall.sort(key=lambda c: list(ARMS).index(c.against), reverse=True)
    rival = "champion" if evaluation.champion else "base"
    slices = sorted((c for c in compared if c.slice != "all" and c.against == rival), key=lambda c: -c.gain)
    return [*map(describe, overall), *map(describe, slices[:3])] or ["Nothing that was measured."]


def list_losses(evaluation: Evaluation, verdict: Verdict, plan: TrainingPlan) -> list[str]:
    """A sentence for every failed behaviour test, for leaks and rules that do not hold, and for each worse slice."""
    sentences = [
        f"**Behaviour test '{test.name}' fails**: {test.cases - test.passed} of {test.cases} {test.kind} cases"
        for test in evaluation.behaviours
        if not test.ok
    ]
    if evaluation.leaked_questions:
        have = "questions have" if evaluation.leaked_questions > 1 else "question has"
        sentences.append(f"**{evaluation.leaked_questions} held-out {have} a near-duplicate in the training rows**")
    failed = (rule for rule in verdict.rules if not rule.passed and rule.required)
    sentences += [f"**A rule of the gate does not hold**: {rule.name}" for rule in failed]
    rival: Arm = "champion" if evaluation.champion else "base"
    worse = [c for c in evaluation.comparisons if c.metric == plan.gate.metric and c.gain < 0]
    worse = [c for c in worse if c.slice == "all" or c.against == rival]
    sentences += [describe(c) for c in sorted(worse, key=lambda c: c.gain)]
    before, now = seconds_per_answer(evaluation, rival), seconds_per_answer(evaluation, "challenger")
    if now - before > 0.05:
        sentences.append(f"Slower: {now:.1f} seconds per answer (95th percentile) instead of {before:.1f}")
    return sentences or ["Nothing that was measured."]


def seconds_per_answer(evaluation: Evaluation, arm: Arm) -> float:
    """The 95th percentile; NaN where it was not measured."""
    return evaluation.metrics.get(arm, {}).get("all", {}).get("latency_p95", math.nan)


def describe(comparison: Comparison) -> str:
    """Return a comparison as a sentence: the gain, against what, on which questions, and how certain it is."""
    c = comparison
    on = "all questions" if c.slice == "all" else f"'{c.slice}'"
    if (c.low, c.high) == (-1, 1):
        certainty = "too few to prove anything"
    else:
        proven = "proven" if c.low > 0 or c.high < 0 else "not proven"
        certainty = f"{proven}; {100 * c.confidence:.3g}% interval {100 * c.low:+.1f} to {100 * c.high:+.1f}"
    gain = format_quantity(c.gain, POINTS)
    return f"{gain} against {ARMS[c.against]} on {on} ({c.questions} questions; {certainty})"


def list_changes(plan: TrainingPlan) -> list[Change]:
    """What whoever started the run, or drift, changed against the template."""
    template, run = make_plan(plan.template).flat(), plan.flat()
    return [
        Change(key, shorten(template.get(key)), shorten(value))
        for key, value in run.items()
        if template.get(key) != value and key != "profile"
    ]


def shorten(value: Any) -> str:
    """Return a value as text of limited length."""
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
