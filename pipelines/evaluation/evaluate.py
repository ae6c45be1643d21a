"""The evaluate stage: base, base with retrieval, few-shot base, champion and challenger answer the same questions.

What is evaluated is what would be deployed: the exported folders, not the model as training had it in memory.
"""

import json
import logging
from pathlib import Path
from typing import Any

from pipelines.core import progress
from pipelines.core.artifacts import Arm, Behaviour, DatasetVersion, Evaluation, Export, read_artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, memoize_dir, read_jsonl, write_jsonl, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.kits import load_kits
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.evaluation import evaluation_report, few_shot
from pipelines.evaluation.arms import ArmConfig, ModelLoader, digest_generation, generate_answers, list_arms
from pipelines.evaluation.metrics import latency_metrics, score_answer, summarise_slices
from pipelines.evaluation.outcomes import outcome_metrics
from pipelines.evaluation.risk_coverage import (
    RISK_COVERAGE,
    calibrate,
    find_threshold,
    find_unsure,
    trace_risk_coverage,
)
from pipelines.evaluation.slices import cluster_name, find_leaks, name_slices
from pipelines.text.importance import required_facts

Row = dict[str, Any]

log = logging.getLogger(__name__)
CODE = SourceCode(__name__)
BEHAVIOURS = SourceCode("pipelines.evaluation.behaviour_runs")

DEPLOYED: frozenset[Arm] = frozenset({"champion", "challenger"})
WRONG = "wrong_confident"  # the metric by which answers are compared beside the gate's
GOLDEN, GOLDEN_ROWS = "golden.jsonl", 20
GOLDEN_CONFIDENCE = 0.9  # geometric mean of the probabilities of an answer's tokens


