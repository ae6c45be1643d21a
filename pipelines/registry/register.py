"""The register stage: the adapter becomes a version of the template's registered model, with all a reviewer needs."""

import logging
from pathlib import Path
from typing import Any

from pipelines.artifacts import Candidate, DatasetVersion, Evaluation, Export
from pipelines.files import read_jsonl
from pipelines.plan import TrainingPlan
from pipelines.registry import flavor
from pipelines.tracking import git_commit, tracking

log = logging.getLogger(__name__)


def register(evaluation: Evaluation, export: Export, dataset: DatasetVersion, plan: TrainingPlan) -> Candidate:
    """Log the adapter to its run, register it and point the alias `challenger` at it; once an adapter and plan."""
    mlflow = tracking()
    client = mlflow.MlflowClient()
    tags = lineage(export, dataset, plan)
    version = find(client, plan.template, tags)
    if version is None:
        example = read_jsonl(Path(dataset.uri) / "heldout.jsonl")[0]
        with mlflow.start_run(run_id=evaluation.run_id):
            model = mlflow.models.Model.log(
                artifact_path=None,
                name="adapter",
                flavor=flavor,
                adapter=export.adapter.uri,
                base={"base_model": export.adapter.base_model, "base_digest": export.adapter.base_digest},
                signature=flavor.infer_signature(example, example["output"]),
            )
        if not client.search_registered_models(f"name = '{plan.template}'"):
            client.create_registered_model(plan.template, description="Versions behind the aliases answer; see each.")
        # Tags come with the creation: a version never stands there without its lineage, wherever this is killed.
        version = client.create_model_version(
            plan.template,
            model.model_uri,
            run_id=evaluation.run_id,
            model_id=model.model_id,
            tags=tags | headline(evaluation),
            description=describe(evaluation, export, dataset, plan),
        )
        log.info("registered %s version %s", plan.template, version.version)
    client.set_registered_model_alias(plan.template, "challenger", version.version)
    return Candidate(name=plan.template, version=int(version.version), run_id=evaluation.run_id)


def lineage(export: Export, dataset: DatasetVersion, plan: TrainingPlan) -> dict[str, str]:
    return {
        "dataset": dataset.tag,
        "dataset_digest": dataset.digest,
        "plan_digest": plan.digest(),
        "adapter_digest": export.adapter.digest,
        "base_model": export.adapter.base_model,
        "git_commit": git_commit(),
    }


def find(client: Any, name: str, tags: dict[str, str]) -> Any:
    """The registered version with this adapter and plan, if there is one."""
    same = ("adapter_digest", "plan_digest")
    query = " and ".join([f"name = '{name}'", *(f"tags.{key} = '{tags[key]}'" for key in same)])
    return next(iter(client.search_model_versions(query)), None)


def headline(evaluation: Evaluation) -> dict[str, str]:
    """The figures a reviewer compares first, as tags: `facts.base`, `facts.challenger`, ..."""
    shown = {"facts": ("grounded", "facts"), "loss": ("all", "loss"), "token_f1": ("all", "token_f1")}
    return {
        f"{name}.{arm}": f"{parts[part][metric]:.3f}"
        for name, (part, metric) in shown.items()
        for arm, parts in evaluation.figures.items()
    }


def describe(evaluation: Evaluation, export: Export, dataset: DatasetVersion, plan: TrainingPlan) -> str:
    """The version's page, in Markdown: what it is, what it was made from, how it did."""
    base, challenger = evaluation.figures["base"], evaluation.figures["challenger"]
    lines = [
        f"LoRA adapter of **{export.adapter.base_model}** ({plan.base.quantisation}), profile `{plan.profile}`, "
        f"trained on **{dataset.tag}** ({dataset.rows['train']} rows), asked "
        f"{base['all']['questions']:.0f} held-out questions.",
        "",
        "| held-out | base | challenger |",
        "|---|---:|---:|",
    ]
    for part in ("grounded", "knowledge"):
        if part in base:
            for metric in ("facts", "token_f1", "rouge_l", "loss"):
                lines.append(f"| {part}, {metric} | {base[part][metric]:.3f} | {challenger[part][metric]:.3f} |")
    lines.append(f"| seconds an answer | {base['all']['latency']:.2f} | {challenger['all']['latency']:.2f} |")
    return "\n".join([*lines, "", "The run has every answer beside the truth (answers.json) and the plots."])
