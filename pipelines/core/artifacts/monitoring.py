"""Artifacts of monitoring: how far requests, answers and rows have drifted."""

from typing import Any, Literal

from pipelines.core.artifacts.artifact import Artifact

SignalKind = Literal["text", "embedding", "answers", "quality", "tabular", "schema", "knowledge"]


class Signal(Artifact):
    """One comparison of a window with the reference: the size of the difference, and its p-value.

    `value` is the effect in the unit of its statistic (wasserstein: standard deviations; psi; cosine; share: the rise
    of a share), `threshold` the lowest that counts. A p-value of None belongs to what was counted, not inferred.
    """

    name: str
    kind: SignalKind
    statistic: Literal["wasserstein", "psi", "cosine", "share", "schema"]
    value: float
    threshold: float
    p_value: float | None = None
    reference: int  # rows
    current: int
    violated: bool = False  # above the threshold, and significant among all signals of its window
    note: str = ""


class DriftEvent(Artifact):
    """The reason for a retraining: the `extra` of the asset event that starts it."""

    template: str
    reason: str
    signals: list[str] = []
    config: dict[str, Any] = {}  # the suggested change of the plan: section.key → value
    since: str = ""  # of the windows that show the drift; ISO 8601, UTC
    until: str = ""
    records: str = ""  # digest of the collected rows that show the drift; empty: requests do
    link: str = ""  # the report


class DriftReport(Artifact):
    """The result of a drift check. Times are ISO 8601, UTC; empty where nothing was measured."""

    name: str
    version: int
    since: str = ""  # the newest window that is large enough
    until: str = ""
    rows: int = 0
    sampled: int = 0
    against: Literal["", "requests", "dataset"] = ""
    signals: list[Signal] = []
    incoming: list[Signal] = []  # of the newly collected rows against the champion's dataset
    windows: int = 0  # that are large enough, and have the same reference
    fired: list[str] = []
    waiting: str = ""  # why no retraining starts although signals fired
    event: DriftEvent | None = None
    url: str = ""  # the newest report in MLflow
