"""The evaluate stage: the same held-out questions to the base and to what would be served in its place."""

import json
from pathlib import Path
from typing import Any

from pipelines import progress
from pipelines.artifacts import Arm, DatasetVersion, Evaluation, Export
from pipelines.errors import WeaverError
from pipelines.evaluation import report
from pipelines.evaluation.answers import ask
from pipelines.evaluation.metrics import score, summarise
from pipelines.files import digest, once, read_jsonl, write_jsonl, write_text
from pipelines.plan import TrainingPlan


def evaluate(export: Export, dataset: DatasetVersion, plan: TrainingPlan, work: Path) -> Evaluation:
    """Base and challenger, same questions, same decoding; logged to the MLflow run that trained the challenger.

    Raises:
        WeaverError: there is no held-out question to ask.
    """
    rows = chosen(read_jsonl(Path(dataset.uri) / "heldout.jsonl"), plan.evaluate.questions)
    if not rows:
        raise WeaverError(f"{dataset.tag} has no held-out questions", "Raise refine.heldout_share.")
    questions = digest([rows, plan.digest("system_prompt", "evaluate")])
    arms: dict[Arm, Path] = {
        # The base answers the same questions the same way every night: it is asked once.
        "base": once(
            work / "evaluate" / f"base-{digest([export.adapter.base_digest, questions])[:12]}",
            lambda folder: answer(folder, Path(export.base_uri), rows, plan, "base"),
        ),
        "challenger": once(
            work / "evaluate" / f"challenger-{digest([export.digest, questions])[:12]}",
            lambda folder: answer(folder, Path(export.uri), rows, plan, "challenger"),
        ),
    }
    answers = {arm: read_jsonl(folder / "answers.jsonl") for arm, folder in arms.items()}
    figures = {arm: summarise(rows) for arm, rows in answers.items()}
    for arm, folder in arms.items():
        figures[arm]["all"]["latency"] = json.loads((folder / "latency.json").read_text())["median_seconds"]
    report.log(export.adapter.run_id, answers, figures)
    return Evaluation(uri=str(arms["challenger"]), run_id=export.adapter.run_id, figures=figures)


def answer(folder: Path, model: Path, rows: list[dict[str, Any]], plan: TrainingPlan, arm: Arm) -> None:
    """Write answers.jsonl (question, truth, answer and its score, a row each) and latency.json into `folder`."""
    results, latency = ask(
        model, rows, plan, lambda done, total: progress.report(plan.template, "evaluate", done, total, arm)
    )
    write_jsonl(
        folder / "answers.jsonl",
        (
            {key: row[key] for key in ("instruction", "input", "topic", "kind", "source", "key")}
            | {"truth": row["output"], "expected": row["facts"]}
            | result
            | score(row, result["answer"])
            for row, result in zip(rows, results, strict=True)
        ),
    )
    write_text(folder / "latency.json", json.dumps({"median_seconds": latency}))


def chosen(rows: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """At most `limit` rows (0: all), in turn from each topic, so that none is left out."""
    if not limit or limit >= len(rows):
        return rows
    topics: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        topics.setdefault(row["topic"], []).append(row)
    rank = {id(row): (place, topic) for topic, members in topics.items() for place, row in enumerate(members)}
    return sorted(rows, key=lambda row: rank[id(row)])[:limit]
