"""The tables. Rows are read and written by column name, so that a new column breaks neither old code nor old rows.

After a change here: `python -m alembic -c pipelines/core/database/alembic.ini revision --autogenerate -m "…"`, and
HEAD in migrate.py. A new column that may not be null needs a server default, or existing rows cannot have it.

Times are epoch seconds, UTC. Money is a float: it is measured seconds times a rate, an estimate that is shown with
four digits, never invoiced; a Decimal would claim a precision that the measurement does not have.
"""

import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Index, MetaData, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, also on SQLite, which knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """What all tables share: the names of constraints, so that a migration can name them, and the types."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        float: Double,
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        list[str]: JSON,
    }

    def to_dict(self) -> dict[str, Any]:
        """Column → value."""
        return {column.key: getattr(self, column.key) for column in self.__table__.columns}


def new_id() -> str:
    """Return a random id of 32 hexadecimal digits."""
    return uuid.uuid4().hex


def now_ns() -> int:
    """Return the present time in nanoseconds since the epoch."""
    return time.time_ns()


class CostRow(Base, kw_only=True):
    """What the tables of costs share."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(primary_key=True, default_factory=new_id)
    at: Mapped[float] = mapped_column(index=True, default_factory=time.time)
    template: Mapped[str]


class StageExecution(CostRow, kw_only=True):
    """One execution of a stage, from `at`; money in the currency of params.yaml, at the rates of that day."""

    __tablename__ = "stage_executions"

    stage: Mapped[str]
    state: Mapped[str] = mapped_column(default="running")  # running, done, failed
    process: Mapped[str]  # machine, id and start of the process that runs it
    run: Mapped[str] = mapped_column(default="", index=True)  # the Airflow run; "" by hand
    mlflow_run: Mapped[str] = mapped_column(default="", index=True)  # of the training that it belongs to, once known
    plan: Mapped[str] = mapped_column(default="")  # digest
    model: Mapped[str] = mapped_column(default="")  # the base model
    seconds: Mapped[float] = mapped_column(default=0.0)
    cpu_seconds: Mapped[float] = mapped_column(default=0.0)  # with child processes
    gpu_seconds: Mapped[float] = mapped_column(default=0.0)  # of all GPUs together
    peak_rss_mib: Mapped[float] = mapped_column(default=0.0)  # of the process until then
    energy_kwh_estimated: Mapped[float] = mapped_column(default=0.0)
    co2_kg_estimated: Mapped[float] = mapped_column(default=0.0)
    cost: Mapped[float] = mapped_column(default=0.0)


class TrainingTiming(CostRow, kw_only=True):
    """How fast a training was: what the next one is forecast from."""

    __tablename__ = "training_timings"

    kind: Mapped[str]  # digest of the base, of the settings that decide on speed, and of the machine
    mlflow_run: Mapped[str] = mapped_column(default="")  # "": a calibration of a few steps
    plan: Mapped[str]  # digest
    tokens: Mapped[float]  # seen by the training, without padding
    heldout_tokens: Mapped[float]  # evaluated once at the end; none in a calibration
    step_seconds: Mapped[float]  # of the optimiser steps alone
    seconds: Mapped[float]  # from loading the base to the last metric
    peak_rss_mib: Mapped[float]
    forecast_seconds: Mapped[float] = mapped_column(default=0.0)  # of the estimate before it; 0: there was none

    @property
    def error(self) -> float | None:
        """How far the estimate was off, as a share of what the training took: 0.1 is 10% too long."""
        return self.forecast_seconds / self.seconds - 1 if self.forecast_seconds else None


class TrainingForecast(CostRow, kw_only=True):
    """What the stage `estimate_cost` expected of a training."""

    __tablename__ = "training_forecasts"

    plan: Mapped[str]  # digest
    seconds: Mapped[float]
    basis: Mapped[str]


class QuantisationResult(CostRow, kw_only=True):
    """How a version answered in one form of its weights: what `make bench B=quantise` measured."""

    __tablename__ = "quantisation_results"

    version: Mapped[str]
    form: Mapped[str]  # int8 or int4
    seconds: Mapped[float]  # per answer, one at a time, by processor time on its threads
    score: Mapped[float]  # mean on held-out questions
    loss_high: Mapped[float]  # the upper end of the interval of what is lost over int8
    questions: Mapped[float]


class AlertEvent(Base, kw_only=True):
    """Something that happened to an alert. `raised`, `escalated` and `digest` are messages, sent to `channels`."""

    __tablename__ = "alert_events"

    number: Mapped[int] = mapped_column(primary_key=True, init=False)
    event: Mapped[str] = mapped_column(default="raised")  # raised, escalated, digest, sent, failed, acknowledged
    at: Mapped[datetime] = mapped_column(index=True)
    message_id: Mapped[str] = mapped_column(default="")
    key: Mapped[str] = mapped_column(default="", index=True)
    severity: Mapped[str] = mapped_column(default="warning")
    text: Mapped[str] = mapped_column(default="")
    template: Mapped[str] = mapped_column(default="")
    link: Mapped[str] = mapped_column(default="")
    channels: Mapped[list[str]] = mapped_column(default_factory=list)
    repeats: Mapped[int] = mapped_column(default=0)  # how often it was seen since `since`, this time included
    since: Mapped[datetime | None] = mapped_column(default=None)
    channel: Mapped[str] = mapped_column(default="")
    by: Mapped[str] = mapped_column(default="")


class LedgerRow(Base, kw_only=True):
    """An entry of the ledger (registry/ledger.py); triggers refuse to change or remove one."""

    __tablename__ = "ledger"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    schema_version: Mapped[int]
    at: Mapped[str]  # ISO 8601, UTC
    event: Mapped[str]
    name: Mapped[str] = mapped_column(index=True)
    version: Mapped[int]
    from_version: Mapped[int]
    by: Mapped[str]
    why: Mapped[str]
    dataset: Mapped[str]
    plan_digest: Mapped[str]
    evidence: Mapped[str]
    model: Mapped[str]
    record: Mapped[dict[str, Any]]
    prev_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)


class LedgerHead(Base, kw_only=True):
    """The newest entry of the ledger, signed with the home's key: the end cannot be cut off unnoticed."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # always 1
    number: Mapped[int]
    hash: Mapped[str]
    signature: Mapped[str]


class ApiKeyRow(Base, kw_only=True):
    """A key of the gateway; only its hash is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (
        Index(
            "uq_api_keys_active_name",
            "name",
            unique=True,
            sqlite_where=text("revoked = 0"),
            postgresql_where=text("revoked = 0"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    models: Mapped[list[str]]  # templates, or versions of them; empty: all
    rate: Mapped[str]  # "60/minute"; empty: unlimited
    created: Mapped[float]
    revoked: Mapped[float] = mapped_column(default=0.0)
    last_used: Mapped[float] = mapped_column(default=0.0)
    updated_ns: Mapped[int] = mapped_column(BigInteger, default_factory=now_ns)  # not of `last_used`


class RouteRow(Base, kw_only=True):
    """Where the requests of a template go (core/routes.py); the gateway follows it."""

    __tablename__ = "routes"

    name: Mapped[str] = mapped_column(primary_key=True)
    champion: Mapped[int]
    document: Mapped[dict[str, Any]]
    updated_ns: Mapped[int] = mapped_column(BigInteger, default_factory=now_ns)


class DeploymentRow(Base, kw_only=True):
    """The deployment of a template that was finished last (serving/deployment_pointer.py)."""

    __tablename__ = "deployments"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    updated_ns: Mapped[int] = mapped_column(BigInteger, default_factory=now_ns)
