"""The stages of the loop in one table: who does each, and whose artifacts it takes.

The edges of the Airflow DAGs, `dvc.yaml` and the verbs of the command line follow from it. A stage is the function of
its own name in its module: artifacts and the plan in, an artifact out. It is imported only when it runs, since stages
bring torch, pandas and the like.
"""

import importlib
from collections.abc import Iterator
from typing import Any

from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TUNABLE
from pipelines.stages.operations import OPERATIONS
from pipelines.stages.stage import TRAINING_POOL, Stage

STAGES = {
    # ---- data
    "collect_feedback": Stage(
        "data",
        "monitoring.feedback.collect_feedback",
        (),
        "Collect the ratings and corrections that people gave to answers, and drop what is not trusted.",
        settings=("system_prompt", "contract", "feedback"),
        outside="ratings and corrections are in WEAVER_HOME and in MLflow",
    ),
    "collect": Stage(
        "data",
        "datasets.collect",
        ("collect_feedback",),
        "Build or read the rows of the data source, and add uploads and corrections.",
        settings=("data",),
        folder=True,
        reads=("kits",),
        outside="uploads (`weaver dataset add`) are in WEAVER_HOME",
    ),
    "validate": Stage(
        "data",
        "datasets.contract",
        ("collect",),
        "Check the rows against the data contract (Great Expectations).",
        settings=("contract",),
        folder=True,
    ),
    "refine": Stage(
        "data",
        "datasets.refine",
        ("validate",),
        "Clean, deduplicate and anonymise the rows, and split them into training and held-out rows.",
        settings=(
            "system_prompt",
            "questions",
            "contract",
            "refine",
            "privacy",
            "feedback.repeat",
            "base.model",
            "train.max_length",
        ),
        folder=True,
        reads=("kits",),
    ),
    "render_data_report": Stage(
        "data",
        "datasets.refine.refine_report",
        ("validate", "refine"),
        "Render a report of what each step did to the rows.",
        settings=("questions", "refine"),
        folder=True,
    ),
    "commit_dataset": Stage(
        "data",
        "datasets.versions",
        ("refine",),
        "Commit the dataset to the data registry (git and DVC) as a tagged version.",
    ),
    "judge_answers": Stage(
        "data",
        "monitoring.feedback.rlaif",
        ("commit_dataset",),
        "Sample answers of the champion and judge them, to get preference pairs (RLAIF).",
        settings=("system_prompt", "judge"),
        pool=TRAINING_POOL,
        folder=True,
        outside="the request log and the deployed champion are outside of the repository",
    ),
    "commit_preferences": Stage(
        "data",
        "datasets.preferences",
        ("collect_feedback", "judge_answers", "commit_dataset"),
        "Commit the preference pairs to the data registry as a tagged version.",
        settings=("refine.near_duplicate",),
        reads=("kits",),
    ),
    # ---- training
    "estimate_cost": Stage(
        "training",
        "training.budget",
        ("commit_dataset",),
        "Forecast the time, memory and cost of this run, and compare them with the budget.",
        settings=("base", "train", "budget", "costs"),
        pool=TRAINING_POOL,  # it may train a few steps to measure them
    ),
    "fine_tune": Stage(
        "training",
        "training.fine_tune",
        ("commit_dataset", "render_data_report"),
        "Train a LoRA adapter on the dataset (QLoRA, supervised fine-tuning).",
        settings=("system_prompt", "base", "train"),
        pool=TRAINING_POOL,
        folder=True,
    ),
    "train_dpo": Stage(
        "training",
        "training.dpo",
        ("fine_tune", "commit_dataset", "commit_preferences", "render_data_report"),
        "Train the adapter further on preference pairs (DPO), if the plan enables it.",
        settings=("system_prompt", "base", "train", "preference"),
        pool=TRAINING_POOL,
        folder=True,
    ),
    "fetch_champion": Stage(
        "training",
        "registry.champion",
        (),
        "Fetch the champion from the model registry: the version that the challenger must beat.",
        outside="which version is champion is decided in MLflow",
    ),
    "export": Stage(
        "training",
        "training.export",
        ("train_dpo", "fetch_champion"),
        "Merge the adapters of challenger and champion into their bases, in the format that is served.",
        settings=("base", "deployment.backends", "deployment.quantisation"),
        pool=TRAINING_POOL,
        folder=True,
    ),
    "rebuild_export": Stage(
        "training",
        "training.export",
        ("fetch_champion",),
        "Merge the champion's adapter into its base again.",
        settings=("base", "deployment.backends", "deployment.quantisation"),
        pool=TRAINING_POOL,
        nightly=False,
    ),
    # ---- evaluation
    "evaluate": Stage(
        "evaluation",
        "evaluation.evaluate",
        ("export", "commit_dataset"),
        "Ask base, base with retrieval, few-shot base, champion and challenger the held-out questions; compare them.",
        settings=("system_prompt", "train.bf16", "refine", "evaluate", "gate", "costs", "knowledge.decline_sentence"),
        pool=TRAINING_POOL,
        folder=True,
        reads=("kits",),
    ),
    "register": Stage(
        "evaluation",
        "registry.register",
        ("evaluate", "export", "commit_dataset", "commit_preferences"),
        "Register the adapter in MLflow as a model version with the alias challenger.",
        settings=TUNABLE,
    ),
    "request_review": Stage(
        "evaluation",
        "evaluation.expert_review",
        ("register", "evaluate"),
        "Put answers of the challenger into MLflow's review queue, if the plan asks for an expert's scores.",
        settings=("review",),
    ),
    "collect_scores": Stage(
        "evaluation",
        "evaluation.expert_review",
        ("request_review",),
        "Collect the scores that the experts gave.",
    ),
    "gate": Stage(
        "evaluation",
        "registry.gate",
        ("register", "evaluate", "collect_scores"),
        "Check the challenger against every rule of the gate.",
        settings=("gate", "review"),
    ),
    # ---- approval
    "collect_evidence": Stage(
        "approval",
        "registry.evidence",
        ("register", "evaluate", "export", "commit_dataset", "gate", "render_data_report"),
        "Collect what the decision rests on (cards, metrics, verdict, SBOM) in one signed folder.",
        settings=TUNABLE,
    ),
    "reject": Stage(
        "approval",
        "registry.promote",
        ("register",),
        "Keep the champion, and record who rejected the challenger and why.",
        signed=True,
    ),
    # ---- release
    "promote": Stage(
        "release",
        "registry.promote",
        ("register", "evaluate", "gate", "collect_evidence"),
        "Make the challenger the champion, and record who approved it and why.",
        signed=True,
    ),
    "deploy": Stage(
        "release",
        "serving.deploy",
        ("promote", "export"),
        "Deploy the champion: publish it, test it with a canary, and shift traffic to it step by step.",
        settings=("deployment",),
    ),
    "append_ledger": Stage(
        "release",
        "registry.ledger",
        ("promote", "deploy"),
        "Append the deployed version to the ledger.",
    ),
    "rollback": Stage(
        "release",
        "registry.rollback",
        (),
        "Make an earlier version the champion again.",
        signed=True,
        nightly=False,
    ),
    "resolve_champion": Stage(
        "release",
        "registry.promote",
        (),
        "Look up the champion, and check that MLflow's alias and the ledger agree on it.",
        nightly=False,
    ),
    **OPERATIONS,
}


def stage_function(name: str) -> Any:
    """Return the function of a stage; its module is imported now, as it may be heavy."""
    return getattr(importlib.import_module(f"pipelines.{STAGES[name].module}"), name)


def source_code(name: str) -> SourceCode:
    """The code that a stage's result depends on: its module's `CODE`, which its fingerprint has, or else all of it."""
    module = f"pipelines.{STAGES[name].module}"
    code: SourceCode = getattr(importlib.import_module(module), "CODE", SourceCode(module))
    return code


def upstream(name: str) -> Iterator[str]:
    """The stages that a stage depends on, directly or not, each once, in an order in which they can run."""
    seen: dict[str, None] = {}

    def visit(stage: str) -> None:
        for source in STAGES[stage].takes:
            visit(source)
        seen.setdefault(stage)

    visit(name)
    return (stage for stage in seen if stage != name)
