"""The nouns that pass between rooms: where a thing is, what its bytes are, what it counts. Never the data itself.

A noun is JSON: it travels through an XCom, a DVC stage's file or `weaver … --json` unchanged.
"""

from pipelines.artifacts.datasets import (
    FEEDBACK,
    DataReport,
    DatasetVersion,
    Harvest,
    Preferences,
    Records,
    Splits,
    Validation,
)
from pipelines.artifacts.evaluation import Arm, Behaviour, Comparison, Evaluation, Review, Scores
from pipelines.artifacts.monitoring import DriftEvent, DriftReport, Signal, SignalKind
from pipelines.artifacts.noun import Noun, read_noun
from pipelines.artifacts.registry import NOBODY, Candidate, Evidence, Promotion, Rule, Verdict
from pipelines.artifacts.serving import Champion, Deployment
from pipelines.artifacts.training import Adapter, Estimate, Export, Incumbent, Judged

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
