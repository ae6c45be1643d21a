"""Questions without a record: those that were declined for want of one, grouped by what they ask.

It is the list of what to add: a document, a source, or rows of the dataset.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipelines.core.plan import TrainingPlan
from pipelines.request_log import read_exchanges, select_user_requests
from pipelines.text.question_index import Question, QuestionIndex, sketch_questions

DAY = 86_400.0  # seconds
DECLINED = "declined"  # the outcome of a retrieval that found nothing close, or whose answer no record supported
Row = Mapping[str, Any]


class UnansweredQuestion(NamedTuple):
    """Questions that ask the same and were declined."""

    question: str  # the wording that was used most often
    times: int
    users: int  # keys and users that asked it
    last: float  # epoch seconds
    wordings: list[str]  # the other wordings, the most frequent first


class DeclinedQuestion(NamedTuple):
    """A question of the request log that was declined for want of a record."""

    text: str
    user: str
    at: float


def find_unanswered(plan: TrainingPlan, days: float, now: float = 0) -> list[UnansweredQuestion]:
    """The questions of the last days that were declined for want of a record, the most frequent first.

    Args:
        now: epoch seconds; the present if not given.

    Raises:
        WeaverError: the request log is damaged.
    """
    now = now or time.time()
    exchanges = select_user_requests(read_exchanges(now - days * DAY, now, plan.template))
    return group_questions(list(select_declined(exchanges.to_pylist(), plan)), plan.refine.near_duplicate)


def select_declined(exchanges: list[Row], plan: TrainingPlan) -> Iterator[DeclinedQuestion]:
    """The declined ones. An older row does not name the outcome of its retrieval: the answer shows it."""
    beginning = plan.knowledge.decline_sentence.rstrip(".").casefold()
    for row in exchanges:
        if row["status"] != "ok" or row.get("retrieval") == "own_record":
            continue
        if row.get("retrieval") == DECLINED or str(row["answer"]).strip().casefold().startswith(beginning):
            texts = [m.get("content") for m in json.loads(row["messages"]) if m.get("role") == "user"]
            # Passages that were shown, and did not answer, are laid out in the lines below the question.
            question = str(texts[-1] or "").strip() if texts else ""
            question = question.partition("\n")[0] if (row.get("sources") or "[]") != "[]" else question
            if question:
                yield DeclinedQuestion(question, f"{row['key']} {row['user']}", row["at"])


def group_questions(declined: list[DeclinedQuestion], threshold: float) -> list[UnansweredQuestion]:
    """Questions that ask the same, with the same numbers and codes, as one; see `text.question_index`.

    Args:
        threshold: similarity from which two questions can be the same, 0 to 1.
    """
    wordings = list(dict.fromkeys(" ".join(one.text.split()) for one in declined))
    sketches = sketch_questions(wordings, [""] * len(wordings)).tolist()
    index, group = QuestionIndex(threshold), dict[str, int]()
    for wording, keys in zip(wordings, sketches, strict=True):
        question = Question({"instruction": wording, "input": ""})
        number = index.find(question, keys)
        group[wording] = index.add(question, keys) if number is None else number
    members: dict[int, list[DeclinedQuestion]] = {}
    for one in declined:
        members.setdefault(group[" ".join(one.text.split())], []).append(one)
    return sorted(map(summarise, members.values()), key=lambda question: (-question.times, -question.last))


def summarise(members: list[DeclinedQuestion]) -> UnansweredQuestion:
    """One entry of the list."""
    (question, _), *others = Counter(" ".join(one.text.split()) for one in members).most_common()
    users = len({one.user for one in members})
    return UnansweredQuestion(
        question, len(members), users, max(one.at for one in members), [wording for wording, _ in others]
    )
