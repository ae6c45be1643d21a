"""Artifacts as files in a work folder, and the proof that all of them are of one run.

Beside an artifact, its file keeps what it was made from: the digests of the artifacts that were taken, and of the
settings that the stage depends on. A verb that would mix the results of two runs is refused.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, write_text
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import work_folder
from pipelines.stages.table import STAGES, upstream

KEY = "lineage"  # of an artifact's file


class Lineage(BaseModel):
    """What an artifact was made from."""

    template: str
    settings: str  # the digest of the settings that the stage depends on
    inputs: dict[str, str]  # stage → the digest of its artifact


def artifact_file(work: Path, stage: str) -> Path:
    """Return where a stage's artifact lies in a working folder."""
    return work / f"{stage}.json"


def stage_verb(stage: str) -> str:
    """The verb of the command line: commit_dataset → commit-dataset."""
    return stage.replace("_", "-")


def save_artifact(work: Path, stage: str, artifact: Artifact, plan: TrainingPlan, inputs: dict[str, Any]) -> None:
    """Write a stage's artifact into the work folder, with what it was made from.

    Args:
        inputs: stage → the artifact that was taken, as `read_artifacts` returned it.
    """
    digests = {source: digest(taken) for source, taken in inputs.items()}
    lineage = Lineage(template=plan.template, settings=digest_settings(stage, plan), inputs=digests)
    values = json.loads(artifact.model_dump_json()) | {KEY: lineage.model_dump()}
    write_text(artifact_file(work, stage), json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def read_artifacts(work: Path, stages: tuple[str, ...], plan: TrainingPlan) -> dict[str, Any]:
    """The artifacts of stages in a work folder, all of one run: stage → the artifact's JSON.

    Raises:
        WeaverError: one is missing; or an artifact that it was made from has been made again since, was made for
            another template, or with other settings. Names the verb to run first.
    """
    artifacts: dict[str, dict[str, Any]] = {}
    order = dict.fromkeys(one for stage in stages for one in (*upstream(stage), stage))
    for source in order:  # as they are made: the first fault is the one to correct
        artifact, lineage = read_file(work, source, plan)
        remedy = f"Run `{command(work, source, plan)}` again, and then the stages after it."
        file = artifact_file(work, source)
        if lineage.template != plan.template:
            raise WeaverError(f"{file} was made for the template {lineage.template}, not for {plan.template}", remedy)
        if lineage.settings != digest_settings(source, plan):
            settings = ", ".join(STAGES[source].settings)
            raise WeaverError(f"{file} was made with other settings than these ({settings})", remedy)
        for taken, used in lineage.inputs.items():
            if used != digest(artifacts[taken]):
                raise WeaverError(f"{file} was made from an earlier result of {taken}, which has changed since", remedy)
        artifacts[source] = artifact
    return {stage: artifacts[stage] for stage in stages}


def read_file(work: Path, stage: str, plan: TrainingPlan) -> tuple[dict[str, Any], Lineage]:
    """A stage's artifact from the work folder, and what it was made from."""
    file = artifact_file(work, stage)
    verb = command(work, stage, plan)
    if not file.exists():
        raise WeaverError(f"{file} does not exist: {stage} has not run yet, or has failed", f"Run `{verb}` first.")
    try:
        artifact: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return artifact, Lineage.model_validate(artifact.pop(KEY))
    except (ValueError, KeyError, AttributeError) as error:
        raise WeaverError(f"{file} is not an artifact that NeuroWeaver wrote", f"Run `{verb}` again.") from error


def command(work: Path, stage: str, plan: TrainingPlan) -> str:
    """The command that runs a stage in a work folder."""
    option = "" if work == work_folder(plan.template) else f" --work {work}"
    return f"weaver {stage_verb(stage)} {plan.template}{option}"


def digest_settings(stage: str, plan: TrainingPlan) -> str:
    """SHA-256 of the part of the plan that a stage depends on."""
    values: dict[str, Any] = plan.model_dump()
    parts = (setting.partition(".") for setting in STAGES[stage].settings)
    return digest([[section, key, values[section][key] if key else values[section]] for section, _, key in parts])
