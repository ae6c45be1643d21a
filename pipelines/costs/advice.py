"""What would save money, as computed from what was measured here: no measurement, no advice.

quantisation   `make bench B=quantise` ran the champion in both forms
base           trainings of this template over more than one base model are in MLflow
skip           what the last retraining runs gained over their champions, and what each cost
cache          gateway/cache_replay.py: the request log, replayed against the cache
"""

import math
import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import Artifact
from pipelines.core.params import hourly_machine_cost
from pipelines.core.plan import TrainingPlan
from pipelines.costs.cost_store import QuantisationResult, read_rows
from pipelines.request_log import read_exchanges

DAYS = 30  # of the request log that answers per month are counted from; also the length of a month
COMPARED_RUNS = 10  # the newest retraining runs
MIN_RUNS = 3
NO_TRAFFIC = f"there were no requests in the last {DAYS} days"


class Advice(Artifact):
    """Something to change, and what that saves."""

    about: str  # quantisation, base, skip or cache
    what: str
    saving_per_month: float
    formula: str
    evidence: str


class Unmeasured(Artifact):
    """What was not measured yet, and how to measure it."""

    about: str
    why: str


Recommendation = Advice | Unmeasured


class Traffic(NamedTuple):
    """The answers of the last days that a model gave, not the cache."""

    answers: int
    days: float  # from the first until now

    @property
    def per_month(self) -> float:
        """Answers per month, at the rate of the days that were observed."""
        return self.answers / self.days * DAYS if self.answers else 0.0


def measure_traffic(template: str) -> Traffic:
    """From the request log."""
    now = time.time()
    rows = read_exchanges(now - DAYS * 86_400, template=template).select(["at", "cached", "status"]).to_pylist()
    times = [row["at"] for row in rows if row["status"] == "ok" and not row["cached"]]
    return Traffic(len(times), max(1.0, (now - min(times)) / 86_400) if times else 0.0)


def advise_quantisation(plan: TrainingPlan, month: Traffic) -> Recommendation | None:
    """A cheaper form of the weights, whose loss stays within what the gate lets a slice lose; None: there is none."""
    rows = read_rows(QuantisationResult, template=plan.template)
    newest = {row.form: row for row in rows if row.version == rows[-1].version}
    present, other = newest.get(plan.deployment.quantisation), newest.get("int4")
    if present is None or other is None:
        return Unmeasured(about="quantisation", why=f"measure it: make bench B=quantise {plan.template}")
    if not month.answers:
        return Unmeasured(about="quantisation", why=NO_TRAFFIC)
    if present is other or other.seconds >= present.seconds or other.loss_high > plan.gate.max_slice_drop:
        return None
    return Advice(
        about="quantisation",
        what="serve int4: deployment.quantisation: int4",
        saving_per_month=month.per_month * (present.seconds - other.seconds) / 3600 * hourly_machine_cost(),
        formula=f"{month.per_month:.0f} answers per month x ({present.seconds:.3f} - {other.seconds:.3f}) s / 3600 x "
        f"{hourly_machine_cost():g} per hour",
        evidence=f"version {other.version} on {other.questions:.0f} held-out questions: score {present.score:.3f} now, "
        f"{other.score:.3f} in int4, a loss of at most {other.loss_high:.3f} (95%); {month.answers} answers logged",
    )


def advise_base_model(plan: TrainingPlan, month: Traffic, runs: list[Any]) -> Recommendation | None:
    """Another base model that answered as well for less."""
    metric = f"eval.challenger.all.{plan.gate.metric}"
    best: dict[str, tuple[float, float]] = {}  # base → its best score, and what 1,000 answers cost then
    for run in runs:
        metrics = run.data.metrics
        if metric in metrics and "eval.challenger.all.cost_per_1000" in metrics:
            result = metrics[metric], metrics["eval.challenger.all.cost_per_1000"]
            name = run.data.params["base.model"]
            best[name] = max(best.get(name, result), result)
    present = best.pop(plan.base.model, None)
    if present is None or not best:
        why = f"only one base was trained: weaver run {plan.template} --set base.model=…, a smaller one"
        return Unmeasured(about="base", why=why)
    if not month.answers:
        return Unmeasured(about="base", why=NO_TRAFFIC)
    name, (score, cost) = min(best.items(), key=lambda item: item[1][1])
    if cost >= present[1] or score < present[0] - plan.gate.max_slice_drop:
        return None
    return Advice(
        about="base",
        what=f"train {name}: base.model: {name}",
        saving_per_month=month.per_month * (present[1] - cost) / 1000,
        formula=f"{month.per_month:.0f} answers per month x ({present[1]:.4g} - {cost:.4g}) per 1,000 answers / 1000",
        evidence=f"{plan.gate.metric} {score:.3f}, {present[0]:.3f} now, each the best of its evaluated trainings",
    )


def advise_skipping(plan: TrainingPlan, runs: list[Any]) -> Recommendation | None:
    """Whether the next scheduled retraining is worth its cost, by the gains of the last ones over the champion."""
    names = [f"eval.{arm}.all.{plan.gate.metric}" for arm in ("challenger", "champion")]
    compared = [run.data.metrics for run in runs if set(names) | {"cost"} <= run.data.metrics.keys()][:COMPARED_RUNS]
    gains = [metrics[names[0]] - metrics[names[1]] for metrics in compared]
    if len(gains) < MIN_RUNS:
        why = f"{len(gains)} retraining runs were compared with a champion; at least {MIN_RUNS} are needed"
        return Unmeasured(about="skip", why=why)
    cost, (low, high) = statistics.fmean(metrics["cost"] for metrics in compared), mean_interval(gains)
    threshold = plan.gate.gain_over_champion
    if high > threshold:
        return None
    return Advice(
        about="skip",
        what="skip the scheduled retraining until drift or new rows start one",
        saving_per_month=cost * DAYS,
        formula=f"{cost:.4g} per retraining x {DAYS} days",
        evidence=f"{len(gains)} retraining runs gained {statistics.fmean(gains):+.4f} {plan.gate.metric} over their "
        f"champions, 95% interval {low:+.4f} to {high:+.4f}; gate.gain_over_champion is {threshold:g}",
    )


def mean_interval(values: list[float]) -> tuple[float, float]:
    """The 95% interval of a mean (Student's t)."""
    from scipy import stats

    mean, error = statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return mean - reach, mean + reach


def find_finished_runs(template: str) -> list[Any]:
    """The template's finished trainings in MLflow, newest first.

    Raises:
        Unavailable: MLflow does not answer.
    """
    client = connect_mlflow().MlflowClient()
    experiment = client.get_experiment_by_name(template)
    if experiment is None:
        return []
    runs = client.search_runs(
        [experiment.experiment_id], "attributes.status = 'FINISHED'", max_results=100, order_by=["start_time DESC"]
    )
    return list(runs)


def advise(plan: TrainingPlan) -> Iterator[Recommendation]:
    """Advice on training and deployment; `gateway.cache_replay` has that on the cache."""
    month, runs = measure_traffic(plan.template), find_finished_runs(plan.template)
    recommendations = (
        advise_quantisation(plan, month),
        advise_base_model(plan, month, runs),
        advise_skipping(plan, runs),
    )
    yield from filter(None, recommendations)
