"""Artifacts of the registry: what gate and reviewers decide about a challenger."""

from typing import Any, Literal

from pipelines.core.artifacts.artifact import Artifact

NOBODY = "nobody"  # `by` of a decision that no person made in time


class Candidate(Artifact):
    """A version of a registered MLflow model."""

    name: str
    version: int
    run_id: str


class Rule(Artifact):
    """One line of a verdict: the rule as a sentence, what was measured, its limit, and the evidence in words."""

    name: str
    figure: float
    limit: float
    unit: str = ""  # of figure and limit: percentage points, %, seconds, of 5, a currency; empty for a count
    passed: bool
    required: bool = True  # false: reported only; failing it stops nothing
    evidence: str = ""


class Verdict(Artifact):
    """The result of the gate: every rule, and a reason in one sentence."""

    passed: bool
    rules: list[Rule]
    reason: str


class Evidence(Artifact):
    """What a promotion is based on: `uri` is a signed folder (cards, plan, metrics, verdict, SBOM, licences)."""

    uri: str
    digest: str


class Decision(Artifact):
    """What a person decided at an approval, with the records that prove it; NOBODY where no answer came in time."""

    approved: bool
    by: str
    why: str
    record: dict[str, Any] = {}  # the question as it was shown, the answer, and the audit log's entry


class Promotion(Artifact):
    """Who made which version the champion, when and why; `from_version` is 0 for the first."""

    name: str
    from_version: int
    to_version: int
    by: str
    at: str  # ISO 8601, UTC
    why: str
    kind: Literal["promotion", "rollback"] = "promotion"
