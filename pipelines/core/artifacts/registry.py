"""What is decided about a challenger, by the gate and by a person."""

from typing import Literal

from pipelines.core.artifacts.artifact import Artifact

NOBODY = "nobody"  # who decided where no person did in time


class Candidate(Artifact):
    """A version of a registered MLflow model."""

    name: str
    version: int
    run_id: str


class Rule(Artifact):
    """One line of a verdict: a figure, the limit it was held to, whether it passed, and the evidence in words."""

    name: str
    figure: float
    limit: float
    passed: bool
    evidence: str = ""


class Verdict(Artifact):
    passed: bool
    rules: list[Rule]
    reason: str


class Evidence(Artifact):
    """What a promotion is founded on: `uri` is a signed folder (cards, plan, metrics, verdict, SBOM, licences)."""

    uri: str
    digest: str


class Promotion(Artifact):
    """Who made which version the champion, when and why; `from_version` is 0 for the first."""

    name: str
    from_version: int
    to_version: int
    by: str
    at: str  # ISO 8601, UTC
    why: str
    kind: Literal["promotion", "rollback"] = "promotion"
