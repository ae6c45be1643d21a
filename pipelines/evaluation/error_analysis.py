"""What the challenger gets wrong, in what way, and what about its data would help."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.artifacts import Arm
from pipelines.evaluation.metrics import parse_number
from pipelines.evaluation.slices import normalise_question
from pipelines.text.facts import contains_fact, extract_numbers

Row = dict[str, Any]
FactValues = Mapping[tuple[str, str], set[str]]  # (topic, fact column) → its non-numeric values

ERRORS = {
    "format only": "The fact is there in another spelling.",
    "repetition": "It goes round in circles.",
    "cut off": "evaluate.max_new_tokens ended it before the fact.",
    "refused": "It declines to answer.",
    "echo": "It says the question or its record again.",
    "wrong label": "It says what is true of another record.",
    "another field": "It reads another field of the record.",
    "invented number": "It says a number that was nowhere to read.",
    "missing fact": "It says none of these, and not the fact.",
}
WRONG_BELOW_F1 = 0.5  # token F1 under which an answer is wrong where no facts are known
REFUSAL = re.compile(r"\b(?:sorry|as an ai|i (?:cannot|can't|am unable|do not have|don't have))\b", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
NGRAM = 3
MOST_OF_ANSWER = 0.5
MIN_WRONG_ANSWERS = 3  # wrong answers that make a topic a case
ENOUGH_ROWS_FACTOR = 1.5  # times the training rows of a usual topic, from which their number is not what is wrong


def is_wrong(row: Row) -> bool:
    return bool(row["score"] < (1 if row["expected"] else WRONG_BELOW_F1))


def classify_error(row: Row, known: FactValues) -> str:
    """The first of ERRORS, in their order, that a wrong answer is."""
    answer, missing = (
        row["answer"],
        [fact for fact in row["expected"].items() if not contains_fact(fact[1], row["answer"])],
    )
    said = split_words(answer)
    asked = split_words(f"{row['instruction']} {row['input']}")
    fields = row["input"].split("|")[1:]  # before them stands the record's name
    other = {word for field in fields for word in split_words(field)} - set(
        split_words(f"{row['instruction']} {row['truth']}")
    )
    tests = {
        "format only": bool(missing) and all(matches_other_spelling(fact, answer) for _, fact in missing),
        "repetition": repetition_share(said) > MOST_OF_ANSWER,
        "cut off": row["cut"],
        "refused": bool(REFUSAL.search(answer)),
        "echo": overlap_share(said, asked) > MOST_OF_ANSWER,
        "wrong label": any(
            contains_fact(value, answer)
            for column, fact in missing
            for value in known.get((row["topic"], column), set()) - {fact}
        ),
        "another field": bool(other & set(said)),
        "invented number": bool(
            set(extract_numbers(answer)) - set(extract_numbers(f"{row['instruction']} {row['input']}"))
        ),
    }
    return next((error for error, found in tests.items() if found), "missing fact")


def split_words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def matches_other_spelling(fact: str, answer: str) -> bool:
    """Whether the same words stand in the answer with other marks between them, or the same number is written so."""
    same_words = f" {' '.join(split_words(fact))} " in f" {' '.join(split_words(answer))} "
    return same_words or parse_number(fact) in extract_numbers(answer)


def trigrams(said: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(said[i : i + NGRAM]) for i in range(len(said) - NGRAM + 1)]


def repetition_share(said: Sequence[str]) -> float:
    """Share of an answer's trigrams that it had said before."""
    found = trigrams(said)
    return 1 - len(set(found)) / len(found) if found else 0.0


def overlap_share(said: Sequence[str], asked: Sequence[str]) -> float:
    """Share of an answer's trigrams that stand in the question and its record."""
    found, known = trigrams(said), set(trigrams(asked))
    return sum(gram in known for gram in found) / len(found) if found else 0.0


def collect_fact_values(rows: Sequence[Row]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for column, value in row["facts"].items():
            if not extract_numbers(value):
                found.setdefault((row["topic"], column), set()).add(value)
    return found


def find_wrong_answers(answers: list[Row], train: list[Row]) -> list[Row]:
    """The wrong answers, each with its `error`; the surest first, since these are what a customer would believe."""
    known = collect_fact_values([*train, *({**row, "facts": row["expected"]} for row in answers)])
    found = [row | {"error": classify_error(row, known)} for row in answers if is_wrong(row)]
    return sorted(found, key=lambda row: (row["score"], -row["confidence"]))


def find_regressions(answers: dict[Arm, list[Row]]) -> list[Row]:
    """What the champion answers rightly and the challenger does not, with the champion's `before`."""
    pairs = zip(answers.get("champion", []), answers["challenger"], strict="champion" in answers)
    return [row | {"before": old["answer"]} for old, row in pairs if not is_wrong(old) and is_wrong(row)]


def find_contradictions(train: list[Row]) -> list[list[Row]]:
    """Training rows that ask the same, or for the same fact of one code, and are answered differently."""
    groups: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in train:
        told = row["facts"] or {"": " ".join(split_words(row["output"]))}
        for column, value in told.items():
            groups.setdefault((normalise_question(row), column), {}).setdefault(value, row)
            if not row["input"] and row["key"]:
                groups.setdefault((row["source"], row["key"], row["topic"], column), {}).setdefault(value, row)
    found = {tuple(id(row) for row in rows.values()): [*rows.values()] for rows in groups.values() if len(rows) > 1}
    return list(found.values())


def suggest_improvements(answers: dict[Arm, list[Row]], train: list[Row]) -> list[dict[str, str]]:
    """What the data suggests, worst first: a `title` and the figures it rests on as `text`."""
    challenger = answers["challenger"]
    bad = find_wrong_answers(challenger, train)
    asked, failed, taught = (Counter(row["topic"] for row in rows) for rows in (challenger, bad, train))
    overall, usual = len(bad) / len(challenger), len(train) / max(1, len(taught))
    found = []
    for topic, count in failed.most_common():
        rate = count / asked[topic]
        if count < MIN_WRONG_ANSWERS or rate <= overall:
            continue
        error, times = Counter(row["error"] for row in bad if row["topic"] == topic).most_common(1)[0]
        few = taught[topic] <= ENOUGH_ROWS_FACTOR * usual
        found.append(
            {
                "title": f"More rows about {topic}" if few else f"Clearer rows about {topic}",
                "text": f"{count} of {asked[topic]} answers are wrong ({rate:.0%}; over all topics {overall:.0%}), "
                f"{times} of them: {error}. It has {taught[topic]} training rows, a topic has {usual:.0f} on average"
                + ("." if few else ": more of the same may not help."),
            }
        )
    if pairs := find_contradictions(train):
        first, second = pairs[0][:2]
        found.append(
            {
                "title": "Contradictory training rows",
                "text": f"{len(pairs)} questions are answered in different ways, as {first['instruction']!r}: "
                f"{first['output']!r} ({first['source']}) and {second['output']!r} ({second['source']}).",
            }
        )
    if lost := find_regressions(answers):
        topics = ", ".join(f"{topic} ({count})" for topic, count in Counter(row["topic"] for row in lost).most_common())
        found.append(
            {
                "title": "The champion knew it",
                "text": f"{len(lost)} answers were right before: {topics}. See below which.",
            }
        )
    if cut := sum(row["error"] == "cut off" for row in bad):
        found.append(
            {"title": "Longer answers", "text": f"{cut} were cut off: raise evaluate.max_new_tokens, or train longer."}
        )
    return found