def evaluate(export: Export, dataset: DatasetVersion, plan: TrainingPlan, work: Path) -> Evaluation:
    """Evaluate all arms on the same questions with the same decoding; compare them, run the behaviour tests, write the
    report, and log everything to the MLflow run that trained the challenger.

    Raises:
        WeaverError: there are no held-out questions, or a duplicate one; an exported folder differs from what was
            signed; a metric is not finite.
        Unavailable: MLflow does not answer; run again when it does.
    """
    train, heldout = (read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout"))
    rows = sample_by_topic(add_row_ids(heldout, dataset), plan.evaluate.questions)
    examples = few_shot.select_examples(train, [row["topic"] for row in rows], plan.evaluate.few_shot)
    arms, loader = list_arms(export, rows, examples), ModelLoader(plan)
    folders = {arm: generate_answers(arms, arm, loader, plan, work) for arm in arms}
    behaviours = test_behaviours(arms["challenger"], loader, plan, work)
    answered = {arm: folder.name for arm, folder in folders.items()}
    declining = plan.knowledge.decline_sentence
    inputs = digest(
        [dataset.digest, export.adapter.run_id, answered, behaviours.name, export.champion_version, declining]
    )
    hour = plan.costs.hour(gpus=has_gpu())  # a changed rate gives a new evaluation from the same answers
    fingerprint = digest([inputs, plan.digest("refine", "evaluate", "gate"), hour, CODE.digest])[:12]
    folder = work / "evaluate" / f"evaluation-{fingerprint}"

    def build(new: Path) -> None:
        from pipelines.evaluation.paired_statistics import compare_arms

        answers = {arm: score_rows(rows, read_jsonl(folders[arm] / "answers.jsonl"), declining) for arm in folders}
        curves = {arm: trace_risk_coverage(lines) for arm, lines in answers.items()}
        threshold = calibrate(answers["challenger"], plan.evaluate.target_risk)
        for arm in DEPLOYED & answers.keys():  # as the gateway would send their answers
            answers[arm] = decline_unsure(rows, answers[arm], plan)
        metrics = {arm: summarise_slices(arm, lines) for arm, lines in answers.items()}
        for arm, lines in answers.items():
            metrics[arm]["all"] |= latency_metrics(read_jsonl(folders[arm] / "timings.jsonl"), hour)
            if point := find_threshold(curves[arm], plan.evaluate.target_risk):
                metrics[arm]["all"] |= {"confidence_threshold": point["threshold"], "coverage": point["coverage"]}
            write_jsonl(new / evaluation_report.answers_file(arm), lines)
        risks = {"target_risk": plan.evaluate.target_risk, "min_confidence": threshold, "arms": curves}
        write_text(new / RISK_COVERAGE, json.dumps(risks, indent=1))
        judged = metrics["challenger"]["all"]["judged"]
        write_jsonl(new / GOLDEN, select_golden_questions(answers))
        tested = json.loads((behaviours / "behaviours.json").read_text())
        questions = [question for case in tested["cases"] for question in case["questions"]]
        if leaked := find_leaks(train, questions, plan.refine.near_duplicate):
            log.warning("%d of %d behaviour questions are training questions too", len(leaked), len(questions))
        evaluation = Evaluation(
            uri=str(folder),
            run_id=export.adapter.run_id,
            champion=export.champion_version,
            metrics=metrics,
            comparisons=[
                *compare_arms(answers, plan.gate.metric, plan.evaluate),
                *(compare_arms(answers, WRONG, plan.evaluate, by_slice=False) if judged else []),
            ],
            behaviours=[Behaviour.model_validate(behaviour) for behaviour in tested["behaviours"]],
            changed_share=changed_share(answers),
            leaked_questions=len(find_leaks(train, rows, plan.refine.near_duplicate)),
        )
        evaluation_report.write_report(evaluation, answers, train, tested["cases"], dataset, plan, new)
        evaluation.save(new / "evaluation.json")

    memoize_dir(folder, build)
    evaluation = Evaluation.model_validate(read_artifact(folder / "evaluation.json", made_by="weaver evaluate"))
    evaluation_report.log_evaluation(evaluation)
    return evaluation


def test_behaviours(arm: ArmConfig, loader: ModelLoader, plan: TrainingPlan, work: Path) -> Path:
    """Return the folder of behaviours.json: the results of the kit's behaviour tests, and each of their cases."""
    from pipelines.evaluation.behaviour_runs import run_behaviour_tests

    files = [kit.folder / "behaviours" for kit in load_kits().values()]
    tests = [digest(folder) for folder in files if folder.is_dir()]
    inputs = digest([arm.digest, tests, plan.template, digest_generation(plan), BEHAVIOURS.digest])

    def build(new: Path) -> None:
        progress.report_progress(plan.template, "evaluate", 0, 1, "behaviour tests")
        behaviours, cases = run_behaviour_tests(plan.template, lambda rows: loader.load(arm).generate_texts(rows))
        results = {"behaviours": [behaviour.model_dump() for behaviour in behaviours], "cases": cases}
        write_text(new / "behaviours.json", json.dumps(results, indent=1))

    return memoize_dir(work / "evaluate" / f"behaviours-{inputs[:12]}", build)


def add_row_ids(heldout: list[Row], dataset: DatasetVersion) -> list[Row]:
    """Return the held-out rows, each with an `id` made from its question.

    Raises:
        WeaverError: there is none, or a question occurs twice; names the lines.
    """
    if not heldout:
        raise WeaverError(f"{dataset.tag} has no held-out questions.", "Raise refine.heldout_share.")
    rows = [row | {"id": digest([row["instruction"], row["input"]])[:16]} for row in heldout]
    first: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if (before := first.setdefault(row["id"], number)) != number:
            raise WeaverError(
                f"{dataset.uri}/heldout.jsonl, lines {before} and {number}: the same question twice, "
                f"“{row['instruction']}”.",
                "Keep exact_duplicates and near_duplicates in refine.steps, or remove one of the rows.",
            )
    return rows


def sample_by_topic(rows: list[Row], limit: int) -> list[Row]:
    """Return at most `limit` rows (0: all), taken from each topic in turn, so that no topic is left out."""
    if not limit or limit >= len(rows):
        return rows
    topics: dict[str, list[Row]] = {}
    for row in rows:
        topics.setdefault(row["topic"], []).append(row)
    rank = {id(row): (number, topic) for topic, members in topics.items() for number, row in enumerate(members)}
    return sorted(rows, key=lambda row: rank[id(row)])[:limit]


def score_rows(rows: list[Row], results: list[Row], decline_sentence: str) -> list[Row]:
    """Join questions, answers and the answers' metrics: the rows of answers.jsonl; without optional facts."""
    question_keys = ("id", "instruction", "input", "topic", "kind", "source", "key", "group")
    return [
        {key: row[key] for key in question_keys}
        | {"truth": row["output"], "expected_facts": required_facts(row), "slices": names, "cluster": cluster_name(row)}
        | result
        | score_answer(row, result["answer"])
        | outcome_metrics(row, result["sent"], decline_sentence)
        for row, names, result in zip(rows, name_slices(rows), results, strict=True)
    ]


def decline_unsure(rows: list[Row], answers: list[Row], plan: TrainingPlan) -> list[Row]:
    """The scored answers, of which those that the model is not sure enough of are sent as the decline sentence."""
    declining, sent = plan.knowledge.decline_sentence, []
    for row, answer, unsure in zip(rows, answers, find_unsure(answers, plan.evaluate.target_risk), strict=True):
        declined = {"sent": declining} | outcome_metrics(row, declining, declining) if unsure else {}
        sent.append(answer | declined | {"unsure": unsure})
    return sent


def changed_share(answers: dict[Arm, list[Row]]) -> float:
    """Share of the questions (0 to 1) that the challenger answers differently than its base on the same prompts."""
    pairs = list(zip(answers["base_retrieval"], answers["challenger"], strict=True))
    changed = [bool(base["answer"] != challenger["answer"]) for base, challenger in pairs]
    return sum(changed) / len(changed)


def select_golden_questions(answers: dict[Arm, list[Row]]) -> list[Row]:
    """Select questions that a deployment asks again, to check that it serves the evaluated model.

    Preferred are questions that were answered correctly, with high confidence, and differently than by the base on the
    same prompt, of every topic in turn: another engine rounds differently, so an answer of low confidence may change.
    """
    pairs = sorted(
        zip(answers["base_retrieval"], answers["challenger"], strict=True), key=lambda pair: -pair[1]["confidence"]
    )
    distinctive: list[Row] = []
    others: list[Row] = []
    for base, row in pairs:
        if not row["shown"]:  # no model is asked it
            continue
        question = {
            "topic": row["topic"],
            "question": row["shown"],
            "answer": row["answer"],
            "base": base["answer"],
            "facts": list(row["expected_facts"].values()),
        }
        is_distinctive = (
            row["score"] == 1 and row["confidence"] >= GOLDEN_CONFIDENCE and row["answer"] != base["answer"]
        )
        (distinctive if is_distinctive else others).append(question)
    return [*sample_by_topic(distinctive, GOLDEN_ROWS), *others][:GOLDEN_ROWS]
