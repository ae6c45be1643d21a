"""How good a challenger is, in figures and to experts."""

from typing import Literal

from pipelines.core.artifacts.artifact import Artifact

Arm = Literal["base", "few_shot", "champion", "challenger"]  # who answers the held-out questions; champion may be none


class Comparison(Artifact):
    """The challenger's mean gain over another arm on the same questions, with its paired bootstrap interval."""

    against: Arm
    metric: str
    part: str  # the slice of questions it is taken over; "all" for every one
    questions: int
    clusters: (
        int  # vehicles or codes that the questions are about: what is resampled, since their questions share facts
    )
    gain: float
    low: float
    high: float
    confidence: float = 0.95  # of the interval; each slice's is higher, so that all slices' hold together
    detectable: float  # the smallest gain that so many questions would show in four of five cases


class Behaviour(Artifact):
    """A behaviour test of the kit: how many of its cases passed, and the share that must."""

    name: str
    kind: str  # invariance, direction, minimum, refusal or robustness
    cases: int
    passed: int
    min_share: float

    @property
    def ok(self) -> bool:
        return self.passed >= self.min_share * self.cases


class Evaluation(Artifact):
    """Held-out figures of every arm: `figures[arm][slice][metric]`, what they come to, and how the challenger behaves.

    Slices are all, each kind, topic, source, length and year; metrics are questions, loss (nats a token), perplexity
    and shares from 0 to 1 (score, facts, exact, rouge_l, token_f1, bleu, chrf, ...); over all also latency (seconds),
    tokens and cost. `comparisons` hold the challenger to every other arm, over all and in each slice.
    """

    uri: str  # the folder of the report and every arm's answers
    run_id: str
    champion: int = 0  # the version that was the champion then; 0: none
    figures: dict[Arm, dict[str, dict[str, float]]]
    comparisons: list[Comparison] = []
    behaviours: list[Behaviour] = []
    changed: float = 1.0  # share of questions that the challenger answers otherwise than its base
    leaks: int = 0  # held-out questions whose twin stands in training


class Review(Artifact):
    """Answers put before an expert: the MLflow review queue that holds them; `questions` is 0 where none were asked."""

    queue: str = ""
    url: str = ""
    questions: int = 0


class ReviewScores(Artifact):
    """What the experts gave: `mean` of 1 (wrong or harmful) to 5 (as I would have said it)."""

    questions: int = 0
    mean: float = 0.0
