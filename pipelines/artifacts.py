"""The nouns that pass between rooms: where a thing is, what its bytes are, what it counts. Never the data itself.

A noun is JSON: it travels through an XCom, a DVC stage's file or `weaver … --json` unchanged.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from pipelines.errors import WeaverError
from pipelines.files import write_text

Arm = Literal["base", "challenger"]


class Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def save(self, path: Path) -> Self:
        write_text(path, self.model_dump_json(indent=1) + "\n")
        return self


def read_noun(path: Path, made_by: str) -> dict[str, Any]:
    """A noun's JSON from its file; `made_by` is the command that writes it, for whoever has not run it yet."""
    if not path.exists():
        raise WeaverError(f"{path} does not exist yet", f"Run `{made_by}` first.")
    return json.loads(path.read_text())


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


class Adapter(Noun):
    """A LoRA adapter in safetensors, as peft saves it, and the MLflow run that made it."""

    uri: str
    digest: str
    base_model: str
    base_digest: str
    run_id: str


class Export(Noun):
    """What will be served: the adapter merged into the base it was trained on; both are folders transformers loads."""

    uri: str
    digest: str
    base_uri: str
    adapter: Adapter


class Evaluation(Noun):
    """Held-out figures of an export and its base: `figures[arm][slice][metric]`.

    Slices are all, grounded, knowledge and each topic; metrics are questions, loss (nats a token), perplexity,
    facts, rouge_l, token_f1 (shares) and, over all, latency (seconds an answer, one at a time).
    """

    uri: str  # the folder of answers.jsonl and the plot
    run_id: str
    figures: dict[Arm, dict[str, dict[str, float]]]


class Candidate(Noun):
    """A version of a registered MLflow model."""

    name: str
    version: int
    run_id: str


class Rule(Noun):
    """One line of a verdict: a figure, the limit it was held to, and whether it passed."""

    name: str
    figure: float
    limit: float
    passed: bool


class Verdict(Noun):
    passed: bool
    rules: list[Rule]
    reason: str


class Promotion(Noun):
    """Who made which version the champion, when and why; `from_version` is 0 for the first."""

    name: str
    from_version: int
    to_version: int
    by: str
    at: str  # ISO 8601, UTC
    why: str


class Deployment(Noun):
    """The model that answers: `uri` is a folder that transformers loads."""

    name: str
    version: int
    backend: str
    uri: str
    digest: str
