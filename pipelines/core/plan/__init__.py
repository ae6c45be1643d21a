"""The TrainingPlan: everything one run does, merged, validated once, and frozen."""

from typing import Any

from pipelines.core.files import digest
from pipelines.core.plan.datasets import Contract, Data, Privacy, Refine, Step, Treatment
from pipelines.core.plan.evaluation import Evaluate, Gate, Metric, Review
from pipelines.core.plan.monitoring import Drift, Feedback
from pipelines.core.plan.operation import Approval, Budget, Costs, Schedule
from pipelines.core.plan.section import Section
from pipelines.core.plan.serving import GGUF, BackendName, Deployment, Serving
from pipelines.core.plan.training import Base, Judge, Preference, Train

__all__ = [
    "GGUF",
    "TUNABLE",
    "Approval",
    "BackendName",
    "Base",
    "Budget",
    "Contract",
    "Costs",
    "Data",
    "Deployment",
    "Drift",
    "Evaluate",
    "Feedback",
    "Gate",
    "Judge",
    "Metric",
    "Preference",
    "Privacy",
    "Refine",
    "Review",
    "Schedule",
    "Section",
    "Serving",
    "Step",
    "Train",
    "TrainingPlan",
    "Treatment",
]


class TrainingPlan(Section):
    template: str
    profile: str
    system_prompt: str
    questions: list[str]
    contract: Contract
    data: Data
    refine: Refine
    privacy: Privacy
    base: Base
    train: Train
    judge: Judge
    preference: Preference
    evaluate: Evaluate
    gate: Gate
    review: Review
    feedback: Feedback
    deployment: Deployment

    def digest(self, *sections: str) -> str:
        """SHA-256 of the plan, or of some of its sections: what a stage's result depends on; 64 hex digits."""
        values = self.model_dump()
        return digest({section: values[section] for section in sections or values})

    def flat(self) -> dict[str, Any]:
        """`section.key → value`: the spelling of MLflow parameters, trigger forms and `--set`."""
        values: dict[str, Any] = {}
        for name, value in self.model_dump().items():
            values.update(
                {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
            )
        return values


TUNABLE = (
    "data",
    "refine",
    "privacy",
    "base",
    "train",
    "judge",
    "preference",
    "evaluate",
    "gate",
    "review",
    "feedback",
    "deployment",
)
