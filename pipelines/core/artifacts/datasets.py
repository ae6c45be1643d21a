"""Artifacts of the data stages: from collected rows to a tagged dataset version."""

from pipelines.core.artifacts.artifact import Artifact

FEEDBACK = "feedback"  # `source` of the rows that come from corrections


class CollectedFeedback(Artifact):
    """Training examples from ratings: `uri` is a folder with rows.jsonl, preferences.jsonl and refused.jsonl.

    `digest` is of the first two; empty, as `uri`, if nobody has rated an answer.
    """

    uri: str = ""
    digest: str = ""
    ratings: int = 0
    rows: int = 0
    preferences: int = 0
    refused: dict[str, int] = {}  # reason → ratings


class Records(Artifact):
    """Collected rows: `uri` is a folder holding records.jsonl."""

    uri: str
    digest: str
    rows: int
    sources: dict[str, str]  # source of the rows → version of its package, or digest of its file


class Validation(Artifact):
    """Rows that passed the data contract: `uri` is a folder holding the suite, its result and the Data Docs."""

    uri: str
    records: Records
    expectations: int


class Splits(Artifact):
    """Refined rows: `uri` is a folder holding train.jsonl, heldout.jsonl and dropped.jsonl."""

    uri: str
    digest: str
    rows: dict[str, int]  # per split
    dropped: dict[str, int]  # per reason


class DataReport(Artifact):
    """How rows became a dataset, as pages: `uri` is a folder holding report.html, what it links to, and report.json.

    `digest` is that of the splits which it describes. A dataset version of another digest has another report: after a
    rollback, the splits of today are refused, and the version is an earlier one.
    """

    uri: str
    digest: str

    def describes(self, dataset: "DatasetVersion") -> bool:
        """Whether this report is about the rows of the dataset version."""
        return self.digest == dataset.digest


class DatasetVersion(Artifact):
    """An accepted dataset, committed and tagged in the data registry; `uri` holds train.jsonl and heldout.jsonl."""

    name: str
    version: int
    uri: str
    digest: str
    rows: dict[str, int]

    @property
    def tag(self) -> str:
        """The dataset's git tag: `service_advisor@v3`."""
        return f"{self.name}@v{self.version}"


class PreferenceDataset(Artifact):
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
        """The dataset's git tag: `service_advisor-preferences@v3`."""
        return f"{self.name}@v{self.version}"
