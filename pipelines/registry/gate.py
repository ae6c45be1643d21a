"""The gate stage: whether a challenger is good enough to be put before a person."""

import math
from collections.abc import Iterator

from pipelines.alerts import alert
from pipelines.core.artifacts import Candidate, Evaluation, ReviewScores, Rule, Verdict
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.registry import gate_rules, ledger
from pipelines.registry.gate_rules import ARMS, COUNT, PERCENT, SCORE, SECONDS, format_quantity
from pipelines.registry.promote import tag_decision

NAMED_FAILURES = 3  # failed rules that the reason spells out; the verdict has them all
EXPERIMENT = Rule(
    name="The run is no experiment",
    figure=1,
    limit=0,
    passed=False,
    evidence="it changed a safeguard of the template for itself, and an experiment can never be promoted",
)


def gate(candidate: Candidate, evaluation: Evaluation, scores: ReviewScores, plan: TrainingPlan) -> Verdict:
    """Check the challenger against every rule of the plan's gate.

    The verdict goes into the ledger; a failed one is also a tag of the version and an alert, and the champion stays.
    """
    verdict = judge(evaluation, scores, plan)
    ledger.append_entry("verdict", candidate.name, candidate.version, by="gate", why=verdict.reason)
    if not verdict.passed:
        tag_decision(candidate, "gate_failed", by="gate", why=verdict.reason)
        stays = f"Version {evaluation.champion} stays champion" if evaluation.champion else "There is no champion yet"
        page = f"{settings().mlflow_url}/#/models/{candidate.name}/versions/{candidate.version}"
        alert(
            f"{candidate.name} version {candidate.version}: the gate {verdict.reason}. {stays}.",
            key=f"{candidate.name}.gate",
            template=candidate.name,
            link=page,
        )
    return verdict


def judge(evaluation: Evaluation, scores: ReviewScores, plan: TrainingPlan) -> Verdict:
    """The verdict on an evaluation and reviewers' scores: every rule of the gate, with what it was checked against."""
    rules = [
        *([EXPERIMENT] if plan.experiment else []),
        *comparison_rules(evaluation, plan),
        *gate_rules.gain_rules(evaluation.comparisons, plan.gate),
        *gate_rules.slice_rules(evaluation.comparisons, plan.gate),
        *floor_rules(evaluation, plan),
        *outcome_rules(evaluation, plan),
        *behaviour_rules(evaluation, plan),
        *metric_rules(evaluation, plan),
        *review_rules(evaluation, scores, plan),
    ]
    rules = [rule if math.isfinite(rule.figure) else fail_unmeasured(rule) for rule in rules]
    failed = [rule for rule in rules if not rule.passed and rule.required]
    reasons = [f"{rule.name}. It is {format_quantity(rule.figure, rule.unit)}: {rule.evidence}" for rule in failed]
    if failed == [EXPERIMENT]:
        reasons = [EXPERIMENT.evidence]
    reason = "; ".join(reasons[:NAMED_FAILURES])
    if len(failed) > NAMED_FAILURES:
        reason += f"; and {len(failed) - NAMED_FAILURES} more of {len(rules)} rules"
    return Verdict(
        passed=not failed, rules=rules, reason=f"failed: {reason}" if failed else f"passed: all {len(rules)} rules hold"
    )


def fail_unmeasured(rule: Rule) -> Rule:
    """What could not be measured is not proven."""
    return rule.model_copy(update={"passed": False, "evidence": f"not a number; {rule.evidence}".rstrip("; ")})


def at_least(name: str, figure: float, limit: float, unit: str, evidence: str) -> Rule:
    """Return a rule that passes from its limit upwards."""
    name = f"{name} must be at least {format_quantity(limit, unit)}"
    return Rule(name=name, figure=figure, limit=limit, unit=unit, passed=figure >= limit, evidence=evidence)


def at_most(name: str, figure: float, limit: float, unit: str, evidence: str) -> Rule:
    """Return a rule that passes up to its limit."""
    name = f"{name} must be at most {format_quantity(limit, unit)}"
    return Rule(name=name, figure=figure, limit=limit, unit=unit, passed=figure <= limit, evidence=evidence)


