"""The deploy stage: the champion is published, loaded, tried and sent the traffic; the pointer moves last."""

import logging
from collections.abc import Iterable
from pathlib import Path

from pipelines import alerts
from pipelines.clients.backends import Model, backend
from pipelines.clients.mlflow import connect_mlflow, promotion_lock, read_aliases
from pipelines.core import signing
from pipelines.core.artifacts import Deployment, Export, Promotion
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import digest
from pipelines.core.params import hourly_machine_cost
from pipelines.core.plan import GGUF, TrainingPlan
from pipelines.core.routes import Endpoint, ServedVersion
from pipelines.core.settings import settings
from pipelines.serving import canary, model_store
from pipelines.serving.deployment_pointer import deployment_lock, pointer_file
from pipelines.serving.registered_version import Registered, registered
from pipelines.serving.traffic_ramp import ramp_traffic, read_route_if_any

log = logging.getLogger(__name__)


def deploy(promotion: Promotion, export: Export | None, plan: TrainingPlan) -> Deployment:
    """Publish the exported model as the template's version, load it on the plan's backends, and let it answer.

    Args:
        export: what was evaluated; none lets the version that was published before answer again.
    Raises:
        WeaverError: the bytes are not those that were evaluated, or not those that were signed; a backend does not
            load them, or answers otherwise than at the evaluation; or another version was made champion in the
            meantime. What answered before goes on answering.
        Unavailable: MLflow or a backend does not answer.
    """
    name, version = promotion.name, promotion.to_version
    with deployment_lock(name):
        confirm(promotion)
        if export:
            publish(export, name, version)
        folder = model_store.pull(name, version, export.digest if export else "")
        canaries = load(Model(name, version, folder), promotion, plan) if plan.deployment.backends else {}
        deployment = Deployment(
            name=name,
            version=version,
            backends=list(plan.deployment.backends),
            uri=str(folder),
            digest=export.digest if export else digest(folder),
            canaries=canaries,
        )
        with promotion_lock(name):
            confirm(promotion)
            deployment.save(pointer_file(name))
        tidy(promotion, plan)
    return deployment


def confirm(promotion: Promotion) -> None:
    champion = read_aliases(connect_mlflow().MlflowClient(), promotion.name).get("champion", 0)
    if champion != promotion.to_version:
        raise WeaverError(
            f"version {promotion.to_version} of {promotion.name} is not champion any more: {champion or 'none'} is",
            f"`weaver ledger show {promotion.name}` says who changed that, and why.",
        )


def publish(export: Export, name: str, version: int) -> None:
    source = Path(export.uri)
    if digest(source) != export.digest:
        raise WeaverError(
            f"{export.uri} is not what was evaluated: its digest differs from {export.digest[:12]}",
            "Delete that folder and run the export stage again.",
        )
    signing.verify(source)
    model_store.publish(source, name, version)


def load(model: Model, promotion: Promotion, plan: TrainingPlan) -> dict[str, dict[str, float]]:
    """Load a version beside the one that answers, try it, and move the traffic. Returns each backend's canary."""
    route = read_route_if_any(model.name)
    fresh = route is None or all(model_version.version != model.version for model_version in route.versions)
    try:
        model_version, canaries = place_on(model, plan)
        ramp_traffic(model_version, plan.deployment, keep_previous=promotion.kind == "promotion")
    except WeaverError as error:
        if fresh:
            unload([model], plan)
        if not isinstance(error, Unavailable):  # which is tried again by itself
            before = promotion.from_version
            still = f"version {before} goes on answering" if before else "nothing answers"
            alerts.alert(
                f"{model.id} was not deployed, and {still}: {error.what}",
                severity="warning" if before else "critical",
                key=f"{model.name}.deploy",
                template=model.name,
                link=f"{settings().mlflow_url}/#/models/{model.name}/versions/{model.version}",
            )
        raise
    return canaries


def place_on(model: Model, plan: TrainingPlan) -> tuple[ServedVersion, dict[str, dict[str, float]]]:
    """A version on every backend of the plan, each of which has passed its canary; nobody is sent there yet."""
    known, model_version = registered(model.name, model.version), None
    canaries: dict[str, dict[str, float]] = {}
    for name in plan.deployment.backends:
        log.info("loading %s on %s", model.id, name)
        engine = backend(name)
        endpoint = engine.deploy(model, plan.deployment)
        endpoint = endpoint.model_copy(update={"cost_per_hour": hourly_machine_cost()})
        model_version = serve(model, known, (*(model_version.endpoints if model_version else ()), endpoint))
        golden = known.golden[: plan.deployment.golden_questions]
        canaries[name] = canary.check(engine, endpoint, model_version, golden, plan.deployment)
        log.info("%s on %s: %s", model.id, name, canaries[name])
    assert model_version, "a plan without backends publishes only"
    return model_version, canaries


def serve(model: Model, known: Registered, endpoints: tuple[Endpoint, ...]) -> ServedVersion:
    return ServedVersion(
        name=model.name,
        version=model.version,
        digest=digest(model.folder),
        system_prompt=known.plan.system_prompt,
        max_new_tokens=known.plan.evaluate.max_new_tokens,
        score=known.score,
        endpoints=endpoints,
    )


def tidy(promotion: Promotion, plan: TrainingPlan) -> None:
    """The version before stays on disk, and after a promotion loaded too, for a quick way back: one that was rolled
    back from is not wanted again. Older ones can be pulled again."""
    name, both = promotion.name, {promotion.to_version, promotion.from_version}
    model_store.prune(name, both)
    loaded = both if promotion.kind == "promotion" else {promotion.to_version}
    for engine in GGUF.union(plan.deployment.backends):  # those of this machine, also if the plan names them no more
        wanted = {Model(name, version, Path()).id for version in loaded if engine in plan.deployment.backends}
        running = backend(engine)
        for model in running.status():
            if model.rpartition("-v")[0] == name and model not in wanted:
                running.unload(model)


def unload(models: Iterable[Model], plan: TrainingPlan) -> None:
    for engine in (backend(name) for name in plan.deployment.backends):
        for model in models:
            engine.unload(model.id)


def kept(promotion: Promotion) -> bool:
    """Whether the promoted version is published still, and need not be exported again."""
    return promotion.to_version in model_store.versions(promotion.name)
