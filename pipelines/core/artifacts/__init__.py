"""The artifacts that stages hand to each other: where data are, the digest of their bytes, counts. Never the data.

An artifact is JSON: it travels through an XCom, a DVC stage's file or `weaver … --json` unchanged.
"""

from pipelines.core.artifacts.artifact import Artifact, read_artifact
from pipelines.core.artifacts.datasets import (
    FEEDBACK,
    CollectedFeedback,
    DataReport,
    DatasetVersion,
    PreferenceDataset,
    Records,
    Splits,
    Validation,
)
from pipelines.core.artifacts.evaluation import Arm, Behaviour, Comparison, Evaluation, Review, ReviewScores
from pipelines.core.artifacts.knowledge import IndexBuild, IndexMetric, IndexVerdict
from pipelines.core.artifacts.monitoring import DriftEvent, DriftReport, Signal, SignalKind
from pipelines.core.artifacts.registry import NOBODY, Candidate, Decision, Evidence, Promotion, Rule, Verdict
from pipelines.core.artifacts.serving import DeployedVersion, Deployment
from pipelines.core.artifacts.training import Adapter, ChampionModel, Estimate, Export, JudgedPairs

__all__ = [
    "FEEDBACK",
    "NOBODY",
    "Adapter",
    "Arm",
    "Artifact",
    "Behaviour",
    "Candidate",
    "ChampionModel",
    "CollectedFeedback",
    "Comparison",
    "DataReport",
    "DatasetVersion",
    "Decision",
    "DeployedVersion",
    "Deployment",
    "DriftEvent",
    "DriftReport",
    "Estimate",
    "Evaluation",
    "Evidence",
    "Export",
    "IndexBuild",
    "IndexMetric",
    "IndexVerdict",
    "JudgedPairs",
    "PreferenceDataset",
    "Promotion",
    "Records",
    "Review",
    "ReviewScores",
    "Rule",
    "Signal",
    "SignalKind",
    "Splits",
    "Validation",
    "Verdict",
    "read_artifact",
]