def comparison_rules(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    """Every arm that must be beaten was compared, and the comparison is a number: an unmeasured gain is none."""
    arms = ["base", "base_retrieval", "few_shot", *(["champion"] if evaluation.champion else [])]
    compared = {c.against for c in evaluation.comparisons if c.slice == "all" and c.metric == plan.gate.metric}
    missing = [ARMS[arm] for arm in arms if arm not in compared]
    if missing:
        evidence = f"not compared with {', '.join(missing)}"
        yield at_least(
            "The number of models that the challenger was compared with",
            len(arms) - len(missing),
            len(arms),
            COUNT,
            evidence,
        )
    for c in evaluation.comparisons:
        if not all(map(math.isfinite, (c.gain, c.low, c.high))):
            name = f"The gain over {ARMS[c.against]} in {c.metric.replace('_', ' ')} on '{c.slice}'"
            yield at_least(name, math.nan, -1, gate_rules.POINTS, "it could not be measured")


def floor_rules(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    """Each slice with a floor reaches it; a slice that does not exist fails."""
    slices, metric = evaluation.metrics["challenger"], plan.gate.metric
    for name, floor in plan.gate.floors.items():
        metrics = slices.get(name, {})
        count = f"of {metrics.get('questions', 0):.0f} questions"
        evidence = count if metrics else f"no such slice; there are {', '.join(sorted(slices))}"
        yield at_least(f"The {metric} on '{name}'", metrics.get(metric, math.nan), floor, PERCENT, evidence)


def outcome_rules(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    """Few answers are wrong and confident, none lacks a safety-critical fact, and what is to be declined is declined.

    What no question could show is reported and stops nothing; what was not counted at all is not a number, which fails.
    """
    metrics, gate = evaluation.metrics["challenger"]["all"], plan.gate

    def count_of(name: str) -> float:
        return metrics.get(name, math.nan)

    wrong = at_most(
        "The share of answers that are wrong and confident",
        count_of("wrong_confident"),
        gate.max_wrong_confident,
        PERCENT,
        f"of {count_of('judged'):.0f} answers whose facts are known, or that should decline",
    )
    yield report_only(wrong, "no held-out question has known facts") if metrics.get("judged") == 0 else wrong
    yield from gate_rules.wrong_confident_rules(evaluation.comparisons, gate)
    yield at_most(
        "The number of answers that lack a safety-critical fact and do not decline",
        count_of("safety_critical_wrong"),
        gate.max_safety_critical_wrong,
        COUNT,
        f"of {count_of('safety_critical'):.0f} questions with a safety-critical fact",
    )
    declined = at_least(
        "The share of declined questions among those that are to be declined",
        count_of("declines_right"),
        gate.min_declines_right,
        PERCENT,
        f"of {count_of('to_decline'):.0f} questions",
    )
    yield (
        report_only(declined, "no held-out question is to be declined") if metrics.get("to_decline") == 0 else declined
    )


def report_only(rule: Rule, why: str) -> Rule:
    """The rule, which stops nothing because no question could show whether it holds."""
    figure = rule.figure if math.isfinite(rule.figure) else 0.0  # a verdict travels as JSON, which has no NaN
    changes = {"required": False, "passed": True, "figure": figure, "evidence": why}
    return rule.model_copy(update={**changes, "name": f"{rule.name} (reported only)"})


def behaviour_rules(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    """Each behaviour test passes in the share of its cases that must; if only reported, it stops nothing."""
    required = plan.gate.behaviours == "required"
    for test in evaluation.behaviours:
        yield Rule(
            name=f"Behaviour test '{test.name}': {format_quantity(test.min_share, PERCENT)} of its cases must pass"
            + ("" if required else " (reported only)"),
            figure=test.passed / test.cases if test.cases else math.nan,
            limit=test.min_share,
            unit=PERCENT,
            passed=test.ok,
            required=required,
            evidence=f"{test.passed} of {test.cases} {test.kind} cases passed",
        )


def metric_rules(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    """The rules on one metric each; one that was not measured is not a number, which fails."""
    # The base on the same prompts; an evaluation from before there was retrieval has no other base.
    base = evaluation.metrics.get("base_retrieval", evaluation.metrics["base"])["all"]
    challenger = evaluation.metrics["challenger"]["all"]
    loss, base_loss = challenger.get("loss", math.nan), base.get("loss", math.nan)
    yield at_most(
        "The held-out loss, as a share of the base model's,",
        loss / base_loss if base_loss else math.nan,
        plan.gate.max_loss_ratio,
        PERCENT,
        f"{loss:.3f} nats per token; the base model has {base_loss:.3f}",
    )
    yield at_least(
        "The share of answers that differ from the base model's",
        evaluation.changed_share,
        plan.gate.min_changed,
        PERCENT,
        "an adapter that answers like its base model was not applied",
    )
    yield at_most(
        "The time per answer (95th percentile)",
        challenger.get("latency_p95", math.nan),
        plan.gate.max_seconds,
        SECONDS,
        "one question at a time",
    )
    currency = plan.costs.currency
    yield at_most(
        "The cost of 1,000 answers",
        challenger.get("cost_per_1000", math.nan),
        plan.gate.max_cost,
        currency,
        f"at {plan.costs.hour(gpus=has_gpu()):g} {currency} per hour of the machine",
    )
    near_duplicates = f"{evaluation.leaked_questions} have a near-duplicate in the training rows"
    evidence = near_duplicates if evaluation.leaked_questions else "none has a near-duplicate in the training rows"
    yield at_most(
        "The number of held-out questions that were seen in training", evaluation.leaked_questions, 0, COUNT, evidence
    )


def review_rules(evaluation: Evaluation, scores: ReviewScores, plan: TrainingPlan) -> Iterator[Rule]:
    """Where reviewers score answers: enough of them, and well enough."""
    available = evaluation.metrics["challenger"]["all"].get("questions", math.inf)
    required = min(plan.review.questions, available)  # there are no more answers to score than questions
    if required:
        evidence = "the others wait in MLflow's review queue"
        yield at_least("The number of answers scored by reviewers", scores.questions, required, COUNT, evidence)
    if scores.questions:
        evidence = f"of {scores.questions} answers, from 1 (wrong or harmful) to 5"
        yield at_least("The reviewers' mean score", scores.mean, plan.gate.min_review, SCORE, evidence)
