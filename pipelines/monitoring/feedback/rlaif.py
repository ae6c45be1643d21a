"""The stage `judge_answers` (RLAIF): compares answers of the champion, and makes preference pairs of better and worse.

The facts decide first. If they do not, the judge's model decides, but only if it agrees well enough with labelled
pairs: a small model mostly prefers whichever answer it sees first.
"""

import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipelines.core import progress
from pipelines.core.artifacts import DatasetVersion, JudgedPairs, read_artifact
from pipelines.core.files import append_line, canonical_json, digest, memoize_dir, read_jsonl, write_jsonl, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.monitoring.feedback.agreement import measure_agreement
from pipelines.monitoring.feedback.candidate_answers import (
    connect_gateway,
    list_versions,
    sample_answers,
    sample_questions,
)
from pipelines.monitoring.feedback.fact_check import Question
from pipelines.monitoring.feedback.judge import Judge, decide, open_judge
from pipelines.monitoring.feedback.labelled_pairs import construct_pairs, read_rated_pairs

CODE = SourceCode(__name__)
log = logging.getLogger(__name__)

CALIBRATION_PAIRS = 40  # constructed pairs on which the model is measured; those from ratings come on top
SOURCE = "rlaif"

Line = dict[str, Any]


def judge_answers(dataset: DatasetVersion, plan: TrainingPlan, work: Path) -> JudgedPairs:
    """Sample answers to questions, compare them pairwise in both orders, and keep the pairs in which one is better.

    If it is killed, the next run continues with the next question.

    Raises:
        Unavailable: the gateway or the judge does not answer.
        WeaverError: one of them refused.
    """
    (work / "judge_answers").mkdir(parents=True, exist_ok=True)
    if not plan.judge.questions:
        return JudgedPairs()
    questions = sample_questions(dataset, plan)
    with connect_gateway() as client:
        judge_and_versions = [settings().judge_url, settings().judge_model, list_versions(client, plan)]
    settings_digest = plan.digest("template", "system_prompt", "judge")
    fingerprint = digest([dataset.digest, settings_digest, questions, judge_and_versions, CODE.digest])[:16]
    folder, checkpoint = (
        work / "judge_answers" / fingerprint,
        settings().home / "judge_answers" / f"{fingerprint}.jsonl",
    )

    def build(new: Path) -> None:
        agreement, lines = judge_questions(questions, dataset, plan, checkpoint)
        pairs = [pair for line in lines for pair in preference_pairs(line, plan)]
        write_jsonl(new / "preferences.jsonl", pairs)
        write_jsonl(new / "judged.jsonl", lines)
        write_text(new / "agreement.json", json.dumps(agreement, indent=1))
        location = {"uri": str(folder), "digest": digest(new / "preferences.jsonl")}
        summary = summarise_judgements(lines, agreement).model_copy(update=location).save(new / "judged.json")
        log.info("%s: %s", plan.template, summary.model_dump_json(exclude={"uri", "digest"}))

    memoize_dir(folder, build)
    checkpoint.unlink(missing_ok=True)
    return JudgedPairs.model_validate(
        read_artifact(folder / "judged.json", made_by=f"weaver judge-answers {plan.template}")
    )


def judge_questions(
    questions: list[Question], dataset: DatasetVersion, plan: TrainingPlan, checkpoint: Path
) -> tuple[dict[str, float], list[Line]]:
    """Compare the champion's answers to each question; comparisons in the file `checkpoint` are not repeated.

    Returns:
        How the judge's model did on labelled pairs, and one line per comparison.
    """
    lines = read_jsonl(checkpoint) if checkpoint.exists() else []
    done = {line["question"] for line in lines}
    with open_judge(plan.judge.rubric) as model, connect_gateway() as client:
        agreement = measure_judge(model, dataset, plan)
        trusted = model if agreement["kappa"] >= plan.judge.min_kappa else None
        if not trusted:
            log.warning(
                "%s: the judge's model decides nothing, its kappa on labelled pairs is only %.2f",
                plan.template,
                agreement["kappa"],
            )
        for number, question in enumerate(questions):
            if (name := digest(question.messages)) in done:
                continue
            answers = sample_answers(client, question, plan)
            for first, second in [*pairwise(answers)] or [
                ("", "")
            ]:  # a single answer is not compared, but the question is done
                judgement = decide(question, first, second, trusted)
                line = {"question": name, "messages": question.messages, "first": first, "second": second}
                line |= judgement._asdict()
                append_line(checkpoint, canonical_json(line))
                lines.append(line)
            progress.report_progress(plan.template, "judge_answers", number + 1, len(questions))
    return agreement, [line for line in lines if line["first"]]


def measure_judge(model: Judge, dataset: DatasetVersion, plan: TrainingPlan) -> dict[str, float]:
    """The model's agreement with labelled pairs, constructed ones and those from ratings, without the help of facts."""
    rows = read_jsonl(Path(dataset.uri) / "train.jsonl")
    return measure_agreement(
        [*construct_pairs(rows, CALIBRATION_PAIRS), *read_rated_pairs(plan.template)], model.compare
    )


def preference_pairs(line: Line, plan: TrainingPlan) -> list[Line]:
    """The preference pair of a comparison, if it has a better answer."""
    if line["preferred"] == "tie":
        return []
    better, worse = ("first", "second") if line["preferred"] == "first" else ("second", "first")
    prompt = [{"role": "system", "content": plan.system_prompt}, *line["messages"]]
    return [{"prompt": prompt, "chosen": line[better], "rejected": line[worse], "source": SOURCE}]


def summarise_judgements(lines: list[Line], agreement: dict[str, float]) -> JudgedPairs:
    """Counts of the comparisons, beside the model's agreement with labelled pairs."""
    decided = [line["by"] for line in lines if line["preferred"] != "tie"]
    seen = [line["flipped"] for line in lines if line["by"] == "model"]
    labelled = round(agreement["pairs"])
    flipped = sum(seen) + agreement["position_bias"] * labelled
    return JudgedPairs(
        pairs=len(decided),
        ties=len(lines) - len(decided),
        by_facts=decided.count("facts"),
        by_model=decided.count("model"),
        flipped=sum(seen),
        position_bias=flipped / max(1, labelled + len(seen)),
        kappa=agreement["kappa"],
        agreement=agreement["agreement"],
    )
