"""The deploy stage: publish the champion, load it, run its canary and ramp up its traffic; the pointer moves last."""

import logging
from collections.abc import Iterable
from pathlib import Path

from pipelines import alerts
from pipelines.clients.backends import Model, load_backend
from pipelines.clients.mlflow import connect_mlflow, promotion_lock, read_aliases
from pipelines.core import signing
from pipelines.core.artifacts import Deployment, Export, Promotion
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import digest
from pipelines.core.params import has_gpu
from pipelines.core.plan import GGUF, TrainingPlan
from pipelines.core.progress import report_progress
from pipelines.core.routes import Endpoint, ServedVersion, find_route
from pipelines.core.settings import settings
from pipelines.knowledge.index import has_index, sync_index
from pipelines.serving import canary, model_store
from pipelines.serving.deployment_pointer import deployment_lock, write_deployment
from pipelines.serving.registered_version import RegisteredVersion, read_registered_version
from pipelines.serving.traffic_ramp import ramp_traffic
from pipelines.text.chat_format import read_control_tokens

log = logging.getLogger(__name__)


def deploy(promotion: Promotion, export: Export | None, plan: TrainingPlan) -> Deployment:
    """Publish the exported model as the template's version, load it on the plan's backends, and send it the traffic.

    Args:
        export: the export that was evaluated; None deploys the version that was published before (a rollback).
    Raises:
        WeaverError: the files are not those that were evaluated, or not those that were signed; a backend does not
            load them, or answers otherwise than at the evaluation; or another version became champion in the
            meantime. The previously deployed version stays in service.
        Unavailable: MLflow or a backend does not answer.
    """
    name, version = promotion.name, promotion.to_version
    with deployment_lock(name):
        check_is_champion(promotion)
        if export:
            publish_export(export, name, version)
        folder = model_store.pull(name, version, export.digest if export else "")
        build_missing_index(plan)
        canaries = load_and_ramp(Model(name, version, folder), promotion, plan) if plan.deployment.backends else {}
        deployment = Deployment(
            name=name,
            version=version,
            backends=list(plan.deployment.backends),
            uri=str(folder),
            digest=export.digest if export else digest(folder),
            canaries=canaries,
        )
        with promotion_lock(name):
            check_is_champion(promotion)
            write_deployment(deployment)
        remove_old_versions(promotion, plan)
    return deployment


def check_is_champion(promotion: Promotion) -> None:
    """Raise if the promoted version is no longer MLflow's champion."""
    champion = read_aliases(connect_mlflow().MlflowClient(), promotion.name).get("champion", 0)
    if champion != promotion.to_version:
        now = f"version {champion} is" if champion else "no version is"
        raise WeaverError(
            f"version {promotion.to_version} of {promotion.name} is no longer the champion: {now}",
            f"`weaver ledger show {promotion.name}` lists who changed the champion, and why.",
        )


def publish_export(export: Export, name: str, version: int) -> None:
    """Publish an export into the model store, after checking its digest and signature."""
    source = Path(export.uri)
    if digest(source) != export.digest:
        raise WeaverError(
            f"{export.uri} is not the export that was evaluated: its digest differs from {export.digest[:12]}",
            "Delete that folder and run the export stage again.",
        )
    signing.verify(source)
    model_store.publish(source, name, version)


def build_missing_index(plan: TrainingPlan) -> None:
    """Build the knowledge index if questions are answered from one and there is none yet.

    Raises:
        WeaverError: a source of the template cannot be read.
    """
    name = plan.template
    if plan.serving.retrieval and plan.deployment.backends and not has_index(name):
        report_progress(name, "deploy", 0, 1, "knowledge index: its records are read and embedded")
        built = sync_index(name)
        report_progress(name, "deploy", 1, 1, f"knowledge index: {built.passages} passages")


