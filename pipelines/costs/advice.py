"""What would save money, as computed from what was measured here: no figure, no advice.

quantisation   `make bench B=quantise` asked the champion in both forms
base           trainings of this template over more than one base stand in MLflow
skip           what the last retrainings gained over their champions, and what each cost
cache          serving/replay.py: the request log, asked again
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
from pipelines.costs.cost_store import Quantised, read
from pipelines.request_log import read_exchanges

DAYS = 30  # of the request log that answers a month are counted from; also what a month is
NIGHTS = 10  # retrainings that are looked at, the newest
ENOUGH = 3  # of them


class Advice(Artifact):
    """Something to change, and what that saves."""

    about: str  # quantisation, base, skip or cache
    what: str
    saving_per_month: float
    formula: str
    evidence: str


class Unmeasured(Artifact):
    """What nothing can be said about yet, and what would measure it."""

    about: str
    why: str


Found = Advice | Unmeasured


class Traffic(NamedTuple):
    """The answers of the last days that a model gave, not the cache."""

    answers: int
    days: float  # from the first until now

    @property
    def per_month(self) -> float:
        return self.answers / self.days * DAYS if self.answers else 0.0


def traffic(template: str) -> Traffic:
    now = time.time()
    rows = read_exchanges(now - DAYS * 86_400, template=template).select(["at", "cached", "status"]).to_pylist()
    asked = [row["at"] for row in rows if row["status"] == "ok" and not row["cached"]]
    return Traffic(len(asked), max(1.0, (now - min(asked)) / 86_400) if asked else 0.0)


def quantisation(plan: TrainingPlan, month: Traffic) -> Found | None:
    """A cheaper form of the weights, whose loss stays within what the gate lets a slice lose; None: there is none."""
    rows = read(Quantised, template=plan.template)
    newest = {row.form: row for row in rows if row.version == rows[-1].version}
    now, other = newest.get(plan.deployment.quantisation), newest.get("int4")
    if now is None or other is None:
        return Unmeasured(about="quantisation", why=f"measure it: make bench B=quantise {plan.template}")
    if not month.answers:
        return Unmeasured(about="quantisation", why="nobody has asked anything in the last 30 days")
    if now is other or other.seconds >= now.seconds or other.loss_high > plan.gate.max_slice_drop:
        return None
    return Advice(
        about="quantisation",
        what="serve int4: deployment.quantisation: int4",
        saving_per_month=month.per_month * (now.seconds - other.seconds) / 3600 * hourly_machine_cost(),
        formula=f"{month.per_month:.0f} answers a month x ({now.seconds:.3f} - {other.seconds:.3f}) s / 3600 x "
        f"{hourly_machine_cost():g} an hour",
        evidence=f"version {other.version} on {other.questions:.0f} held-out questions: score {now.score:.3f} now, "
        f"{other.score:.3f} in int4, a loss of at most {other.loss_high:.3f} (95%); {month.answers} answers logged",
    )


def base(plan: TrainingPlan, month: Traffic, runs: list[Any]) -> Found | None:
    """Another base that answered as well for less."""
    metric = f"eval.challenger.all.{plan.gate.metric}"
    best: dict[str, tuple[float, float]] = {}  # base → its best score, and what 1,000 answers cost then
    for run in runs:
        figures = run.data.metrics
        if metric in figures and "eval.challenger.all.cost_per_1000" in figures:
            told = figures[metric], figures["eval.challenger.all.cost_per_1000"]
            name = run.data.params["base.model"]
            best[name] = max(best.get(name, told), told)
    now, others = best.pop(plan.base.model, None), best
    if now is None or not others:
        why = f"only one base was trained: weaver run {plan.template} --set base.model=…, a smaller one"
        return Unmeasured(about="base", why=why)
    if not month.answers:
        return Unmeasured(about="base", why="nobody has asked anything in the last 30 days")
    name, (score, cost) = min(others.items(), key=lambda item: item[1][1])
    if cost >= now[1] or score < now[0] - plan.gate.max_slice_drop:
        return None
    return Advice(
        about="base",
        what=f"train {name}: base.model: {name}",
        saving_per_month=month.per_month * (now[1] - cost) / 1000,
        formula=f"{month.per_month:.0f} answers a month x ({now[1]:.4g} - {cost:.4g}) a 1,000 answers / 1000",
        evidence=f"{plan.gate.metric} {score:.3f}, {now[0]:.3f} now, each the best of its evaluated trainings",
    )


def skip(plan: TrainingPlan, runs: list[Any]) -> Found | None:
    """Whether retraining tonight is worth its cost, going by the last nights' gains over the champion."""
    parts = [f"eval.{arm}.all.{plan.gate.metric}" for arm in ("challenger", "champion")]
    nights = [run.data.metrics for run in runs if set(parts) | {"cost"} <= run.data.metrics.keys()][:NIGHTS]
    gains = [figures[parts[0]] - figures[parts[1]] for figures in nights]
    if len(gains) < ENOUGH:
        why = f"{len(gains)} retrainings were compared with a champion; {ENOUGH} say something"
        return Unmeasured(about="skip", why=why)
    cost, (low, high) = statistics.fmean(figures["cost"] for figures in nights), interval(gains)
    wanted = plan.gate.gain_over_champion
    if high > wanted:
        return None
    return Advice(
        about="skip",
        what="skip tonight's retraining, and those after it until drift or new rows ask for one",
        saving_per_month=cost * DAYS,
        formula=f"{cost:.4g} a retraining x {DAYS} nights",
        evidence=f"{len(gains)} retrainings gained {statistics.fmean(gains):+.4f} {plan.gate.metric} over their "
        f"champions, 95% interval {low:+.4f} to {high:+.4f}; gate.gain_over_champion wants more than {wanted:g}",
    )


def interval(values: list[float]) -> tuple[float, float]:
    """The 95% interval of a mean (Student's t)."""
    from scipy import stats

    mean, error = statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return mean - reach, mean + reach


def trainings(template: str) -> list[Any]:
    """The template's finished trainings in MLflow, newest first.

    Raises:
        Unavailable: MLflow does not answer.
    """
    client = connect_mlflow().MlflowClient()
    experiment = client.get_experiment_by_name(template)
    if experiment is None:
        return []
    found = client.search_runs(
        [experiment.experiment_id], "attributes.status = 'FINISHED'", max_results=100, order_by=["start_time DESC"]
    )
    return list(found)


def advise(plan: TrainingPlan) -> Iterator[Found]:
    """Advice on training and on what is served; on the cache, serving knows."""
    month, runs = traffic(plan.template), trainings(plan.template)
    for found in (quantisation(plan, month), base(plan, month, runs), skip(plan, runs)):
        if found:
            yield found
