"""The loop as a table: which function each stage is, and whose artifacts it takes.

Airflow, DVC and the command line all run a stage through `run`, so that each stays free of logic of its own.
"""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipelines.clients.mlflow import translate_mlflow_error
from pipelines.core.artifacts import Artifact
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import quiet_libraries, work_folder
from pipelines.costs.meter import metered


@dataclass(frozen=True)
class Stage:
    function: str  # imported only when it runs: stages bring torch, pandas and the like
    takes: tuple[str, ...]  # the stages whose artifacts it takes, in the order of its parameters
    help: str
    signed: bool = False  # also takes who decides, and why
    nightly: bool = True  # a task of the retraining DAG; the others are of the way back


STAGES = {
    "collect_feedback": Stage(
        "monitoring.feedback.collect_feedback:collect_feedback", (), "Learn from what people think of the answers."
    ),
    "collect": Stage("datasets.collect:collect", ("collect_feedback",), "Build or read the rows."),
    "validate": Stage("datasets.contract:validate", ("collect",), "Hold the rows to their contract."),
    "refine": Stage("datasets.refine:refine", ("validate",), "Clean, deduplicate and split the rows."),
    "commit_dataset": Stage(
        "datasets.versions:commit_dataset", ("refine",), "Commit the dataset to the data registry."
    ),
    "judge_answers": Stage(
        "monitoring.feedback.rlaif:judge_answers",
        ("commit_dataset",),
        "Judge the champion's own answers, for pairs to learn from.",
    ),
    "commit_preferences": Stage(
        "datasets.preferences:commit_preferences",
        ("collect_feedback", "judge_answers", "commit_dataset"),
        "Commit which answers are preferred to the data registry.",
    ),
    "estimate_cost": Stage(
        "training.budget:estimate_cost", ("commit_dataset",), "Forecast what the run will cost, and hold it to limits."
    ),
    "render_data_report": Stage(
        "datasets.refine.refine_report:render_data_report", ("validate", "refine"), "Draw what became of the rows."
    ),
    "fine_tune": Stage("training.fine_tune:fine_tune", ("commit_dataset",), "Train an adapter with QLoRA."),
    "train_dpo": Stage(
        "training.dpo:train_dpo",
        ("fine_tune", "commit_dataset", "commit_preferences"),
        "Train on with preferred answers (DPO).",
    ),
    "fetch_champion": Stage("registry.champion:fetch_champion", (), "Fetch the champion that must be beaten."),
    "export": Stage(
        "training.export:export", ("train_dpo", "fetch_champion"), "Merge adapters into what will be served."
    ),
    "evaluate": Stage(
        "evaluation.evaluate:evaluate", ("export", "commit_dataset"), "Ask every arm the held-out questions."
    ),
    "register": Stage(
        "registry.register:register",
        ("evaluate", "export", "commit_dataset", "commit_preferences"),
        "Register the challenger.",
    ),
    "request_review": Stage(
        "evaluation.expert_review:request_review", ("register", "evaluate"), "Put answers before an expert."
    ),
    "collect_scores": Stage(
        "evaluation.expert_review:collect_scores", ("request_review",), "Read what the experts gave."
    ),
    "gate": Stage(
        "registry.gate:gate", ("register", "evaluate", "collect_scores"), "Hold the challenger to the plan's gate."
    ),
    "collect_evidence": Stage(
        "registry.evidence:collect_evidence",
        ("register", "evaluate", "export", "commit_dataset", "gate"),
        "Put together what the decision rests on.",
    ),
    "promote": Stage(
        "registry.promote:promote",
        ("register", "evaluate", "gate", "collect_evidence"),
        "Make the challenger champion.",
        True,
    ),
    "reject": Stage("registry.promote:reject", ("register",), "Keep the champion, and say who said no.", True),
    "deploy": Stage("serving.deploy:deploy", ("promote", "export"), "Let the champion answer."),
    "append_ledger": Stage(
        "registry.ledger:append_ledger", ("promote", "deploy"), "Write into the ledger what answers now."
    ),
    "rollback": Stage(
        "registry.rollback:rollback", (), "Make an earlier champion champion again.", True, nightly=False
    ),
    "resolve_champion": Stage(
        "registry.promote:resolve_champion", (), "Find the champion, on whom registry and ledger agree.", nightly=False
    ),
    "fetch_deployed_version": Stage(
        "registry.deployed_version:fetch_deployed_version", (), "Find the version that answers.", nightly=False
    ),
    "fetch_training_dataset": Stage(
        "datasets.versions:fetch_training_dataset",
        ("fetch_deployed_version",),
        "Fetch what it was trained on.",
        nightly=False,
    ),
    "detect_drift": Stage(
        "monitoring.drift.detect_drift:detect_drift",
        ("fetch_deployed_version", "fetch_training_dataset", "collect"),
        "Hold what is asked, and what comes in, to what is normal.",
        nightly=False,
    ),
    "emit_drift_event": Stage(
        "monitoring.drift.detect_drift:emit_drift_event",
        ("detect_drift",),
        "Say that a retraining starts, and why.",
        nightly=False,
    ),
    "rebuild_export": Stage(
        "training.export:rebuild_export", ("fetch_champion",), "Merge the champion's adapter again.", nightly=False
    ),
}


def run_stage(
    name: str,
    plan: TrainingPlan | dict[str, Any],
    artifacts: Mapping[str, Any],
    work: Path | None = None,
    run_id: str = "",
    **extra: Any,
) -> Artifact:
    """Run a stage on a plan and on the artifacts of the stages it takes, all of them as they are or as their JSON.
    What it takes of time and energy is kept, and what that costs.

    Args:
        work: the folder for results; the template's own under WEAVER_HOME if not given.
        run_id: of the Airflow run that it belongs to.
        extra: what a person adds to a stage: who approves, and why.
    """

    quiet_libraries()
    plan = TrainingPlan.model_validate(plan)
    with metered(plan, name, run_id) as meter, translate_mlflow_error(f"{plan.template} was at {name}"):
        module, _, function = STAGES[name].function.partition(":")
        stage = getattr(importlib.import_module(f"pipelines.{module}"), function)
        parameters = inspect.signature(stage).parameters
        arguments = [
            TypeAdapter(parameter.annotation).validate_python(artifacts.get(source))
            for source, parameter in zip(STAGES[name].takes, parameters.values(), strict=False)
        ]
        given = {"plan": plan, "work": work or work_folder(plan.template), **extra}
        artifact: Artifact = stage(*arguments, **{key: given[key] for key in parameters if key in given})
        meter.belongs_to(artifact, *arguments)
    return artifact