def load_and_ramp(model: Model, promotion: Promotion, plan: TrainingPlan) -> dict[str, dict[str, float]]:
    """Load a version beside the deployed one, run its canaries, and move the traffic.

    Returns:
        The canary's metrics, for each backend.
    """
    route = find_route(model.name)
    is_new = route is None or all(version.version != model.version for version in route.versions)
    try:
        version, canaries = load_on_backends(model, plan)
        ramp_traffic(version, plan.deployment, keep_previous=promotion.kind == "promotion")
    except WeaverError as error:
        if is_new:
            unload([model], plan)
        if not isinstance(error, Unavailable):  # which is retried without anybody's help
            previous = promotion.from_version
            consequence = f"version {previous} stays deployed" if previous else "no version is deployed"
            alerts.alert(
                f"{model.id} was not deployed, and {consequence}: {error.what}",
                severity="warning" if previous else "critical",
                key=f"{model.name}.deploy",
                template=model.name,
                link=f"{settings().mlflow_url}/#/models/{model.name}/versions/{model.version}",
            )
        raise
    return canaries


def load_on_backends(model: Model, plan: TrainingPlan) -> tuple[ServedVersion, dict[str, dict[str, float]]]:
    """Load a version on every backend of the plan and run a canary on each; it gets no traffic yet.

    Returns:
        The version with its endpoints, and the canary's metrics for each backend.
    """
    registered = read_registered_version(model.name, model.version)
    version: ServedVersion | None = None
    canaries: dict[str, dict[str, float]] = {}
    for name in plan.deployment.backends:
        log.info("loading %s on %s", model.id, name)
        backend = load_backend(name)
        cost = {"cost_per_hour": plan.costs.hour(gpus=has_gpu())}
        endpoint = backend.deploy(model, plan.deployment).model_copy(update=cost)
        version = make_served_version(model, registered, (*(version.endpoints if version else ()), endpoint))
        golden = registered.golden[: plan.deployment.golden_questions]
        canaries[name] = metrics = canary.run_canary(backend, endpoint, version, golden, plan.deployment)
        log.info(
            "canary of %s on %s: %.0f%% of %d golden questions passed, p95 latency %.2f s",
            model.id,
            name,
            100 * metrics["passed_share"],
            metrics["golden_questions"],
            metrics["p95_seconds"],
        )
    assert version, "a plan without backends publishes only"
    return version, canaries


def make_served_version(model: Model, registered: RegisteredVersion, endpoints: tuple[Endpoint, ...]) -> ServedVersion:
    """A version as the route lists it."""
    return ServedVersion(
        name=model.name,
        version=model.version,
        digest=digest(model.folder),
        system_prompt=registered.plan.system_prompt,
        max_new_tokens=registered.plan.evaluate.max_new_tokens,
        control_tokens=read_control_tokens(model.folder),
        score=registered.score,
        min_confidence=registered.min_confidence,
        endpoints=endpoints,
    )


def remove_old_versions(promotion: Promotion, plan: TrainingPlan) -> None:
    """Unload and delete the versions that are not needed on this machine any more.

    The previous version stays on disk, and after a promotion also loaded, for a fast rollback; after a rollback the
    other version is unloaded. Older versions can be pulled again.
    """
    name, both = promotion.name, {promotion.to_version, promotion.from_version}
    model_store.prune(name, both)
    loaded = both if promotion.kind == "promotion" else {promotion.to_version}
    for engine in GGUF.union(plan.deployment.backends):  # the local ones also if the plan no longer names them
        needed = {Model(name, version, Path()).id for version in loaded if engine in plan.deployment.backends}
        backend = load_backend(engine)
        for model in backend.status():
            if model.rpartition("-v")[0] == name and model not in needed:
                backend.unload(model)


def unload(models: Iterable[Model], plan: TrainingPlan) -> None:
    """Unload models from every backend of the plan."""
    for backend in (load_backend(name) for name in plan.deployment.backends):
        for model in models:
            backend.unload(model.id)


def is_published(promotion: Promotion) -> bool:
    """Whether the promoted version is in the model store, and need not be exported again."""
    return promotion.to_version in model_store.versions(promotion.name)
