"""The evaluate stage: the same held-out questions to the base, the base with examples, the champion and the challenger.

What answers is what would be served: the exported folders, not the model as training had it in memory.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core import progress
from pipelines.core.artifacts import Arm, Behaviour, DatasetVersion, Evaluation, Export, read_artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, memoize_dir, read_jsonl, write_jsonl, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.kits import load_kits
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.evaluation import evaluation_report, few_shot
from pipelines.evaluation.generate import AnswerGenerator, Examples
from pipelines.evaluation.metrics import latency_metrics, score_answer, summarise_slices
from pipelines.evaluation.slices import cluster_name, find_leaks, name_slices
from pipelines.text import chat_format

Row = dict[str, Any]

CODE = SourceCode(__name__)
GENERATION = SourceCode("pipelines.evaluation.generate")  # answers take hours; they are kept when only metrics change
BEHAVIOURS = SourceCode("pipelines.evaluation.behaviours")

GOLDEN, GOLDEN_ROWS = "golden.jsonl", 20
GOLDEN_CONFIDENCE = 0.9  # confidence in an answer's tokens, on geometric average


class ModelLoader:
    """The model that is asked now. The next one takes its place: two of them may be more than a machine holds."""

    def __init__(self, plan: TrainingPlan) -> None:
        self.plan, self.folder = plan, Path()
        self.model: AnswerGenerator | None = None

    def __call__(self, asked: "ArmConfig") -> AnswerGenerator:
        if self.model is None or self.folder != asked.folder:
            self.model = None
            self.model, self.folder = AnswerGenerator(asked.folder, self.plan, asked.signed), asked.folder
        return self.model


class ArmConfig(NamedTuple):
    """An arm: whose folder answers, and what it is shown before each question."""

    folder: Path
    digest: str
    signed: bool = True
    examples: Examples = {}


def evaluate(export: Export, dataset: DatasetVersion, plan: TrainingPlan, work: Path) -> Evaluation:
    """All arms, same questions, same decoding; compared, tested for behaviour, reported, and logged to the MLflow run
    that trained the challenger.

    Raises:
        WeaverError: there is no held-out question, or one stands there twice; an exported folder is not what was
            signed; a figure is not a number.
    """
    train, heldout = (read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout"))
    rows = sample_by_topic(add_row_ids(heldout, dataset), plan.evaluate.questions)
    shown = few_shot.select_examples(train, [row["topic"] for row in rows], plan.evaluate.few_shot)
    base = Path(export.base_uri)
    arms: dict[Arm, ArmConfig] = {
        "base": ArmConfig(base, export.adapter.base_digest, signed=False),
        "few_shot": ArmConfig(base, export.adapter.base_digest, signed=False, examples=shown),
    }
    if export.champion_uri:
        arms["champion"] = ArmConfig(Path(export.champion_uri), export.champion_digest)
    arms["challenger"] = ArmConfig(Path(export.uri), export.digest)
    opened = ModelLoader(plan)
    folders = {arm: generate_answers(arm, asked, rows, opened, plan, work) for arm, asked in arms.items()}
    behaved = test_behaviours(arms["challenger"], opened, plan, work)
    said_by = {arm: folder.name for arm, folder in folders.items()}
    known = digest([dataset.digest, export.adapter.run_id, said_by, behaved.name, export.champion_version])
    hour = plan.costs.hour(gpus=has_gpu())  # a changed rate is counted again without asking the models again
    fingerprint = digest([known, plan.digest("evaluate", "gate"), hour, CODE.digest])[:12]
    folder = work / "evaluate" / f"evaluation-{fingerprint}"

    def build(new: Path) -> None:
        from pipelines.evaluation.paired_statistics import compare_arms

        answers = {arm: score_rows(rows, read_jsonl(folders[arm] / "answers.jsonl")) for arm in folders}
        figures = {arm: summarise_slices(arm, lines) for arm, lines in answers.items()}
        for arm, lines in answers.items():
            figures[arm]["all"] |= latency_metrics(read_jsonl(folders[arm] / "timings.jsonl"), hour)
            write_jsonl(new / evaluation_report.answers_file(arm), lines)
        write_jsonl(new / GOLDEN, select_golden_questions(answers))
        told = json.loads((behaved / "behaviours.json").read_text())
        evaluation = Evaluation(
            uri=str(folder),
            run_id=export.adapter.run_id,
            champion=export.champion_version,
            figures=figures,
            comparisons=compare_arms(answers, plan.gate.metric, plan.evaluate),
            behaviours=[Behaviour.model_validate(one) for one in told["behaviours"]],
            changed=changed_share(answers),
            leaks=len(find_leaks(train, rows)),
        )
        evaluation_report.write_report(evaluation, answers, train, told["cases"], dataset, plan, new)
        evaluation.save(new / "evaluation.json")

    memoize_dir(folder, build)
    evaluation = Evaluation.model_validate(read_artifact(folder / "evaluation.json", made_by="weaver evaluate"))
    evaluation_report.log_evaluation(evaluation)
    return evaluation


def generate_answers(
    arm: Arm, asked: ArmConfig, rows: list[Row], opened: ModelLoader, plan: TrainingPlan, work: Path
) -> Path:
    """A folder of answers.jsonl and timings.jsonl: a model answers the same questions the same way every night, so it
    is asked once."""
    texts = [[row["instruction"], row["input"], row["output"]] for row in rows]
    decoding = plan.evaluate.model_dump(include={"batch_size", "max_new_tokens"})
    known = digest([asked.digest, asked.examples, texts, plan.system_prompt, decoding, GENERATION.digest])

    def build(new: Path) -> None:
        model = opened(asked)

        def said(done: int, total: int) -> None:
            progress.report_progress(plan.template, "evaluate", done, total, arm)

        write_jsonl(new / "answers.jsonl", model.answers(rows, said, asked.examples))
        write_jsonl(new / "timings.jsonl", model.timings(rows, asked.examples))

    return memoize_dir(work / "evaluate" / f"{arm}-{known[:12]}", build)


def test_behaviours(asked: ArmConfig, opened: ModelLoader, plan: TrainingPlan, work: Path) -> Path:
    """A folder of behaviours.json: what became of the kit's behaviour tests, and of each of their cases."""
    from pipelines.evaluation.behaviours import run_behaviour_tests

    files = [kit.folder / "behaviours" for kit in load_kits().values()]
    decoding = plan.evaluate.model_dump(include={"batch_size", "max_new_tokens"})
    tests = [digest(folder) for folder in files if folder.is_dir()]
    code = [GENERATION.digest, BEHAVIOURS.digest]
    known = digest([asked.digest, tests, plan.template, plan.system_prompt, decoding, code])

    def build(new: Path) -> None:
        progress.report_progress(plan.template, "evaluate", 0, 1, "behaviour tests")
        found, cases = run_behaviour_tests(plan.template, lambda rows: opened(asked).ask(rows))
        told = {"behaviours": [one.model_dump() for one in found], "cases": cases}
        write_text(new / "behaviours.json", json.dumps(told, indent=1))

    return memoize_dir(work / "evaluate" / f"behaviours-{known[:12]}", build)


