"""Artifacts of serving: what is deployed."""

from pipelines.core.artifacts.artifact import Artifact


class Deployment(Artifact):
    """A deployed model: `uri` is its signed folder in the model store; `backends` have loaded it."""

    name: str
    version: int
    backends: list[str]
    uri: str
    digest: str
    canaries: dict[str, dict[str, float]] = {}  # backend → metrics of its canary, before it got any traffic


class DeployedVersion(Artifact):
    """The deployed version according to the ledger; version 0 if there is none. Times are epoch seconds."""

    name: str
    version: int = 0
    since: float = 0.0  # when it was deployed
    dataset: str = ""  # tag of the dataset version that it was trained on
    trained: float = 0.0  # when the newest version was registered, champion or not
