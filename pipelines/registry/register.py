"""The register stage: the adapter becomes a version of the template's registered model, with all a reviewer needs."""

import logging
from pathlib import Path
from typing import Any, get_args

from pipelines.clients.mlflow import connect_mlflow, git_commit
from pipelines.core import signing
from pipelines.core.artifacts import Arm, Candidate, DatasetVersion, Evaluation, Export, PreferenceDataset
from pipelines.core.files import canonical_json, read_jsonl
from pipelines.core.plan import TrainingPlan
from pipelines.registry import flavor, ledger, prompts
from pipelines.text.counts import format_count

log = logging.getLogger(__name__)

QUALITY = {
    "score": "score",
    "facts": "facts right",
    "wrong_confident": "wrong and confident",
    "token_f1": "token F1",
    "rouge_l": "ROUGE-L",
    "loss": "loss",
}
SERVICE = {"latency_p95": "seconds per answer (p95)", "cost_per_1000": "cost of 1,000 answers"}
ROWS = {"all": QUALITY | SERVICE, "grounded": QUALITY, "knowledge": QUALITY}  # of the version's page


def register(
    evaluation: Evaluation,
    export: Export,
    dataset: DatasetVersion,
    preferences: PreferenceDataset | None,
    plan: TrainingPlan,
) -> Candidate:
    """Log the adapter to its run, register it and its prompt, and point the alias `challenger` at both.

    The same adapter with the same plan is registered once.

    Raises:
        WeaverError: the adapter is not signed, or was changed since.
    """
    mlflow = connect_mlflow()
    mlflow.set_experiment(plan.template)  # whose page lists the prompts
    client = mlflow.MlflowClient()
    tags, page = lineage_tags(export, dataset, preferences, plan), describe_version(evaluation, export, dataset, plan)
    prompt = prompts.register_prompt(client, plan)
    version = find_version(client, plan.template, tags)
    if version is None:
        signing.verify(Path(export.adapter.uri))
        example = read_jsonl(Path(dataset.uri) / "heldout.jsonl")[0]
        with mlflow.start_run(run_id=evaluation.run_id):
            model = mlflow.models.Model.log(
                artifact_path=None,
                name="adapter",
                flavor=flavor,
                adapter=export.adapter.uri,
                plan=canonical_json(plan.model_dump()),
                base={"base_model": export.adapter.base_model, "base_digest": export.adapter.base_digest},
                signature=flavor.infer_signature(example, example["output"]),
            )
        if not client.search_registered_models(f"name = '{plan.template}'"):
            page_text = "The alias champion is on the version that answers customers, challenger on the newest."
            client.create_registered_model(plan.template, description=page_text)
        # Tags come with the creation: a version never stands there without its lineage, wherever this is killed.
        version = client.create_model_version(
            plan.template,
            model.model_uri,
            run_id=evaluation.run_id,
            model_id=model.model_id,
            tags=tags | {prompts.TAG: prompt} | metric_tags(evaluation, plan),
            description=page,
        )
        log.info("registered %s version %s", plan.template, version.version)
    elif version.description != page:  # the same adapter, compared with a later champion
        client.update_model_version(plan.template, version.version, page)
    if prompts.TAG not in version.tags:  # it was registered before prompts were
        client.set_model_version_tag(plan.template, version.version, prompts.TAG, prompt)
    candidate = Candidate(name=plan.template, version=int(version.version), run_id=evaluation.run_id)
    why = f"a challenger, trained with profile {plan.profile}"
    ledger.append_entry("registered", candidate.name, candidate.version, "weaver", why, model=export.adapter.digest)
    client.set_registered_model_alias(plan.template, "challenger", version.version)
    return candidate


def lineage_tags(
    export: Export, dataset: DatasetVersion, preferences: PreferenceDataset | None, plan: TrainingPlan
) -> dict[str, str]:
    """Return the tags that say what a version was made from: dataset, plan, base, adapter, code."""
    preferred = {"preferences": preferences.tag} if preferences and plan.preference.enabled else {}
    experiment = {"experiment": "true"} if plan.experiment else {}
    return (
        preferred
        | experiment
        | {
            "dataset": dataset.tag,
            "dataset_digest": dataset.digest,
            "plan_digest": plan.digest(),
            "adapter_digest": export.adapter.digest,
            "base_model": export.adapter.base_model,
            "git_commit": git_commit(),
        }
    )


def find_version(client: Any, name: str, tags: dict[str, str]) -> Any:
    """The registered version with this adapter and plan, if there is one."""
    same = ("adapter_digest", "plan_digest")
    query = " and ".join([f"name = '{name}'", *(f"tags.{key} = '{tags[key]}'" for key in same)])
    return next(iter(client.search_model_versions(query)), None)


def metric_tags(evaluation: Evaluation, plan: TrainingPlan) -> dict[str, str]:
    """The figures a reviewer compares first, over all questions, as tags: `score.base`, `score.challenger`, ..."""
    return {"metric": plan.gate.metric} | {
        f"{metric}.{arm}": f"{parts['all'][metric]:.3f}"
        for metric in {plan.gate.metric: None, "facts": None, "loss": None}
        for arm, parts in evaluation.metrics.items()
        if metric in parts["all"]
    }


def describe_version(evaluation: Evaluation, export: Export, dataset: DatasetVersion, plan: TrainingPlan) -> str:
    """The version's page, in Markdown: what it is, what it was made from, how it did beside the others."""
    arms = {arm: evaluation.metrics[arm] for arm in get_args(Arm) if arm in evaluation.metrics}
    lines = [
        f"LoRA adapter of **{export.adapter.base_model}** ({plan.base.quantisation}), profile `{plan.profile}`, "
        f"trained on **{dataset.tag}** ({format_count(dataset.rows['train'], 'row')}), asked "
        f"{format_count(round(arms['challenger']['all']['questions']), 'held-out question')}"
        + (f"; the champion is version {evaluation.champion}." if evaluation.champion else "."),
        "",
        f"| held-out | {' | '.join(arms)} |",
        f"|---|{'---:|' * len(arms)}",
    ]
    for part, metrics in ROWS.items():
        for metric, called in metrics.items():
            figures = [parts.get(part, {}).get(metric) for parts in arms.values()]
            if any(figure is not None for figure in figures):
                cells = ("" if figure is None else f"{figure:.3f}" for figure in figures)
                lines.append(f"| {part}, {called} | {' | '.join(cells)} |")
    lines += ["", f"| gain in {plan.gate.metric} over | points | interval | questions |", "|---|---:|---:|---:|"]
    lines += [
        f"| {c.against} | {100 * c.gain:+.1f} | {100 * c.low:+.1f} to {100 * c.high:+.1f} | {c.questions} |"
        for c in evaluation.comparisons
        if c.slice == "all" and c.metric == plan.gate.metric
    ]
    interval = f"Intervals are {plan.evaluate.confidence:.0%}, of the paired difference."
    return "\n".join([*lines, "", f"{interval} The run has every answer beside the expected one."])
