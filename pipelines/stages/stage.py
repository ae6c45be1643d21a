"""What a row of the table of stages is."""

from dataclasses import dataclass
from typing import Literal

Group = Literal["data", "training", "evaluation", "approval", "release", "monitoring", "knowledge"]
GROUPS: dict[Group, str] = {
    "data": "From sources to a dataset version",
    "training": "From a dataset version to a model",
    "evaluation": "From a model to a verdict",
    "approval": "From a verdict to a decision",
    "release": "From a decision to a deployed model",
    "monitoring": "From requests to a reason to retrain",
    "knowledge": "From documents and records to a live index",
}
TRAINING_POOL = "training"  # one task at a time: each needs the machine's memory and all of its cores


@dataclass(frozen=True)
class Stage:
    """One row of the table.

    Attributes:
        group: where it stands in the loop; a TaskGroup of the DAG.
        module: below `pipelines`; the function has the stage's name.
        takes: the stages whose artifacts it takes, in the order of its parameters.
        help: what it does, in a sentence.
        settings: what of the plan it depends on: sections, or `section.key`.
        pool: the Airflow pool it runs in; empty: the default one.
        folder: whether its result is a folder of its name in the work folder, beside its artifact.
        reads: files and folders below `pipelines` that it depends on, beside its code.
        outside: what it reads that is neither an artifact nor in the repository, so that DVC runs it every time.
        signed: whether it also takes who decides, and why.
        nightly: a stage of the retraining DAG; the others are of monitoring, deployment, rollback and
            reindexing.
    """

    group: Group
    module: str
    takes: tuple[str, ...]
    help: str
    settings: tuple[str, ...] = ()
    pool: str = ""
    folder: bool = False
    reads: tuple[str, ...] = ()
    outside: str = ""
    signed: bool = False
    nightly: bool = True

    @staticmethod
    def title(name: str) -> str:
        """A stage's name as the graph shows it: Collect feedback, Train DPO."""
        return name.replace("_", " ").capitalize().replace("dpo", "DPO")
