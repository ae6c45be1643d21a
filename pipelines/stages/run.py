"""How a stage is run, by Airflow, DVC and the command line alike: its artifacts are read, its costs are metered."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines.clients.mlflow import translate_mlflow_error
from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import quiet_libraries, work_folder
from pipelines.stages.table import STAGES, stage_function


def run_stage(
    name: str,
    plan: TrainingPlan | dict[str, Any],
    artifacts: Mapping[str, Any],
    work: Path | None = None,
    run_id: str = "",
    **extra: Any,
) -> Artifact:
    """Run a stage on a plan and on the artifacts of the stages that it takes; returns its own artifact.

    The time, energy and money that it takes are recorded.

    Args:
        artifacts: stage → its artifact, or the artifact's JSON; None where an optional one was not made.
        work: the folder for results; by default the template's own under WEAVER_HOME.
        run_id: of the Airflow run that it belongs to.
        extra: further arguments of the stage's function, as `by` and `why` of a decision; those that it does not take
            are ignored.

    Raises:
        WeaverError: an artifact is missing or is not what the stage takes; or the stage's own error.
        Unavailable: MLflow or another server does not answer; run the stage again when it does.
    """
    from pipelines.costs.meter import measure_costs  # it loads SQLAlchemy: `weaver --help` need not

    quiet_libraries()
    plan = TrainingPlan.model_validate(plan)
    with measure_costs(plan, name, run_id) as meter, translate_mlflow_error(f"{plan.template} was at {name}"):
        function = stage_function(name)
        context = {"plan": plan, "work": work or work_folder(plan.template), **extra}
        parameters = inspect.signature(function).parameters
        inputs = [parameter for parameter in parameters.values() if parameter.name not in context]
        arguments = {
            parameter.name: read_input(name, source, parameter.annotation, artifacts.get(source))
            for source, parameter in zip(STAGES[name].takes, inputs, strict=False)
        }
        options = {key: value for key, value in context.items() if key in parameters}
        artifact: Artifact = function(**arguments, **options)
        meter.attach_mlflow_run(artifact, *arguments.values())
    return artifact


def read_input(stage: str, source: str, annotation: Any, artifact: Any) -> Any:
    """Return a stage's artifact as the type that the next stage takes.

    Raises:
        WeaverError: there is none, or it is of another type.
    """
    try:
        return TypeAdapter(annotation).validate_python(artifact)
    except ValidationError as error:
        reason = f"it is not a valid artifact: {error}" if artifact else f"{source} made none"
        raise WeaverError(
            f"{stage} takes the artifact of {source}, but {reason}", f"Run {source} again, then {stage}."
        ) from error
