"""Artifacts of the training stages: estimate, adapter, preference pairs, export."""

from typing import Any

from pipelines.core.artifacts.artifact import Artifact


class Estimate(Artifact):
    """The forecast of the rest of a run, and the limits that it would exceed.

    Times are seconds; costs are in the currency of params.yaml.
    """

    steps: int
    tokens: int  # of the training, over all epochs, without padding
    training_seconds: float  # of the fine_tune stage
    low: float  # the interval of training_seconds
    high: float
    basis: str  # what the forecast is based on, in words
    stages: dict[str, float]  # the other stages that follow, by the median of earlier runs → seconds
    memory_gib: float  # of the process that trains
    cost: float  # of training and the stages that follow
    currency: str
    spent_this_month: float = 0.0  # by the template's runs in this calendar month (UTC)
    over: list[str] = []  # the limits that would be exceeded, one sentence each; empty: within the budget


class Adapter(Artifact):
    """A LoRA adapter in safetensors, as peft saves it, and the MLflow run that made it."""

    uri: str
    digest: str
    base_model: str
    base_digest: str
    run_id: str


class JudgedPairs(Artifact):
    """Preference pairs from judged answers of the champion.

    `uri` is a folder holding preferences.jsonl (see PreferenceDataset) and judged.jsonl with every verdict; empty if
    nothing was judged. Shares are from 0 to 1.
    """

    uri: str = ""
    digest: str = ""
    pairs: int = 0
    ties: int = 0
    by_facts: int = 0  # pairs decided by facts
    by_model: int = 0  # pairs decided by the judge model
    flipped: int = 0  # verdicts that changed with the order of the answers; they give no pair
    position_bias: float = 0.0  # share of the judge model's verdicts that flipped, known pairs included
    kappa: float = 0.0  # agreement with known pairs (Cohen's kappa); below judge.min_kappa the judge model is not used
    agreement: float = 0.0


class ChampionModel(Artifact):
    """The registered champion, which a challenger must beat. Version 0 and no adapter if there is none yet."""

    name: str
    version: int = 0
    adapter: Adapter | None = None
    base: dict[str, Any] = {}  # the plan's section `base` that it was trained over
    deployment: dict[str, Any] = {}  # the plan's section `deployment`: the format in which it is served


class Export(Artifact):
    """The adapter merged into its base, in the format that its backends load.

    `champion_uri` is the champion, merged in the same way; empty if there is none.
    """

    uri: str
    digest: str
    base_uri: str
    adapter: Adapter
    champion_uri: str = ""
    champion_digest: str = ""
    champion_version: int = 0
