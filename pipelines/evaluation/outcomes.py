"""What became of a question: answered rightly, declined rightly or wrongly, or answered wrongly and confidently.

A confident wrong answer is worse than none, so it is counted apart. The gate limits it, and the bench of people's
questions counts in the same way.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from pipelines.text.declines import is_decline
from pipelines.text.facts import contains_fact, extract_numbers
from pipelines.text.importance import required_facts, safety_critical_facts

Row = Mapping[str, Any]
Outcome = Literal["right", "declined", "declined_wrongly", "wrong_confident"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
LABELS = {
    "right": "right",
    "declined": "declined rightly",
    "declined_wrongly": "declined wrongly",
    "wrong_confident": "wrong and confident",
}
REFUSAL = "refusal"  # kind of the rows whose question is to be declined
CATEGORIES = {
    "all": "all questions",
    "grounded": "with a record that the asker brought",
    "knowledge": "with passages that were looked up",
    REFUSAL: "to be declined",
}
OTHER_SLICES = ("source:", "length:", "year:")  # what a question is from and about, and no category of questions


def judge_answer(
    answer: str,
    facts: Sequence[Sequence[str]],
    decline: bool | None,
    wrong: Sequence[str] = (),
    shown: str = "",
    decline_sentence: str = "",
) -> Outcome:
    """The outcome of an answer; one that states all facts is right, whatever else it says.

    Args:
        facts: what a right answer states: for each fact the ways to say it, of which one is enough.
        decline: whether the question is to be declined; None: it may be declined or answered.
        wrong: values of other fields or records; an answer that states one is not right.
        shown: the question and its records. Who declines and states a number that is not there has invented it.
        decline_sentence: the template's own.

    >>> judge_answer("It gets 38 mpg.", [["38", "thirty-eight"]], decline=False, wrong=["30"])
    'right'
    """
    if facts and decline is not True and states_all(answer, facts) and not any(contains_fact(w, answer) for w in wrong):
        return "right"
    if not is_decline(answer, decline_sentence) or invents_number(answer, shown):
        return "wrong_confident"
    return "declined_wrongly" if decline is False else "declined"


def states_all(answer: str, facts: Sequence[Sequence[str]]) -> bool:
    """Whether an answer states every fact in one of its wordings."""
    return all(any(contains_fact(wording, answer) for wording in wordings) for wordings in facts)


def invents_number(answer: str, shown: str) -> bool:
    """Whether an answer states a number that is not in what was shown."""
    return not set(extract_numbers(answer)) <= set(extract_numbers(shown))


def outcome_metrics(row: Row, answer: str, decline_sentence: str = "") -> dict[str, Any]:
    """The outcome of an answer to a dataset row.

    Returns:
        outcome: None for a question that is to be answered and has no facts that a right answer must state;
        wrong_confident: 1 or 0, None without an outcome; safety_critical_wrong: 1 if the answer lacks a
        safety-critical fact without declining, else 0; None if the row has no such fact.
    """
    facts = [[fact] for fact in required_facts(row).values()]
    shown = f"{row['instruction']}\n{row['input']}"
    outcome: Outcome | None = None
    if row["kind"] == REFUSAL:  # in the row's own words, which may be of any language, or in others
        as_taught = answer.strip() == row["output"].strip()
        by_facts = bool(facts) and states_all(answer, facts) and not invents_number(answer, shown)
        declined = as_taught or by_facts
        outcome = "declined" if declined else judge_answer(answer, [], True, (), shown, decline_sentence)
    elif facts:
        outcome = judge_answer(answer, facts, False, (), shown, decline_sentence)
    critical = [[fact] for fact in safety_critical_facts(row).values()]
    wrong = outcome == "wrong_confident" and not states_all(answer, critical)
    return {
        "outcome": outcome,
        "wrong_confident": None if outcome is None else float(outcome == "wrong_confident"),
        "safety_critical_wrong": float(wrong) if critical else None,
    }


def summarise_outcomes(answers: Sequence[Row]) -> dict[str, float]:
    """Counts and shares of the outcomes of scored answers.

    Returns:
        judged: answers that have an outcome; right, declined, declined_wrongly and wrong_confident: shares of them;
        to_decline: questions that are to be declined, and declines_right: the share of them that were;
        safety_critical: questions with a safety-critical fact, and safety_critical_wrong: how many were answered
        without it. A share of nothing is left out.
    """
    judged = [row for row in answers if row["outcome"]]
    critical = [row["safety_critical_wrong"] for row in answers if row["safety_critical_wrong"] is not None]
    refusals = [row["outcome"] == "declined" for row in judged if row["kind"] == REFUSAL]
    shares: dict[str, float] = {
        name: sum(row["outcome"] == name for row in judged) / len(judged) for name in OUTCOMES if judged
    }
    return {
        "judged": len(judged),
        **shares,
        "to_decline": len(refusals),
        **({"declines_right": sum(refusals) / len(refusals)} if refusals else {}),
        "safety_critical": len(critical),
        "safety_critical_wrong": sum(critical),
    }


def tabulate_outcomes(slices: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """The table of outcomes by category of question: all, each kind, topic and format of the record.

    Args:
        slices: an arm's metrics: slice → metric → value.

    Returns:
        One dict per category that has judged answers: category, questions (those judged), and the four shares.
    """
    return [
        {"category": name, "questions": int(metrics["judged"]), **{outcome: metrics[outcome] for outcome in OUTCOMES}}
        for name, metrics in slices.items()
        if metrics.get("judged") and not name.startswith(OTHER_SLICES)
    ]


def label_category(name: str) -> str:
    """A category of the table in plain words."""
    return CATEGORIES.get(name) or name.replace("format:", "format of the record: ").replace("_", " ")
