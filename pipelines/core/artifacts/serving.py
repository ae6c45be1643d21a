"""What answers."""

from pipelines.core.artifacts.artifact import Artifact


class Deployment(Artifact):
    """The model that answers: `uri` is its signed folder in this machine's model store; `backends` have it loaded."""

    name: str
    version: int
    backends: list[str]
    uri: str
    digest: str
    canaries: dict[str, dict[str, float]] = {}  # backend → what it showed before it was sent any traffic


class DeployedVersion(Artifact):
    """The version that answers, as the ledger has it; version 0 where none does. Times are epoch seconds."""

    name: str
    version: int = 0
    since: float = 0.0  # when it came to answer
    dataset: str = ""  # the tag of what it was trained on
    trained: float = 0.0  # when the newest version was registered, champion or not
