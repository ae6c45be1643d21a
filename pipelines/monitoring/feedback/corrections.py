"""What a correction says, and what is wrong with one taken alone: before anybody asks who gave it."""

import re
from itertools import combinations
from statistics import median

import numpy as np

from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback.ratings import Opinion, plain
from pipelines.text.embedder import load_minilm
from pipelines.text.facts import contains_fact, extract_numbers

PASTED = 3  # questions that one text without a fact of their records may stand under
ALIKE = 0.8  # share of their words that two texts have in common from which one is pasted
AGREEING = 0.5  # the same, from which two say one thing where no fact tells
FIGURE = re.compile(r"\$?\d[\d.,]*%?")
# What speaks to a model or sells something, instead of answering. Not where the question itself says it.
INJECTED = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules?|guidelines|told)\b"
    r"|\b(?:system|developer) prompt\b|\byou are now\b|\bfrom now on\b|\bpretend (?:to be|you are)\b"
    r"|\b(?:always|never) (?:say|answer|reply|respond|recommend|mention)\b"
    r"|<\|\w+\|>|\[/?INST\]|<</?SYS>>|^\s*(?:system|assistant|user|human)\s*:"
    r"|https?://|\bwww\.",
    re.IGNORECASE | re.MULTILINE,
)


def faults(said: list[Opinion], plan: TrainingPlan) -> dict[Opinion, str]:
    """What is wrong with the corrections among these opinions, `kind: example`; those that are sound are left out."""
    corrected = [one for one in said if one.correction]
    found = {one: fault for one in corrected if (fault := fault_of(one, plan))}
    rest = [one for one in corrected if one not in found and not facts(one.correction, one.input)]
    likeness = dict(zip(rest, related(rest), strict=True))
    least = plan.feedback.related
    for texts in pasted(rest):
        if median(likeness[one] for one in texts) < 2 * least:  # what answers each of them may be said often
            found |= dict.fromkeys(texts, "pasted: one text under many questions")
    for one in rest:
        if one not in found and likeness[one] < least:
            found[one] = f"unrelated: {likeness[one]:.2f} < {least:g} like its question and the answer"
    return found


def fault_of(one: Opinion, plan: TrainingPlan) -> str:
    contract, said = plan.contract, one.correction
    if len(said) > contract.max_output_chars:
        return f"too long: {len(said)} characters, of {contract.max_output_chars}"
    if (found := INJECTED.search(said)) and found[0].lower() not in one.asked.lower():
        return f"injected: {found[0].strip()!r}"
    if one.input and (foreign := made_up(said, one.asked)):
        return f"not from its record: {foreign!r}"
    return ""


def made_up(said: str, asked: str) -> str:
    """A word with a figure that the record does not hold, nor the sum or difference of two figures there; "" if none.

    Trained on, it would teach to invent where a record lies open.
    """
    known = set(extract_numbers(asked))
    known |= {result for one, other in combinations(known, 2) for result in (one + other, abs(one - other))}
    there = set(plain(asked).split())
    for word in plain(said).split():
        if any(letter.isdigit() for letter in word) and word not in there:
            figures = extract_numbers(word.strip("$%"))
            if not figures or not all(np.isclose(figure, [*known]).any() for figure in figures):
                return word
    return ""


def facts(said: str, record: str) -> dict[str, str]:
    """The fields of a record that a text tells: name → value; the first, which says what it is about, only if no other.

    A record's first line is `about | name value | name value …`; a value with a figure is known by the figure
    alone. What has no such line has no fields.
    """
    first, *others = record.partition("\n")[0].split(" | ")
    return told(others, said) or (told([first], said) if others else {})


def told(fields: list[str], said: str) -> dict[str, str]:
    found = {}
    for words in (field.split() for field in fields):
        figures = [i for i, word in enumerate(words) if i and FIGURE.fullmatch(word)]
        spans = [slice(i, i + 1) for i in figures] or [slice(i, None) for i in range(1, len(words))]
        for span in spans:
            if contains_fact(value := " ".join(words[span]), said):
                found[" ".join(words[: span.start])] = value
                break
    return found


def related(said: list[Opinion]) -> list[float]:
    """How like a correction is to its question, or to the answer it corrects, whichever is more: a cosine by MiniLM.

    What puts an answer right speaks of the same things in mostly the same words.
    """
    if not said:
        return []
    texts = [text for one in said for text in (one.correction, one.asked, one.answer)]
    vectors = load_minilm().encode(texts, normalize_embeddings=True).reshape(len(said), 3, -1)
    cosines = np.einsum("nd,nkd->nk", vectors[:, 0], vectors[:, 1:])
    return [round(float(best), 3) for best in cosines.max(axis=1)]


def pasted(said: list[Opinion]) -> list[list[Opinion]]:
    """Corrections of nearly the same words under more than PASTED questions."""
    texts: list[tuple[set[str], list[Opinion]]] = []
    for one in said:
        words = set(plain(one.correction).split())
        alike = next((group for known, group in texts if overlap(words, known) >= ALIKE), None)
        if alike is None:
            texts.append((words, [one]))
        else:
            alike.append(one)
    return [group for _, group in texts if len({one.question for one in group}) > PASTED]


def overlap(one: set[str], other: set[str]) -> float:
    """Their Jaccard similarity, 0 to 1."""
    return len(one & other) / max(1, len(one | other))


def same(one: Opinion, other: Opinion) -> bool:
    """Whether two corrections say one thing: all facts and figures of one are the other's; without any, most words."""
    first, second = meaning(one), meaning(other)
    if first and second:
        return first <= second or second <= first
    return overlap(set(plain(one.correction).split()), set(plain(other.correction).split())) >= AGREEING


def meaning(one: Opinion) -> set[str]:
    words = {word.strip("$%") for word in plain(one.correction).split() if any(letter.isdigit() for letter in word)}
    return words | {plain(value) for value in facts(one.correction, one.input).values()}
