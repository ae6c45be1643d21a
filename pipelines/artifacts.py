"""The nouns that pass between rooms: where a thing is, what its bytes are, what it counts. Never the data itself.

A noun is JSON: it travels through an XCom, a DVC stage's file or `weaver … --json` unchanged.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from pipelines.errors import WeaverError
from pipelines.files import write_text

Arm = Literal["base", "few_shot", "champion", "challenger"]  # who answers the held-out questions; champion may be none
FEEDBACK = "feedback"  # the source of rows that people's corrections came to
SignalKind = Literal["text", "embedding", "answers", "quality", "tabular", "schema"]
NOBODY = "nobody"  # who decided where no person did in time


class Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")  # a NaN is read as it was

    def save(self, path: Path) -> Self:
        write_text(path, self.model_dump_json(indent=1) + "\n")
        return self


def read_noun(path: Path, made_by: str) -> dict[str, Any]:
    """A noun's JSON from its file; `made_by` is the command that writes it, for whoever has not run it yet."""
    if not path.exists():
        raise WeaverError(f"{path} does not exist yet", f"Run `{made_by}` first.")
    return json.loads(path.read_text())


class Harvest(Noun):
    """What people's opinions teach: `uri` is a folder holding rows.jsonl, preferences.jsonl and refused.jsonl.

    `digest` is of the first two; empty, as `uri`, where nobody has said anything.
    """

    uri: str = ""
    digest: str = ""
    opinions: int = 0
    rows: int = 0
    preferences: int = 0
    refused: dict[str, int] = {}  # reason → opinions


class Records(Noun):
    """Collected rows: `uri` is a folder holding records.jsonl."""

    uri: str
    digest: str
    rows: int
    sources: dict[str, str]  # where the rows come from → package version or file digest


class Validation(Noun):
    """Records that met their contract: `uri` is a folder holding the suite, its result and the Data Docs."""

    uri: str
    records: Records
    expectations: int


class Splits(Noun):
    """Refined rows: `uri` is a folder holding train.jsonl, heldout.jsonl and dropped.jsonl."""

    uri: str
    digest: str
    rows: dict[str, int]  # per split
    dropped: dict[str, int]  # per reason

    @property
    def report(self) -> Path:
        """The folder where the report stage draws what became of the rows: not in `uri`, whose bytes DVC watches."""
        folder = Path(self.uri)
        return folder.parents[1] / "report" / folder.name


class DataReport(Noun):
    """How rows became a dataset, as pages: `uri` is a folder holding report.html and what it links to."""

    uri: str


class DatasetVersion(Noun):
    """An accepted dataset, committed and tagged in the data registry; `uri` holds train.jsonl and heldout.jsonl."""

    name: str
    version: int
    uri: str
    digest: str
    rows: dict[str, int]
    report: str = ""  # the folder where the report stage draws how these rows came about

    @property
    def tag(self) -> str:
        return f"{self.name}@v{self.version}"


class Preferences(Noun):
    """Pairs of answers of which one is preferred, tagged in the data registry; `uri` holds preferences.jsonl.

    Version 0 where there are none. A row is prompt (messages), chosen, rejected and source.
    """

    name: str
    version: int = 0
    uri: str = ""
    digest: str = ""
    rows: int = 0

    @property
    def tag(self) -> str:
        return f"{self.name}@v{self.version}"


class Estimate(Noun):
    """What a run is forecast to take from here on, and the limits that this exceeds. Seconds; money in the currency of
    params.yaml."""

    steps: int
    tokens: int  # that training sees, over all epochs, without padding
    training_seconds: float  # of the fine_tune stage
    low: float  # the interval of training_seconds
    high: float
    basis: str  # what the forecast rests on, in words
    stages: dict[str, float]  # the other stages that follow, by the median of earlier runs → seconds
    memory_gib: float  # of the process that trains
    cost: float  # of training and the stages that follow
    currency: str
    spent_this_month: float = 0.0  # by the template's stages, since the month began (UTC)
    over: list[str] = []  # the limits that would be exceeded, a sentence each; none: within the budget


class Adapter(Noun):
    """A LoRA adapter in safetensors, as peft saves it, and the MLflow run that made it."""

    uri: str
    digest: str
    base_model: str
    base_digest: str
    run_id: str


class Judged(Noun):
    """What the judge made of the champion's own answers: `uri` is a folder holding preferences.jsonl, as Preferences
    has it, and judged.jsonl with every verdict; empty where nothing was judged. Shares are from 0 to 1."""

    uri: str = ""
    digest: str = ""
    pairs: int = 0
    ties: int = 0
    by_facts: int = 0  # pairs that the facts decided
    by_model: int = 0  # and those that the judge's model did
    flipped: int = 0  # verdicts that changed with the order of the answers: of them, no pair comes
    position_bias: float = 0.0  # share of what the model saw that flipped, known pairs included
    kappa: float = 0.0  # the model's agreement with the labels of known pairs: under judge.min_kappa it has no say
    agreement: float = 0.0


