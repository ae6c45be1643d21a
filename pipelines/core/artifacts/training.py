"""What a training takes, and what comes out of it."""

from typing import Any

from pipelines.core.artifacts.artifact import Artifact


class Estimate(Artifact):
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


class Adapter(Artifact):
    """A LoRA adapter in safetensors, as peft saves it, and the MLflow run that made it."""

    uri: str
    digest: str
    base_model: str
    base_digest: str
    run_id: str


class JudgedPairs(Artifact):
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


class ChampionModel(Artifact):
    """What a challenger has to beat: the registered champion. Version 0 and no adapter where there is none yet."""

    name: str
    version: int = 0
    adapter: Adapter | None = None
    base: dict[str, Any] = {}  # the plan's section `base` that it was trained over
    deployment: dict[str, Any] = {}  # and its section `deployment`: the form that it is served in


class Export(Artifact):
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
