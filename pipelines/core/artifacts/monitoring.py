"""How far the world has moved."""

from typing import Any, Literal

from pipelines.core.artifacts.artifact import Artifact

SignalKind = Literal["text", "embedding", "answers", "quality", "tabular", "schema"]


class Signal(Artifact):
    """One comparison of a window with what is normal: how far apart, and how surely.

    `value` is the effect in the unit of its statistic (wasserstein: standard deviations; psi; cosine; share: the rise
    of a share), `threshold` the least that counts. A p-value of None is of what was counted, not inferred.
    """

    name: str
    kind: SignalKind
    statistic: Literal["wasserstein", "psi", "cosine", "share", "schema"]
    value: float
    threshold: float
    p_value: float | None = None
    reference: int  # rows
    current: int
    violated: bool = False  # its window was held to the policy: large enough, and sure enough among all its signals
    note: str = ""


class DriftEvent(Artifact):
    """Why a retraining is started: the `extra` of the asset event."""

    template: str
    reason: str
    signals: list[str] = []
    config: dict[str, Any] = {}  # the suggested change of the plan: section.key → value
    since: str = ""  # of the windows that it rests on; ISO 8601, UTC
    until: str = ""
    records: str = ""  # the digest of the collected rows that it rests on, if it does
    link: str = ""  # the report


class DriftReport(Artifact):
    """What monitoring found at its last look. Times are ISO 8601, UTC; empty where nothing was measured."""

    name: str
    version: int
    since: str = ""  # the newest window that says something
    until: str = ""
    rows: int = 0
    sampled: int = 0
    against: Literal["", "requests", "dataset"] = ""
    signals: list[Signal] = []
    incoming: list[Signal] = []  # of the newly collected rows against the champion's dataset
    windows: int = 0  # that say something, and have the same reference
    fired: list[str] = []
    waiting: str = ""  # why what fired starts nothing now
    event: DriftEvent | None = None
    url: str = ""  # the newest report in MLflow