class Incumbent(Noun):
    """What a challenger has to beat: the registered champion. Version 0 and no adapter where there is none yet."""

    name: str
    version: int = 0
    adapter: Adapter | None = None
    base: dict[str, Any] = {}  # the plan's section `base` that it was trained over
    deployment: dict[str, Any] = {}  # and its section `deployment`: the form that it is served in


class Export(Noun):
    """What will be served: the adapter merged into the base it was trained on, in the form that its backends load.

    `champion_uri` is the incumbent, merged the same way; empty where there is none.
    """

    uri: str
    digest: str
    base_uri: str
    adapter: Adapter
    champion_uri: str = ""
    champion_digest: str = ""
    champion_version: int = 0


class Comparison(Noun):
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


class Behaviour(Noun):
    """A behaviour test of the kit: how many of its cases passed, and the share that must."""

    name: str
    kind: str  # invariance, direction, minimum, refusal or robustness
    cases: int
    passed: int
    min_share: float

    @property
    def ok(self) -> bool:
        return self.passed >= self.min_share * self.cases


class Evaluation(Noun):
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


class Review(Noun):
    """Answers put before an expert: the MLflow review queue that holds them; `questions` is 0 where none were asked."""

    queue: str = ""
    url: str = ""
    questions: int = 0


class Scores(Noun):
    """What the experts gave: `mean` of 1 (wrong or harmful) to 5 (as I would have said it)."""

    questions: int = 0
    mean: float = 0.0


class Candidate(Noun):
    """A version of a registered MLflow model."""

    name: str
    version: int
    run_id: str


class Rule(Noun):
    """One line of a verdict: a figure, the limit it was held to, whether it passed, and the evidence in words."""

    name: str
    figure: float
    limit: float
    passed: bool
    evidence: str = ""


class Verdict(Noun):
    passed: bool
    rules: list[Rule]
    reason: str


class Evidence(Noun):
    """What a promotion is founded on: `uri` is a signed folder (cards, plan, metrics, verdict, SBOM, licences)."""

    uri: str
    digest: str


class Promotion(Noun):
    """Who made which version the champion, when and why; `from_version` is 0 for the first."""

    name: str
    from_version: int
    to_version: int
    by: str
    at: str  # ISO 8601, UTC
    why: str
    kind: Literal["promotion", "rollback"] = "promotion"


class Deployment(Noun):
    """The model that answers: `uri` is its signed folder in this machine's model store; `backends` have it loaded."""

    name: str
    version: int
    backends: list[str]
    uri: str
    digest: str
    canaries: dict[str, dict[str, float]] = {}  # backend → what it showed before it was sent any traffic


class Champion(Noun):
    """The version that answers, as the ledger has it; version 0 where none does. Times are epoch seconds."""

    name: str
    version: int = 0
    since: float = 0.0  # when it came to answer
    dataset: str = ""  # the tag of what it was trained on
    trained: float = 0.0  # when the newest version was registered, champion or not


class Signal(Noun):
    """One comparison of a window with what is normal: how far apart, and how surely.

    `value` is the effect in the unit of its statistic (wasserstein: standard deviations; psi; cosine; share: the rise
    of a share), `threshold` the least that counts. A p-value of None is of what was counted, not inferred.
    """

    name: str
    kind: SignalKind
    statistic: Literal["wasserstein", "psi", "cosine", "share", "schema"]
    value: float
    threshold: float
    p_value: float | None = None
    reference: int  # rows
    current: int
    violated: bool = False  # its window was held to the policy: large enough, and sure enough among all its signals
    note: str = ""


class DriftEvent(Noun):
    """Why a retraining is started: the `extra` of the asset event."""

    template: str
    reason: str
    signals: list[str] = []
    config: dict[str, Any] = {}  # the suggested change of the plan: section.key → value
    since: str = ""  # of the windows that it rests on; ISO 8601, UTC
    until: str = ""
    records: str = ""  # the digest of the collected rows that it rests on, if it does
    link: str = ""  # the report


class DriftReport(Noun):
    """What monitoring found at its last look. Times are ISO 8601, UTC; empty where nothing was measured."""

    name: str
    version: int
    since: str = ""  # the newest window that says something
    until: str = ""
    rows: int = 0
    sampled: int = 0
    against: Literal["", "requests", "dataset"] = ""
    signals: list[Signal] = []
    incoming: list[Signal] = []  # of the newly collected rows against the champion's dataset
    windows: int = 0  # that say something, and have the same reference
    fired: list[str] = []
    waiting: str = ""  # why what fired starts nothing now
    event: DriftEvent | None = None
    url: str = ""  # the newest report in MLflow
