"""The gate stage: whether a challenger is good enough to be put before a person."""

import math
from collections.abc import Iterator

from pipelines.alerts import alert
from pipelines.core.artifacts import Candidate, Evaluation, ReviewScores, Rule, Verdict
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.registry import gate_rules, ledger
from pipelines.registry.promote import decide

REPORTED = " (reported only)"  # a rule of such a name stops nothing
TOLD = 3  # failed rules that the reason spells out; the verdict has them all


def gate(candidate: Candidate, evaluation: Evaluation, scores: ReviewScores, plan: TrainingPlan) -> Verdict:
    """Hold the challenger to every rule of the plan's gate.

    The verdict goes into the ledger; a failed one is also a tag of the version and an alert, and the champion stays.
    """
    found = verdict(evaluation, scores, plan)
    ledger.write("verdict", candidate.name, candidate.version, by="gate", why=found.reason)
    if not found.passed:
        decide(candidate, "gate_failed", by="gate", why=found.reason)
        stays = f"Version {evaluation.champion} stays champion" if evaluation.champion else "There is no champion yet"
        page = f"{settings().mlflow_url}/#/models/{candidate.name}/versions/{candidate.version}"
        alert(
            f"{candidate.name} version {candidate.version}: the gate {found.reason}. {stays}.",
            key=f"{candidate.name}.gate",
            template=candidate.name,
            link=page,
        )
    return found


def verdict(evaluation: Evaluation, scores: ReviewScores, plan: TrainingPlan) -> Verdict:
    rules = [
        *compared(evaluation, plan),
        *gate_rules.gains(evaluation.comparisons, plan.gate),
        *gate_rules.slices(evaluation.comparisons, plan.gate),
        *floors(evaluation, plan),
        *behaviours(evaluation, plan),
        *figures(evaluation, plan),
        *reviewed(evaluation, scores, plan),
    ]
    rules = [rule if math.isfinite(rule.figure) else not_a_number(rule) for rule in rules]
    failed = [rule for rule in rules if not rule.passed and not rule.name.endswith(REPORTED)]
    told = "; ".join(f"{rule.name} {rule.limit:g}: it is {rule.figure:.3f} ({rule.evidence})" for rule in failed[:TOLD])
    if len(failed) > TOLD:
        told += f"; and {len(failed) - TOLD} more of {len(rules)} rules"
    return Verdict(
        passed=not failed, rules=rules, reason=f"failed: {told}" if failed else f"passed: all {len(rules)} rules hold"
    )


def not_a_number(rule: Rule) -> Rule:
    """What could not be measured is not proven."""
    return rule.model_copy(update={"passed": False, "evidence": f"not a number; {rule.evidence}".rstrip("; ")})


def at_least(name: str, figure: float, limit: float, evidence: str) -> Rule:
    return Rule(name=f"{name} at least", figure=figure, limit=limit, passed=figure >= limit, evidence=evidence)


def at_most(name: str, figure: float, limit: float, evidence: str) -> Rule:
    return Rule(name=f"{name} at most", figure=figure, limit=limit, passed=figure <= limit, evidence=evidence)


def compared(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    """Whoever must be beaten was compared with, in numbers: a gain that nobody measured is none."""
    must = ["base", "few_shot", *(["champion"] if evaluation.champion else [])]
    over_all = [one for one in evaluation.comparisons if one.part == "all" and one.metric == plan.gate.metric]
    missing = sorted(set(must) - {one.against for one in over_all})
    if missing:
        yield at_least("arms compared with", len(must) - len(missing), len(must), f"not with {', '.join(missing)}")
    for one in evaluation.comparisons:
        if not all(map(math.isfinite, (one.gain, one.low, one.high))):
            yield at_least(f"gain over {one.against} in {one.part}", math.nan, -1, "it could not be measured")


def floors(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    parts, metric = evaluation.figures["challenger"], plan.gate.metric
    for part, floor in plan.gate.floors.items():
        asked = parts.get(part, {})
        evidence = f"of {asked.get('questions', 0):.0f} questions" if asked else f"one of {', '.join(sorted(parts))}?"
        yield at_least(f"{metric} in {part}", asked.get(metric, math.nan), floor, evidence)


def behaviours(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    note = REPORTED if plan.gate.behaviours == "reported" else ""
    for tested in evaluation.behaviours:
        yield Rule(
            name=f"behaviour {tested.name} at least{note}",
            figure=tested.passed / tested.cases if tested.cases else math.nan,
            limit=tested.min_share,
            passed=tested.ok,
            evidence=f"{tested.passed} of {tested.cases} {tested.kind} cases passed",
        )


def figures(evaluation: Evaluation, plan: TrainingPlan) -> Iterator[Rule]:
    """The rules on one figure each; one that was not measured is not a number, which fails."""
    base, challenger = evaluation.figures["base"]["all"], evaluation.figures["challenger"]["all"]
    losses = (challenger.get("loss", math.nan), base.get("loss", math.nan))
    ratio = losses[0] / losses[1] if losses[1] else math.nan
    yield at_most(
        "held-out loss over base's",
        ratio,
        plan.gate.max_loss_ratio,
        f"{losses[0]:.3f} nats a token; base has {losses[1]:.3f}",
    )
    yield at_least(
        "share of answers changed",
        evaluation.changed,
        plan.gate.min_changed,
        "an adapter that answers like its base was not applied",
    )
    yield at_most(
        "seconds an answer",
        challenger.get("latency_p95", math.nan),
        plan.gate.max_seconds,
        "95th percentile, asked one at a time",
    )
    yield at_most(
        "cost of 1,000 answers",
        challenger.get("cost_per_1000", math.nan),
        plan.gate.max_cost,
        f"at {plan.costs.hour(gpus=has_gpu()):g} an hour of the machine",
    )
    yield at_most("held-out questions seen in training", evaluation.leaks, 0, "a near-duplicate of each was trained on")


def reviewed(evaluation: Evaluation, scores: ReviewScores, plan: TrainingPlan) -> Iterator[Rule]:
    asked = evaluation.figures["challenger"]["all"].get("questions", math.inf)
    wanted = min(plan.review.questions, asked)  # there are no more answers to score than questions were asked
    if wanted:
        yield at_least("answers scored by experts", scores.questions, wanted, "waiting in MLflow's review queue")
    if scores.questions:
        evidence = f"of {scores.questions} answers, from 1 (wrong or harmful) to 5"
        yield at_least("experts' mean score", scores.mean, plan.gate.min_review, evidence)
