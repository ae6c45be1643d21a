"""Questions that nobody could answer are counted by what they ask, however they are worded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.make_plan import make_plan
from pipelines.knowledge.unanswered import DAY, find_unanswered
from pipelines.request_log import Exchange, RequestLog, log_folder

NOW = 1_790_000_000.0
DECLINED = "That is not in the record. A VIN would help."


@pytest.fixture
def log(home: Path) -> Iterator[RequestLog]:
    log = RequestLog(log_folder())
    yield log
    log.close()


def ask(
    log: RequestLog, number: int, question: str, answer: str = DECLINED, days_ago: float = 1, key: str = "k"
) -> None:
    log.write(
        Exchange(
            id=f"c-{number}", at=NOW - days_ago * DAY, template="service_advisor", version=1, backend="b", route="r",
            key=key, user="", messages=json.dumps([{"role": "user", "content": question}]), answer=answer,
            status="ok", cached="", prompt_tokens=1, completion_tokens=1, queue_s=0, first_token_s=0, latency_s=0,
            cost=0,
        )
    )  # fmt: skip


def test_the_same_question_in_other_words_is_one_and_the_most_frequent_is_first(log: RequestLog) -> None:
    for number in range(3):
        ask(log, number, "What is the oil capacity of the 2021 Kia Telluride?", key=f"k{number}")
    ask(log, 3, "what's the oil capacity of the 2021 kia telluride")
    ask(log, 4, "What is the oil capacity of the 2019 Kia Telluride?")
    ask(log, 5, "What does P1602 mean?")
    ask(log, 6, "What does P1603 mean?")
    ask(log, 7, "What does P0420 mean?", answer="The catalytic converter is worn.")
    ask(log, 8, "Is it old?", days_ago=8)
    first, *others = find_unanswered(make_plan("service_advisor"), 7, NOW)
    assert (first.question, first.times, first.users) == ("What is the oil capacity of the 2021 Kia Telluride?", 4, 4)
    assert first.wordings == ["what's the oil capacity of the 2021 kia telluride"]
    assert first.last == NOW - DAY
    assert {question.question: question.times for question in others} == {
        "What is the oil capacity of the 2019 Kia Telluride?": 1,
        "What does P1602 mean?": 1,
        "What does P1603 mean?": 1,
    }


def test_nothing_was_declined(log: RequestLog) -> None:
    ask(log, 1, "What does P0420 mean?", answer="Sorry, I only help with vehicles.")
    assert find_unanswered(make_plan("service_advisor"), 7, NOW) == []
