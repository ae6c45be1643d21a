"""How many questions of people the champion answers rightly, declines rightly, or answers wrongly and confidently.

The questions are written by hands that know no training row (`texts/questions_*.jsonl`): set a is seen, set b unseen.
They are put to the gateway of this home, as an application would.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from pipelines.cli.ask import gateway_client
from pipelines.text.facts import contains_fact

TEXTS = Path(__file__).with_name("texts")
SETS = {"seen": "a", "unseen": "b"}
# However a refusal is worded; an answer that states its fact as well is judged by the fact.
DECLINES = re.compile(
    r"\b(?:sorry|cannot|can't|can not|unable|only help|not (?:in|on|part of|listed|given|known|recorded|available)|"
    r"(?:no|without an?) (?:such )?(?:record|data|entry|information|match)|(?:do not|don't|does not|doesn't) "
    r"(?:know|have|say|hold|list|show|include|mention))\b",
    re.IGNORECASE,
)


def run(model: str) -> dict[str, Any]:
    """Ask every question, one after the other.

    Args:
        model: a template, or one of its versions.

    Returns:
        For each set: category → questions, right, declined (rightly), declined_wrongly and wrong_confident, shares of
        the questions; and the same over all as `all`.

    Raises:
        Unavailable: no gateway listens.
    """
    return {part: judge(model, read_questions(letter)) for part, letter in SETS.items()}


def read_questions(letter: str) -> list[dict[str, Any]]:
    """A set's questions: id, category, question, facts, wrong, decline (true, false, or "either")."""
    lines = (TEXTS / f"questions_{letter}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def judge(model: str, questions: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The shares of outcomes by category."""
    outcomes: dict[str, Counter[str]] = {}
    with gateway_client() as client:
        for question in questions:
            messages: Any = [{"role": "user", "content": question["question"]}]
            reply = client.chat.completions.create(model=model, messages=messages, temperature=0)
            outcome = judge_answer(question, reply.choices[0].message.content or "")
            for category in (question["category"], "all"):
                outcomes.setdefault(category, Counter())[outcome] += 1
    names = ("right", "declined", "declined_wrongly", "wrong_confident")
    return {
        category: {"questions": counts.total(), **{name: counts[name] / counts.total() for name in names}}
        for category, counts in outcomes.items()
    }


def judge_answer(question: dict[str, Any], answer: str) -> str:
    """One of right, declined, declined_wrongly, wrong_confident.

    >>> judge_answer({"facts": [["38", "thirty-eight"]], "wrong": ["30"], "decline": False}, "It gets 38 mpg.")
    'right'
    """
    facts = [fact if isinstance(fact, list) else [fact] for fact in question["facts"]]
    stated = all(any(contains_fact(word, answer) for word in words) for words in facts)
    mixed_up = any(contains_fact(word, answer) for word in question["wrong"])
    declined = bool(DECLINES.search(answer))
    if facts and stated and not mixed_up and question["decline"] is not True:
        return "right"
    if declined and question["decline"]:
        return "declined"
    return "declined_wrongly" if declined else "wrong_confident"
