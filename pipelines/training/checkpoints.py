"""How an adapter is trained: at most once, signed, and carried on from its last whole checkpoint when it was killed."""

import json
import logging
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.core import signing
from pipelines.core.artifacts import Adapter, read_artifact
from pipelines.core.files import digest, file_lock, memoize_dir, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.training.base_model import base_digest

log = logging.getLogger(__name__)


def memoize_training(
    stage: str,
    known: list[Any],
    code: SourceCode,
    base: Path,
    plan: TrainingPlan,
    work: Path,
    train: Callable[[Path, Path], str],
) -> Adapter:
    """The signed adapter of a training of all that is `known`: found, or trained now.

    Args:
        code: what trains; once it has changed, the same inputs are trained on again, from the first step.
        base: the base's folder.
        train: trains, with its checkpoints in the first folder, writes the adapter into the second, and returns the id
            of the MLflow run.
    """
    inputs = digest(known)[:16]
    fingerprint = f"{inputs}-{code.digest[:8]}"
    folder = work / stage / fingerprint
    if not folder.exists() and any(folder.parent.glob(f"{inputs}-*")):
        log.info(
            "%s: this dataset and plan were trained on before, but the training code has changed since: training again",
            plan.template,
        )
    checkpoints = settings().home / "checkpoints" / fingerprint

    def build(new: Path) -> None:
        with file_lock(checkpoints.with_suffix(".lock"), f"training {fingerprint}"):
            run_id = train(checkpoints, new / "adapter")
        signing.sign(new / "adapter")
        Adapter(
            uri=str(folder / "adapter"),
            digest=digest(new / "adapter"),
            base_model=plan.base.model,
            base_digest=base_digest(base),
            run_id=run_id,
        ).save(new / "adapter.json")

    memoize_dir(folder, build)
    shutil.rmtree(checkpoints, ignore_errors=True)
    made_by = f"weaver {stage.replace('_', '-')}"
    return Adapter.model_validate(read_artifact(folder / "adapter.json", made_by=made_by))


def resume_training(trainer: Any, checkpoint: str | None) -> None:
    """Train on from a checkpoint, or from the start without one.

    The trainer asks whether it is done only after a step: from the last checkpoint it would train one too many.
    """
    from transformers import TrainerState

    if checkpoint:
        state = TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))
        if state.global_step >= state.max_steps:
            trainer.state = state
            trainer.model.load_adapter(checkpoint, trainer.model.active_adapter)
            return
    trainer.train(resume_from_checkpoint=checkpoint)


def save_adapter(model: Any, plan: TrainingPlan, folder: Path) -> None:
    """Write adapter_model.safetensors and adapter_config.json, with nothing of this machine in them."""
    model.save_pretrained(folder, selected_adapters=[model.active_adapter])
    (folder / "README.md").unlink()  # names the base by its path here
    config = folder / "adapter_config.json"
    values = json.loads(config.read_text())
    values |= {"base_model_name_or_path": plan.base.model, "target_modules": sorted(values["target_modules"])}
    write_text(config, json.dumps(values, indent=2, sort_keys=True) + "\n")


def find_last_checkpoint(checkpoints: Path) -> str | None:
    """The newest checkpoint whose bytes are those that were sealed when it was complete."""
    for folder in sorted(checkpoints.glob("checkpoint-*/"), key=lambda p: int(p.name.split("-")[1]), reverse=True):
        seal = folder.with_suffix(".sha256")
        if seal.exists() and seal.read_text() == digest(folder):
            log.info("resuming from %s", folder.name)
            return str(folder)
        log.warning("%s was not written to its end; trying the one before", folder.name)
    return None


def peak_rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
