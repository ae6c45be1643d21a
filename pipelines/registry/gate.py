"""The gate stage: whether a challenger is good enough to be put before a person."""

from pipelines.artifacts import Candidate, Evaluation, Rule, Verdict
from pipelines.plan import TrainingPlan
from pipelines.registry.promote import decide


def gate(candidate: Candidate, evaluation: Evaluation, plan: TrainingPlan) -> Verdict:
    """Hold the challenger's gain over its base to the plan's gate; a failure is recorded on the version."""
    base, challenger = evaluation.figures["base"], evaluation.figures["challenger"]
    part = "grounded" if "grounded" in base else "all"
    gain = challenger[part]["facts"] - base[part]["facts"]
    ratio = challenger["all"]["loss"] / base["all"]["loss"]
    rules = [
        Rule(
            name=f"gain in exact facts ({part}) at least",
            figure=gain,
            limit=plan.gate.min_fact_gain,
            passed=gain >= plan.gate.min_fact_gain,
        ),
        Rule(
            name="held-out loss over base's at most",
            figure=ratio,
            limit=plan.gate.max_loss_ratio,
            passed=ratio <= plan.gate.max_loss_ratio,
        ),
    ]
    failed = [rule for rule in rules if not rule.passed]
    reason = "; ".join(f"{rule.name} {rule.limit:g}: it is {rule.figure:.3f}" for rule in failed or rules)
    verdict = Verdict(passed=not failed, rules=rules, reason=f"{'failed' if failed else 'passed'}: {reason}")
    if not verdict.passed:
        decide(candidate, "gate_failed", by="gate", why=verdict.reason)
    return verdict
