"""The TrainingPlan: everything one run does, merged, validated once, and frozen."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from pipelines.core.files import digest
from pipelines.core.plan.datasets import Contract, Data, Privacy, Refine, Step, Treatment
from pipelines.core.plan.evaluation import Evaluate, Gate, Metric, Review
from pipelines.core.plan.knowledge import Knowledge
from pipelines.core.plan.monitoring import Drift, Feedback
from pipelines.core.plan.operation import Approval, Budget, Costs, Schedule
from pipelines.core.plan.section import Section
from pipelines.core.plan.serving import GGUF, BackendName, Deployment, Serving
from pipelines.core.plan.training import Base, Judge, Preference, Train

__all__ = [
    "GGUF",
    "OPERATIONAL",
    "SAFEGUARDS",
    "SAFEGUARD_KEYS",
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
    "Knowledge",
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
    "model_settings",
]


class TrainingPlan(Section):
    """One run's configuration: template, params.yaml and overrides, read once when the run starts.

    Stages read their configuration from here alone: a template that is edited during a run changes the next run.
    """

    template: str
    profile: str
    experiment: bool = Field(False, description="it changes a safeguard for one run; its model is never promoted")
    title: str
    purpose: str
    owner: str
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
    drift: Drift
    approval: Approval
    budget: Budget
    serving: Serving
    knowledge: Knowledge = Knowledge()
    costs: Costs

    def digest(self, *sections: str) -> str:
        """SHA-256 of some of the plan's sections: what a stage's result depends on; 64 hex digits.

        Args:
            sections: fields of the plan; without any, all that a model depends on.

        Raises:
            ValueError: the plan has no such section.
        """
        if unknown := set(sections) - set(type(self).model_fields):
            raise ValueError(f"the plan has no section {', '.join(sorted(unknown))}")
        return digest(self.model_dump(include=set(sections)) if sections else model_settings(self.model_dump()))

    def flat(self) -> dict[str, Any]:
        """`section.key → value`, without OPERATIONAL: the spelling of MLflow parameters, trigger forms and `--set`."""
        values: dict[str, Any] = {}
        for name, value in self.model_dump(exclude=OPERATIONAL).items():
            values.update(
                {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
            )
        return values


# How a model is described, watched, approved and paid for, and what it looks up: changing it retrains nothing.
USUAL_SENTENCE = Knowledge().decline_sentence
OPERATIONAL = {"title", "purpose", "owner", "drift", "approval", "budget", "serving", "knowledge", "costs"}


def model_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of a plan's values a model depends on: all but OPERATIONAL, and the decline sentence, a part of its prompt.

    The usual sentence is left out, so that plans that were digested before there was one keep their digest.
    """
    declines_by = values.get("knowledge", {}).get("decline_sentence", USUAL_SENTENCE)
    changed = {} if declines_by == USUAL_SENTENCE else {"decline_sentence": declines_by}
    return {key: value for key, value in values.items() if key not in OPERATIONAL} | changed


# Changed in the template by its owner, never for one run: they decide whether a model may answer customers.
SAFEGUARDS = ("gate", "review", "privacy", "approval", "budget")
SAFEGUARD_KEYS = ("evaluate.confidence",)  # of the intervals that the gate goes by
# What a trigger form calls the sections.
SECTION_TITLES = {
    "data": "Data source",
    "refine": "Refinement",
    "privacy": "Personal data",
    "base": "Base model",
    "train": "Fine-tuning (QLoRA)",
    "judge": "Judging of answers (RLAIF)",
    "preference": "Training on preferences (DPO)",
    "evaluate": "Evaluation",
    "gate": "Gate",
    "review": "Expert review",
    "feedback": "Feedback",
    "deployment": "Deployment",
}
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
