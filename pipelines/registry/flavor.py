"""A LoRA adapter as an MLflow model: safetensors and JSON only, so that loading it runs nobody's code.

MLflow's own transformers flavour needs the base on a model hub; its pyfunc flavour pickles. A flavour module needs only
`save_model`, see mlflow.models.Model.log.
"""

import shutil
from pathlib import Path
from typing import Any

import mlflow.models  # noqa: TID253 (imported by the register stage alone)

from pipelines.core import signing
from pipelines.core.files import write_text


def save_model(
    path: str,
    mlflow_model: mlflow.models.Model,
    adapter: str,
    plan: str,
    base: dict[str, str],
    signature: mlflow.models.ModelSignature,
) -> None:
    """Copy the adapter, its signature and the plan (JSON) that trained it into `path`, and describe it in MLmodel."""
    folder = Path(path)
    shutil.copytree(adapter, folder / "adapter")
    shutil.copy(signing.signature_file(Path(adapter)), signing.signature_file(folder / "adapter"))
    write_text(folder / "plan.json", plan)
    mlflow_model.signature = signature
    mlflow_model.add_flavor("peft", data="adapter", **base)
    mlflow_model.save(str(folder / "MLmodel"))


def infer_signature(example: dict[str, Any], answer: str) -> mlflow.models.ModelSignature:
    """Return the MLflow signature of a model that answers rows like this example."""
    return mlflow.models.infer_signature({key: example[key] for key in ("instruction", "input")}, answer)
