"""Classifies the challenger's wrong answers, and suggests which data would help."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.artifacts import Arm
from pipelines.evaluation.metrics import parse_number
from pipelines.evaluation.slices import normalise_question
from pipelines.text.counts import format_count
from pipelines.text.declines import is_decline
from pipelines.text.facts import contains_fact, extract_numbers
from pipelines.text.trigrams import overlap_share, repetition_share

Row = dict[str, Any]
FactValues = Mapping[tuple[str, str], set[str]]  # (topic, fact column) → its non-numeric values

ERRORS = {
    "format only": "The fact is there, in another spelling.",
    "repetition": "The answer repeats itself.",
    "truncated": "evaluate.max_new_tokens ended the answer before the fact.",
    "refused": "The model declined to answer.",
    "echo": "The answer repeats the question or its record.",
    "wrong label": "The answer gives the value of another record.",
    "wrong field": "The answer gives another field of the record.",
    "invented number": "The answer has a number that is neither in the question nor in the record.",
    "missing fact": "The answer lacks the fact, for none of the other reasons.",
}
WRONG_BELOW_F1 = 0.5  # an answer without known facts is wrong below this token F1
WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
MOST_OF_ANSWER = 0.5
MIN_WRONG_ANSWERS = 3  # of a topic, from which it is mentioned
ENOUGH_ROWS_FACTOR = 1.5  # a topic with more than this times the average training rows needs clearer rows, not more


def is_wrong(row: Row) -> bool:
    """Whether a scored answer lacks a known fact; without known facts, whether its token F1 is too low."""
    return bool(row["score"] < (1 if row["expected_facts"] else WRONG_BELOW_F1))


def classify_error(row: Row, fact_values: FactValues) -> str:
    """Return the first of ERRORS, in their order, that applies to a wrong answer; "missing fact" if none does."""
    answer = row["answer"]
    missing = [(column, fact) for column, fact in row["expected_facts"].items() if not contains_fact(fact, answer)]
    answer_words = split_words(answer)
    question_words = split_words(f"{row['instruction']} {row['input']}")
    fields = row["input"].split("|")[1:]  # before them stands the record's name
    other = {word for field in fields for word in split_words(field)} - set(
        split_words(f"{row['instruction']} {row['truth']}")
    )
    tests = {
        "format only": bool(missing) and all(matches_other_spelling(fact, answer) for _, fact in missing),
        "repetition": repetition_share(answer_words) > MOST_OF_ANSWER,
        "truncated": row["truncated"],
        "refused": is_decline(answer),
        "echo": overlap_share(answer_words, question_words) > MOST_OF_ANSWER,
        "wrong label": any(
            contains_fact(value, answer)
            for column, fact in missing
            for value in fact_values.get((row["topic"], column), set()) - {fact}
        ),
        "wrong field": bool(other & set(answer_words)),
        "invented number": bool(
            set(extract_numbers(answer)) - set(extract_numbers(f"{row['instruction']} {row['input']}"))
        ),
    }
    return next((error for error, applies in tests.items() if applies), "missing fact")


def split_words(text: str) -> list[str]:
    """The words and numbers of a text, in lower case."""
    return WORD.findall(text.casefold())


def matches_other_spelling(fact: str, answer: str) -> bool:
    """Whether the answer has the fact's words with other punctuation, or the same number in another notation."""
    same_words = f" {' '.join(split_words(fact))} " in f" {' '.join(split_words(answer))} "
    return same_words or parse_number(fact) in extract_numbers(answer)


def collect_fact_values(rows: Sequence[Row]) -> dict[tuple[str, str], set[str]]:
    """The non-numeric values of each (topic, fact column) over all rows."""
    values: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for column, value in row["facts"].items():
            if not extract_numbers(value):
                values.setdefault((row["topic"], column), set()).add(value)
    return values


def find_wrong_answers(answers: list[Row], train: list[Row]) -> list[Row]:
    """The wrong answers, each with its `error`; the most confident first, as a customer would believe those."""
    fact_values = collect_fact_values([*train, *({**row, "facts": row["expected_facts"]} for row in answers)])
    wrong = [row | {"error": classify_error(row, fact_values)} for row in answers if is_wrong(row)]
    return sorted(wrong, key=lambda row: (row["score"], -row["confidence"]))


def find_regressions(answers: dict[Arm, list[Row]]) -> list[Row]:
    """The challenger's wrong answers to questions that the champion answers correctly; with the `champion_answer`."""
    pairs = zip(answers.get("champion", []), answers["challenger"], strict="champion" in answers)
    return [row | {"champion_answer": old["answer"]} for old, row in pairs if not is_wrong(old) and is_wrong(row)]


def find_contradictions(train: list[Row]) -> list[list[Row]]:
    """Groups of training rows with the same question, or about the same fact of one code, but different answers."""
    groups: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in train:
        facts = row["facts"] or {"": " ".join(split_words(row["output"]))}
        for column, value in facts.items():
            groups.setdefault((normalise_question(row), column), {}).setdefault(value, row)
            if not row["input"] and row["key"]:
                groups.setdefault((row["source"], row["key"], row["topic"], column), {}).setdefault(value, row)
    different = [[*rows.values()] for rows in groups.values() if len(rows) > 1]
    return list({tuple(map(id, rows)): rows for rows in different}.values())


def suggest_improvements(answers: dict[Arm, list[Row]], train: list[Row]) -> list[dict[str, str]]:
    """Suggestions about the data, the most pressing first: `title`, and the numbers it is based on as `text`."""
    challenger = answers["challenger"]
    wrong = find_wrong_answers(challenger, train)
    questions, failed, trained = (Counter(row["topic"] for row in rows) for rows in (challenger, wrong, train))
    overall, average = len(wrong) / len(challenger), len(train) / max(1, len(trained))
    suggestions = []
    for topic, count in failed.most_common():
        rate = count / questions[topic]
        if count < MIN_WRONG_ANSWERS or rate <= overall:
            continue
        error, times = Counter(row["error"] for row in wrong if row["topic"] == topic).most_common(1)[0]
        few = trained[topic] <= ENOUGH_ROWS_FACTOR * average
        suggestions.append(
            {
                "title": f"More rows about {topic}" if few else f"Clearer rows about {topic}",
                "text": f"{count} of {questions[topic]} answers are wrong ({rate:.0%}; over all topics {overall:.0%}), "
                f"most often because of “{error}” ({times}). The topic has "
                f"{format_count(trained[topic], 'training row')}; the "
                f"average is {average:.0f}" + ("." if few else ": more of the same may not help."),
            }
        )
    if pairs := find_contradictions(train):
        first, second = pairs[0][:2]
        suggestions.append(
            {
                "title": "Contradictory training rows",
                "text": f"{len(pairs)} questions have different answers, for example “{first['instruction']}”: "
                f"“{first['output']}” ({first['source']}) and “{second['output']}” ({second['source']}).",
            }
        )
    if lost := find_regressions(answers):
        topics = ", ".join(f"{topic} ({count})" for topic, count in Counter(row["topic"] for row in lost).most_common())
        suggestions.append(
            {
                "title": "Answers that the champion had right",
                "text": f"{len(lost)} answers of the champion were correct and are wrong now: {topics}. They are "
                "listed below.",
            }
        )
    if truncated := sum(row["error"] == "truncated" for row in wrong):
        suggestions.append(
            {
                "title": "Longer answers",
                "text": f"{truncated} answers were truncated: raise evaluate.max_new_tokens, or train longer.",
            }
        )
    return suggestions
