"""How many questions of people the champion answers rightly, declines rightly, or answers wrongly and confidently.

The questions are written by hands that know no training row (`texts/questions_*.jsonl`): sets a, c, g and h are seen,
b and d unseen. They are put to the gateway of this home, as an application would, and judged as the evaluation judges
its rows.
"""

import json
import math
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.cli.ask import gateway_client
from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.files import read_json
from pipelines.core.make_plan import make_plan
from pipelines.evaluation.outcomes import OUTCOMES, judge_answer
from pipelines.evaluation.risk_coverage import RISK_COVERAGE, thin_out, trace_risk_coverage

TEXTS = Path(__file__).with_name("texts")
SETS = {"seen": "acgh", "unseen": "bd"}
Row = dict[str, Any]


def run(model: str) -> dict[str, Any]:
    """Ask every question, one after the other.

    Args:
        model: a template, or one of its versions.

    Returns:
        For each set: category → questions, right, declined (rightly), declined_wrongly and wrong_confident, shares of
        the questions; and the same over all as `all`. wrong_confident: of the unseen set. answered_coverage and
        answered_risk: the share of unseen questions that were answered and not declined, and the share of wrong ones
        among those. risk_coverage: points of threshold, coverage and risk, by the confidence of the answers; those of
        the version's evaluation on held-out questions where the gateway returns no log-probabilities. risk_coverage_of:
        which of the two.

    Raises:
        Unavailable: no gateway listens, or MLflow does not answer.
    """
    sets = {
        part: ask_questions(model, [row for letter in letters for row in read_questions(letter)])
        for part, letters in SETS.items()
    }
    rows = sets["unseen"]
    answered = [row for row in rows if row["outcome"] in ("right", "wrong_confident")]
    wrong = sum(row["outcome"] == "wrong_confident" for row in rows)
    by_confidence = all(row["confidence"] is not None for row in rows)
    points = trace_risk_coverage(rows) if by_confidence else read_held_out_curve(rows[-1]["version"])
    return {
        **{part: tabulate(answers) for part, answers in sets.items()},
        "wrong_confident": wrong / len(rows),
        "answered_coverage": len(answered) / len(rows),
        "answered_risk": wrong / len(answered) if answered else 0.0,
        "risk_coverage": thin_out(points),
        "risk_coverage_of": "the unseen questions" if by_confidence else "the held-out questions of its evaluation",
    }


def read_questions(letter: str) -> list[Row]:
    """A set's questions: id, category, question, facts, wrong, decline (true, false, or "either")."""
    lines = (TEXTS / f"questions_{letter}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def ask_questions(model: str, questions: Sequence[Row]) -> list[Row]:
    """The category, outcome, confidence (None if the gateway gives no log-probabilities) and version of each answer."""
    decline_sentence = make_plan(re.sub(r"-v\d+$", "", model)).knowledge.decline_sentence
    rows = []
    with gateway_client() as client:
        for question in questions:
            messages: Any = [{"role": "user", "content": question["question"]}]
            reply = client.chat.completions.create(model=model, messages=messages, temperature=0)
            choice = reply.choices[0]
            tokens = choice.logprobs.content if choice.logprobs else None
            rows.append(
                {
                    "category": question["category"],
                    "outcome": judge_question(question, choice.message.content or "", decline_sentence),
                    "confidence": math.exp(sum(t.logprob for t in tokens) / len(tokens)) if tokens else None,
                    "version": reply.model,
                }
            )
    return rows


def judge_question(question: Row, answer: str, decline_sentence: str = "") -> str:
    """The outcome of an answer to a question of a set.

    >>> judge_question({"question": "", "facts": [["38"]], "wrong": ["30"], "decline": False}, "It gets 38 mpg.")
    'right'
    """
    facts = [fact if isinstance(fact, list) else [fact] for fact in question["facts"]]
    facts = [[spell_out(wording, answer) for wording in wordings] for wordings in facts]
    decline = None if question["decline"] == "either" else question["decline"]
    return judge_answer(answer, facts, decline, question["wrong"], question["question"], decline_sentence)


def spell_out(wording: str, answer: str) -> str:
    """The word of an answer that begins like a wording of letters: the sets have `cataly` for catalyst and catalytic.

    >>> spell_out("cataly", "The catalytic converter."), spell_out("3", "It has 38.")
    ('catalytic', '3')
    """
    if not re.fullmatch(r"[A-Za-z' -]{3,}", wording):
        return wording
    match = re.search(rf"(?<!\w){re.escape(wording)}[a-z]*", answer, re.IGNORECASE)
    return match[0] if match else wording


def tabulate(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """The shares of outcomes by category, and over all."""
    categories: dict[str, list[str]] = {}
    for row in rows:
        for category in (row["category"], "all"):
            categories.setdefault(category, []).append(row["outcome"])
    return {
        category: {"questions": len(each), **{name: each.count(name) / len(each) for name in OUTCOMES}}
        for category, each in categories.items()
    }


def read_held_out_curve(version: str) -> list[dict[str, float]]:
    """The curve of a version's evaluation, such as service_advisor-v3; empty if it was evaluated without one."""
    name, _, number = version.rpartition("-v")
    client = connect_mlflow().MlflowClient()
    run_id = client.get_model_version(name, number).run_id
    if f"evaluation/{RISK_COVERAGE}" not in {file.path for file in client.list_artifacts(run_id, "evaluation")}:
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = client.download_artifacts(run_id, f"evaluation/{RISK_COVERAGE}", folder)
        points: list[dict[str, float]] = read_json(Path(file), "Evaluate again.")["arms"]["challenger"]
    return points
