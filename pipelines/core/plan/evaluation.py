"""The sections on evaluation: which questions are asked, and what a challenger must show."""

from typing import Literal

from pydantic import Field

from pipelines.core.plan.section import Section


class Evaluate(Section):
    """How the held-out questions are asked, and how answers are compared."""

    questions: int = Field(0, ge=0, description="held-out questions that are asked, evenly over topics; 0: all")
    batch_size: int = Field(32, ge=1, description="questions per forward pass")
    max_new_tokens: int = Field(48, ge=1, description="longest answer, tokens")
    few_shot: int = Field(3, ge=1, title="Few-shot", description="examples in the prompt of the few-shot base model")
    target_risk: float = Field(
        0.02,
        gt=0,
        le=1,
        description="highest share of wrong ones among the model's own answers that are sent: those of less confidence "
        "are declined, by a threshold that held-out questions calibrate; 1: all are sent",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="confidence of the intervals of paired differences")
    resamples: int = Field(9_999, ge=99, description="bootstrap resamples per interval")


Metric = Literal["score", "facts", "exact", "token_f1", "rouge_l", "bleu", "chrf"]


class Gate(Section):
    """What a challenger must show before a reviewer is asked. A gain is the lower end of its paired interval."""

    metric: Metric = Field(
        "score",
        description="metric that is compared; score: share of essential and safety-critical facts right, or token F1 "
        "without known facts",
    )
    gain_over_base: float = Field(0.05, ge=-1, le=1, description="gain over the base model that must be exceeded")
    gain_over_retrieval: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="gain over the base model with the passages that were looked up that must be exceeded",
    )
    gain_over_few_shot: float = Field(
        0.0, ge=-1, le=1, description="gain over the base model with examples in its prompt that must be exceeded"
    )
    gain_over_champion: float = Field(
        0.0, ge=-1, le=1, description="gain over the champion, if there is one, that must be exceeded"
    )
    max_loss_ratio: float = Field(0.5, gt=0, description="highest held-out loss, as a share of the base model's")
    max_slice_drop: float = Field(
        0.05, ge=0, le=1, description="by how much a slice of the questions may get worse than with the champion"
    )
    min_slice_questions: int = Field(10, ge=1, description="questions that a slice needs to be compared")
    floors: dict[str, float] = Field(default_factory=dict, description="lowest value of the metric per slice")
    max_wrong_confident: float = Field(
        0.03, ge=0, le=1, description="highest share of answers that are wrong and do not decline"
    )
    max_wrong_confident_rise: float = Field(
        0.0,
        ge=0,
        le=1,
        description="by how much answers may be proven wrong and confident more often than the champion's",
    )
    max_safety_critical_wrong: int = Field(
        0, ge=0, description="answers that may lack a safety-critical fact without declining"
    )
    min_declines_right: float = Field(
        0.95, ge=0, le=1, description="lowest share of declined questions among those that are to be declined"
    )
    behaviours: Literal["required", "reported"] = Field(
        "required", description="behaviour tests; reported: a failed test does not fail the gate"
    )
    min_changed: float = Field(0.01, ge=0, le=1, description="share of answers that must differ from the base model's")
    max_seconds: float = Field(30.0, gt=0, description="highest 95th percentile of the latency of one answer, seconds")
    max_cost: float = Field(10.0, gt=0, description="highest cost of 1,000 answers, in the currency of params.yaml")
    min_review: float = Field(
        3.5, ge=1, le=5, description="lowest mean score of the experts (1 to 5), if review.questions asks for scores"
    )


class Review(Section):
    """Whether an expert scores answers before the gate."""

    questions: int = Field(0, ge=0, le=100, description="answers put into MLflow's review queue; 0: no expert is asked")
