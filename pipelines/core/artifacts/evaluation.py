"""The results of an evaluation, and of its review by experts."""

from typing import Literal

from pipelines.core.artifacts.artifact import Artifact

# What answers: the base without passages that were looked up, with them, and with examples too; the champion, if there
# is one; and the challenger.
Arm = Literal["base", "base_retrieval", "few_shot", "champion", "challenger"]


class Comparison(Artifact):
    """The challenger's mean gain over another arm on the same questions, with its paired bootstrap interval."""

    against: Arm
    metric: str
    slice: str  # of the questions; "all" for every one
    questions: int
    clusters: int  # vehicles or codes: what is resampled, since questions about one share their facts
    gain: float
    low: float
    high: float
    confidence: float = 0.95  # of the interval; higher for a slice, so that all slices have it jointly
    detectable: float  # the smallest gain that this many questions would detect in four of five cases


class Behaviour(Artifact):
    """A behaviour test of the kit: how many of its cases passed, and the share that must pass."""

    name: str
    kind: str  # invariance, direction, minimum, refusal or robustness
    cases: int
    passed: int
    min_share: float

    @property
    def ok(self) -> bool:
        """Whether enough of its cases passed."""
        return self.passed >= self.min_share * self.cases


class Evaluation(Artifact):
    """Metrics of every arm on the held-out questions: `metrics[arm][slice][metric]`, comparisons and behaviour tests.

    Slices are all, each kind, topic, source, question length, model year and format of the record. Metrics are
    questions (their number), loss (nats per token), perplexity, and shares from 0 to 1 (score, facts, exact, rouge_l,
    token_f1, bleu, chrf, ...); the outcomes (`pipelines/evaluation/outcomes.py`: judged, right, declined,
    declined_wrongly, wrong_confident, declines_right, safety_critical_wrong, ...); over all questions also latency
    (seconds), tokens_per_second, cost_per_1000, and the confidence from which at most 2% of the answers are wrong
    (confidence_threshold), with the share of questions that are still answered then (coverage). `comparisons` compare
    the challenger with every other arm by the gate's metric, over all questions and in each slice; and by
    wrong_confident, over all questions.
    """

    uri: str  # the folder of the report and every arm's answers
    run_id: str
    champion: int = 0  # the champion's version at the time; 0: none
    metrics: dict[Arm, dict[str, dict[str, float]]]
    comparisons: list[Comparison] = []
    behaviours: list[Behaviour] = []
    changed_share: float = 1.0  # share of questions that the challenger answers differently than its base
    leaked_questions: int = 0  # held-out questions that are also in the training rows


class Review(Artifact):
    """Answers for an expert to score: the MLflow review queue that holds them; `questions` is 0 if there are none."""

    queue: str = ""
    url: str = ""
    questions: int = 0


class ReviewScores(Artifact):
    """The experts' scores: their `mean`, from 1 (wrong or harmful) to 5 (as the expert would have put it)."""

    questions: int = 0
    mean: float = 0.0
