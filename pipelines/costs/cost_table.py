"""What was spent in a month, by day, stage or model: the stages' executions, and the answers of the request log."""

from collections import defaultdict
from typing import Literal

from pipelines.core.artifacts import Artifact
from pipelines.costs.cost_store import Training, day, executions, month, read
from pipelines.request_log import read_exchanges

By = Literal["day", "stage", "model"]
ANSWERS = "answers"  # the stage that requests are shown as
SHOWN = 10  # estimates, the newest


class Line(Artifact):
    """What was spent on one day, in one stage, or on one model. Of answers, energy and processor time are nobody's:
    their cost is that of the machine while it worked on them."""

    template: str
    name: str  # the day (UTC), the stage or the model
    count: int  # executions, or answers
    seconds: float
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    energy_kwh_estimated: float = 0.0
    co2_kg_estimated: float = 0.0
    cost: float


SUMS = tuple(name for name in Line.model_fields if name not in ("template", "name"))


class Off(Artifact):
    """How far an estimate was off: 0.1 is a tenth too long."""

    template: str
    day: str
    forecast_seconds: float
    seconds: float
    error: float


def lines(template: str = "", by: By = "stage", of: str = "") -> list[Line]:
    """A template's spending, or everyone's, in a month (UTC, as 2026-11; the present one if not given).

    Raises:
        WeaverError: it is no month, or the ledger or the request log cannot be read.
    """
    since, until = month(of)
    sums: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    for one in executions(since, until, template=template):
        name = {"day": day(one.at), "stage": one.stage, "model": one.model}[by]
        add(sums[one.template, name], count=1, **one.model_dump(include=set(SUMS)))
    columns = ["at", "template", "version", "latency_s", "cost"]
    for row in read_exchanges(since, until, template).select(columns).to_pylist():
        name = {"day": day(row["at"]), "stage": ANSWERS, "model": f"version {row['version']}"}[by]
        add(sums[row["template"], name], count=1, seconds=row["latency_s"], cost=row["cost"])
    found = [Line(template=template, name=name, **spent) for (template, name), spent in sums.items()]
    return sorted(found, key=lambda line: (line.template, line.name))


def add(sums: dict[str, float], **spent: float) -> None:
    for name, value in spent.items():
        sums[name] += value


def total(found: list[Line]) -> Line:
    spent = {name: sum(getattr(line, name) for line in found) for name in SUMS}
    return Line(template="", name="all", **spent)


def errors(template: str = "") -> list[Off]:
    """How far the newest estimates were off that a training followed, oldest first."""
    trained = [row for row in read(Training, template=template) if row.error is not None]
    return [
        Off(
            template=row.template,
            day=day(row.at),
            forecast_seconds=row.forecast_seconds,
            seconds=row.seconds,
            error=row.error or 0.0,
        )
        for row in trained[-SHOWN:]
    ]
