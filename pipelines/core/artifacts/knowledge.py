"""Artifacts of the knowledge base: a version of a template's index, and whether it may go live."""

from pipelines.core.artifacts.artifact import Artifact


class IndexBuild(Artifact):
    """A version of an index that was built beside the live one."""

    name: str  # the template
    version: int
    live: int  # the version that was live then, which it was built from; 0: none
    documents: str  # digest of the documents that it holds
    passages: int
    added: int
    changed: int
    removed: int
    embedded: int
    seconds: float


class IndexMetric(Artifact):
    """A metric of the new version beside the one it is compared with: means over the same questions, from 0 to 1."""

    name: str  # recall_at_5, ndcg_at_10 or facts
    value: float
    before: float | None = None  # of the version that it is compared with; None: there is none
    low: float = 0.0  # the paired interval of the difference
    high: float = 0.0
    questions: int = 0
    clusters: int = 0  # records that they are about


class IndexVerdict(Artifact):
    """The result of the index gate, and what became of the version since."""

    name: str
    version: int
    compared_with: int  # version; 0: none
    passed: bool
    reason: str
    metrics: list[IndexMetric] = []
    worse: list[str] = []  # questions that it answers worse, some of them
    build: IndexBuild
    at: str  # ISO 8601, UTC
    is_live: bool = False
