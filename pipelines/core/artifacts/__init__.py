"""The nouns that pass between rooms: where a thing is, what its bytes are, what it counts. Never the data itself.

A noun is JSON: it travels through an XCom, a DVC stage's file or `weaver … --json` unchanged.
"""

from pipelines.core.artifacts.artifact import Noun, read_noun
from pipelines.core.artifacts.datasets import (
    FEEDBACK,
    DataReport,
    DatasetVersion,
    Harvest,
    Preferences,
    Records,
    Splits,
    Validation,
)
from pipelines.core.artifacts.evaluation import Arm, Behaviour, Comparison, Evaluation, Review, Scores
from pipelines.core.artifacts.monitoring import DriftEvent, DriftReport, Signal, SignalKind
from pipelines.core.artifacts.registry import NOBODY, Candidate, Evidence, Promotion, Rule, Verdict
from pipelines.core.artifacts.serving import Champion, Deployment
from pipelines.core.artifacts.training import Adapter, Estimate, Export, Incumbent, Judged

__all__ = [
    "FEEDBACK",
    "NOBODY",
    "Adapter",
    "Arm",
    "Behaviour",
    "Candidate",
    "Champion",
    "Comparison",
    "DataReport",
    "DatasetVersion",
    "Deployment",
    "DriftEvent",
    "DriftReport",
    "Estimate",
    "Evaluation",
    "Evidence",
    "Export",
    "Harvest",
    "Incumbent",
    "Judged",
    "Noun",
    "Preferences",
    "Promotion",
    "Records",
    "Review",
    "Rule",
    "Scores",
    "Signal",
    "SignalKind",
    "Splits",
    "Validation",
    "Verdict",
    "read_noun",
]
