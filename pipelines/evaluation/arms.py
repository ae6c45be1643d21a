"""The arms of an evaluation: what answers the held-out questions, and what each of them is shown.

Every arm gets the production prompt: the system prompt, the question, and below it the passages that were looked up.
The base alone gets no passages, so that the evaluation shows what retrieval gives without any training. Questions that
two arms of one model are asked in the same words are answered once.
"""

from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core import progress
from pipelines.core.artifacts import Arm, Export
from pipelines.core.files import digest, memoize_dir, read_jsonl, write_jsonl
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.evaluation.generate import LATENCY_QUESTIONS, AnswerGenerator, Examples
from pipelines.kits.field_questions import digest_asked_fields

Row = dict[str, Any]

GENERATION = SourceCode("pipelines.evaluation.generate")  # answers take hours; they are kept when only metrics change
REFERENCE_LATENCY_QUESTIONS = 2  # the gate limits the challenger's latency only; the other arms' is for comparison
KNOWLEDGE = "knowledge"  # kind of the rows whose input is passages that were looked up


class ArmConfig(NamedTuple):
    """An arm: the model folder that answers, the rows that it is asked, and the examples shown before each question."""

    folder: Path
    digest: str
    rows: list[Row]
    signed: bool = True
    examples: Examples = {}
    latency_questions: int = REFERENCE_LATENCY_QUESTIONS


class ModelLoader:
    """Loads the model of an arm, and keeps one at a time: two may exceed the machine's memory."""

    def __init__(self, plan: TrainingPlan) -> None:
        self.plan, self.folder = plan, Path()
        self.model: AnswerGenerator | None = None

    def load(self, arm: ArmConfig) -> AnswerGenerator:
        """Return the model of an arm; two arms of one folder share it.

        Raises:
            WeaverError: an exported folder differs from what was signed.
        """
        if self.model is None or self.folder != arm.folder:
            self.model = None
            self.model, self.folder = AnswerGenerator(arm.folder, self.plan, arm.signed), arm.folder
        return self.model


def list_arms(export: Export, rows: list[Row], examples: Examples) -> dict[Arm, ArmConfig]:
    """The arms, in the order in which a challenger has to beat them; without a champion, if there is none yet.

    Args:
        examples: what the few-shot base is shown before each topic's questions.
    """
    base, base_digest = Path(export.base_uri), export.adapter.base_digest
    arms: dict[Arm, ArmConfig] = {
        "base": ArmConfig(base, base_digest, [without_passages(row) for row in rows], signed=False),
        "base_retrieval": ArmConfig(base, base_digest, rows, signed=False),
        "few_shot": ArmConfig(base, base_digest, rows, signed=False, examples=examples),
    }
    if export.champion_uri:
        arms["champion"] = ArmConfig(Path(export.champion_uri), export.champion_digest, rows)
    arms["challenger"] = ArmConfig(Path(export.uri), export.digest, rows, latency_questions=LATENCY_QUESTIONS)
    return arms


def without_passages(row: Row) -> Row:
    """A row as it is asked where nothing is looked up; a record that the asker brought stays."""
    return row | {"input": ""} if row["kind"] == KNOWLEDGE else row


def generate_answers(arms: dict[Arm, ArmConfig], arm: Arm, loader: ModelLoader, plan: TrainingPlan, work: Path) -> Path:
    """Return the folder of an arm's answers.jsonl and timings.jsonl.

    They are kept and found again by model, questions, examples and decoding: the base answers the questions of an
    unchanged dataset once, however often a challenger is evaluated. The base with retrieval takes over the answers of
    the base to questions that are the same for both.
    """
    config = arms[arm]
    inputs = digest(
        [
            config.digest,
            config.examples,
            config.latency_questions,
            [question_texts(row) for row in config.rows],
            digest_generation(plan),
        ]
    )

    def report_progress(done: int, total: int) -> None:
        progress.report_progress(plan.template, "evaluate", done, total, arm)

    def build(new: Path) -> None:
        by_question: dict[tuple[str, ...], Row] = {}
        if arm == "base_retrieval":
            base = generate_answers(arms, "base", loader, plan, work)
            by_question = dict(
                zip(map(question_texts, arms["base"].rows), read_jsonl(base / "answers.jsonl"), strict=True)
            )
        missing = [row for row in config.rows if question_texts(row) not in by_question]
        model = loader.load(config)
        answers = model.answer_rows(missing, report_progress, config.examples)
        by_question |= zip(map(question_texts, missing), answers, strict=True)
        write_jsonl(new / "answers.jsonl", [by_question[question_texts(row)] for row in config.rows])
        timings = model.measure_latency(config.rows, config.examples, config.latency_questions)
        write_jsonl(new / "timings.jsonl", timings)

    return memoize_dir(work / "evaluate" / f"{arm}-{inputs[:12]}", build)


def digest_generation(plan: TrainingPlan) -> str:
    """What a model's answers depend on beside the model and the questions."""
    decoding = plan.evaluate.model_dump(include={"batch_size", "max_new_tokens"})
    shown = [plan.system_prompt, plan.knowledge.decline_sentence, digest_asked_fields(plan.data.source)]
    return digest([decoding, plan.train.bf16, shown, GENERATION.digest])


def question_texts(row: Row) -> tuple[str, ...]:
    """What a row is asked, and the true answer that is scored: equal for two rows whose result is the same."""
    return row["instruction"], row["input"], row["output"]