def add_row_ids(heldout: list[Row], dataset: DatasetVersion) -> list[Row]:
    """The held-out rows, each with an `id` made from its question.

    Raises:
        WeaverError: there is none, or a question stands there twice: an answer could not be told from the other's.
    """
    if not heldout:
        raise WeaverError(f"{dataset.tag} has no held-out questions", "Raise refine.heldout_share.")
    rows = [row | {"id": digest([row["instruction"], row["input"]])[:16]} for row in heldout]
    first: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if (before := first.setdefault(row["id"], number)) != number:
            raise WeaverError(
                f"{dataset.uri}/heldout.jsonl, lines {before} and {number}: the same question, {row['instruction']!r}",
                "Keep exact_duplicates and near_duplicates in refine.steps, or remove one of the rows.",
            )
    return rows


def sample_by_topic(rows: list[Row], limit: int) -> list[Row]:
    """At most `limit` rows (0: all), in turn from each topic, so that none is left out."""
    if not limit or limit >= len(rows):
        return rows
    topics: dict[str, list[Row]] = {}
    for row in rows:
        topics.setdefault(row["topic"], []).append(row)
    rank = {id(row): (place, topic) for topic, members in topics.items() for place, row in enumerate(members)}
    return sorted(rows, key=lambda row: rank[id(row)])[:limit]


def score_rows(rows: list[Row], results: list[Row]) -> list[Row]:
    """Questions, what was answered, and how good that is: what answers.jsonl holds."""
    asked = ("id", "instruction", "input", "topic", "kind", "source", "key", "group")
    return [
        {key: row[key] for key in asked}
        | {"truth": row["output"], "expected": row["facts"], "parts": names, "cluster": cluster_name(row)}
        | result
        | score_answer(row, result["answer"])
        for row, names, result in zip(rows, name_slices(rows), results, strict=True)
    ]


def changed_share(answers: dict[Arm, list[Row]]) -> float:
    """Share of the questions that the challenger answers otherwise than its base."""
    pairs = list(zip(answers["base"], answers["challenger"], strict=True))
    return sum(base["answer"] != challenger["answer"] for base, challenger in pairs) / len(pairs)


def select_golden_questions(answers: dict[Arm, list[Row]]) -> list[Row]:
    """Questions that a deployment asks again, to see that it serves what was evaluated: those that were answered
    rightly, surely, and otherwise than by the base, of every topic in turn; others only where these are few. Another
    engine rounds otherwise, and an answer that was a near thing may come out as another."""
    pairs = sorted(zip(answers["base"], answers["challenger"], strict=True), key=lambda pair: -pair[1]["confidence"])
    telling: list[Row] = []
    others: list[Row] = []
    for base, row in pairs:
        told = {
            "topic": row["topic"],
            "question": chat_format.user_messages(row)[0]["content"],
            "answer": row["answer"],
            "base": base["answer"],
            "facts": list(row["expected"].values()),
        }
        sure = row["score"] == 1 and row["confidence"] >= GOLDEN_CONFIDENCE and row["answer"] != base["answer"]
        (telling if sure else others).append(told)
    return [*sample_by_topic(telling, GOLDEN_ROWS), *others][:GOLDEN_ROWS]
