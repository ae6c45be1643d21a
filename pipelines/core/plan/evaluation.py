"""The sections on evaluation: which questions are asked, and what a challenger must show."""

from typing import Literal

from pydantic import Field

from pipelines.core.plan.section import Section


class Evaluate(Section):
    questions: int = Field(0, ge=0, description="held-out questions to ask, evenly over topics; 0 asks all")
    batch_size: int = Field(32, ge=1)
    max_new_tokens: int = Field(48, ge=1)
    few_shot: int = Field(3, ge=1, description="training examples that the few-shot arm is shown before each question")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals of the paired differences")
    resamples: int = Field(9_999, ge=99, description="bootstrap resamples an interval")


Metric = Literal["score", "facts", "exact", "token_f1", "rouge_l", "bleu", "chrf"]


class Gate(Section):
    """What a challenger must prove before a person is asked: gains are of the lower end of the paired interval."""

    metric: Metric = Field(
        "score", description="what is compared; score: facts right, or token F1 where none are known"
    )
    gain_over_base: float = Field(0.05, ge=-1, le=1, description="the lower end of the gain must be above this")
    gain_over_few_shot: float = Field(0.0, ge=-1, le=1, description="the same, over base with examples in the prompt")
    gain_over_champion: float = Field(0.0, ge=-1, le=1, description="the same, over the champion, where there is one")
    max_loss_ratio: float = Field(0.5, gt=0, description="challenger's held-out loss over base's")
    max_slice_drop: float = Field(0.05, ge=0, le=1, description="a slice may not be proven worse than champion by more")
    min_slice_questions: int = Field(10, ge=1, description="a smaller slice says nothing")
    floors: dict[str, float] = Field(default_factory=dict, description="slice → the least the metric may be in it")
    behaviours: Literal["required", "reported"] = Field("required", description="reported: a failed one stops nothing")
    min_changed: float = Field(0.01, ge=0, le=1, description="share of answers that must differ from base's")
    max_seconds: float = Field(30.0, gt=0, description="an answer's 95th percentile, asked one at a time")
    max_cost: float = Field(10.0, gt=0, description="of 1,000 answers, at costs.machine_hour")
    min_review: float = Field(
        3.5, ge=1, le=5, description="the experts' mean score, where review.questions asks for one"
    )


class Review(Section):
    """Whether an expert scores answers before the gate."""

    questions: int = Field(0, ge=0, le=100, description="answers that wait in MLflow's review queue; 0 asks nobody")
