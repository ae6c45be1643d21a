"""Training an adapter at most once, and resuming from the last complete checkpoint after a kill."""

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
    inputs: list[Any],
    code: SourceCode,
    base: Path,
    plan: TrainingPlan,
    work: Path,
    train: Callable[[Path, Path], str],
) -> Adapter:
    """Return the signed adapter trained from `inputs`: the one of an earlier call, or one that is trained now.

    Args:
        stage: the stage's name; adapters are kept in `work/<stage>/<fingerprint of inputs and code>`.
        inputs: everything the adapter depends on; JSON values.
        code: of the training; after a change the same inputs are trained on again, from the first step.
        base: the base model's folder.
        train: called with (checkpoints folder, adapter folder); writes the adapter and returns the MLflow run's id.

    Raises:
        WeaverError: another process is training the same adapter, or what `train` raises.
    """
    inputs_digest = digest(inputs)[:16]
    fingerprint = f"{inputs_digest}-{code.digest[:8]}"
    folder = work / stage / fingerprint
    if not folder.exists() and any(folder.parent.glob(f"{inputs_digest}-*")):
        log.info(
            "%s: this dataset and plan were trained on before, but the training code has changed: training again",
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
    """Train, from a checkpoint if there is one.

    transformers checks for the last step only after a step: resumed from the last checkpoint, it would train one step
    too many, so the adapter is loaded instead.

    Args:
        trainer: a transformers Trainer of a PEFT model.
        checkpoint: the checkpoint's folder; None trains from the start.
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
    """Write adapter_model.safetensors and adapter_config.json into `folder`, without any path of this machine."""
    model.save_pretrained(folder, selected_adapters=[model.active_adapter])
    (folder / "README.md").unlink()  # names the base by its path on this machine
    config = folder / "adapter_config.json"
    values = json.loads(config.read_text())
    values |= {"base_model_name_or_path": plan.base.model, "target_modules": sorted(values["target_modules"])}
    write_text(config, json.dumps(values, indent=2, sort_keys=True) + "\n")


def find_last_checkpoint(checkpoints: Path) -> str | None:
    """Return the newest complete checkpoint: one whose files match the digest written when it was saved; else None."""
    for folder in sorted(checkpoints.glob("checkpoint-*/"), key=lambda p: int(p.name.split("-")[1]), reverse=True):
        saved_digest = folder.with_suffix(".sha256")
        if saved_digest.exists() and saved_digest.read_text() == digest(folder):
            log.info("resuming from %s", folder.name)
            return str(folder)
        log.warning("%s is incomplete; trying the checkpoint before it", folder.name)
    return None


def peak_rss_mib() -> float:
    """Peak resident memory of this process so far, in MiB. Source: getrusage."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
