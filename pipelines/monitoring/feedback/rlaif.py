"""The judge stage (Auto-RLAIF): the champion's own answers are held against each other, and the better one is learnt.

The facts decide first. Where they say nothing, the judge's model is asked, if it has shown on pairs of which the better
answer is known that its word counts: a small model mostly prefers whichever answer it sees first.
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

CALIBRATION_PAIRS = 40  # pairs by construction that the model is tried on; those that people judged come on top
SOURCE = "rlaif"

Line = dict[str, Any]


def judge_answers(dataset: DatasetVersion, plan: TrainingPlan, work: Path) -> JudgedPairs:
    """Sample answers to questions, judge them pairwise in both orders, and keep the pairs on which one is better.

    Killed on the way, the next run goes on with the next question.

    Raises:
        Unavailable: the gateway or the judge does not answer.
        WeaverError: one of them refuses.
    """
    (work / "judge_answers").mkdir(parents=True, exist_ok=True)
    if not plan.judge.questions:
        return JudgedPairs()
    asked = sample_questions(dataset, plan)
    with connect_gateway() as client:
        who = [settings().judge_url, settings().judge_model, list_versions(client, plan)]
    settings_digest = plan.digest("template", "system_prompt", "judge")
    fingerprint = digest([dataset.digest, settings_digest, asked, who, CODE.digest])[:16]
    folder, memory = work / "judge_answers" / fingerprint, settings().home / "judge_answers" / f"{fingerprint}.jsonl"

    def build(new: Path) -> None:
        tried, lines = judge_questions(asked, dataset, plan, memory)
        pairs = [pair for line in lines for pair in preference_pairs(line, plan)]
        write_jsonl(new / "preferences.jsonl", pairs)
        write_jsonl(new / "judged.jsonl", lines)
        write_text(new / "agreement.json", json.dumps(tried, indent=1))
        made = {"uri": str(folder), "digest": digest(new / "preferences.jsonl")}
        found = summarise_judgements(lines, tried).model_copy(update=made).save(new / "judged.json")
        log.info("%s: %s", plan.template, found.model_dump_json(exclude={"uri", "digest"}))

    memoize_dir(folder, build)
    memory.unlink(missing_ok=True)
    return JudgedPairs.model_validate(read_artifact(folder / "judged.json", made_by="weaver judge"))


def judge_questions(
    asked: list[Question], dataset: DatasetVersion, plan: TrainingPlan, memory: Path
) -> tuple[dict[str, float], list[Line]]:
    """How the judge's model did on known pairs, and a line a comparison; lines in `memory` are not judged again."""
    lines = read_jsonl(memory) if memory.exists() else []
    done = {line["question"] for line in lines}
    with open_judge(plan.judge.rubric) as model, connect_gateway() as client:
        tried = measure_judge(model, dataset, plan)
        trusted = model if tried["kappa"] >= plan.judge.min_kappa else None
        if not trusted:
            log.warning("%s: the judge's model has no say: kappa %.2f", plan.template, tried["kappa"])
        for number, question in enumerate(asked):
            if (name := digest(question.messages)) in done:
                continue
            said = sample_answers(client, question, plan)
            for first, second in [*pairwise(said)] or [("", "")]:  # one answer only: nothing to compare, but done
                found = decide(question, first, second, trusted)
                line = {"question": name, "messages": question.messages, "first": first, "second": second}
                line |= found._asdict()
                append_line(memory, canonical_json(line))
                lines.append(line)
            progress.report_progress(plan.template, "judge_answers", number + 1, len(asked))
    return tried, [line for line in lines if line["first"]]


def measure_judge(model: Judge, dataset: DatasetVersion, plan: TrainingPlan) -> dict[str, float]:
    """The model's agreement with known labels, without the facts: those by construction, and what people gave."""
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


def summarise_judgements(lines: list[Line], tried: dict[str, float]) -> JudgedPairs:
    decided = [line["by"] for line in lines if line["preferred"] != "tie"]
    seen = [line["flipped"] for line in lines if line["by"] == "model"]
    known = round(tried["pairs"])
    flipped = sum(seen) + tried["position_bias"] * known
    return JudgedPairs(
        pairs=len(decided),
        ties=len(lines) - len(decided),
        by_facts=decided.count("facts"),
        by_model=decided.count("model"),
        flipped=sum(seen),
        position_bias=flipped / max(1, known + len(seen)),
        kappa=tried["kappa"],
        agreement=tried["agreement"],
    )
