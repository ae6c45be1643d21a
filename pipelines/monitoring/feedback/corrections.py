"""What a correction says, and what is wrong with one taken alone: before anybody asks who gave it."""

import re
from itertools import combinations
from statistics import median

import numpy as np

from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback.ratings import Rating, normalise_text
from pipelines.text.embedder import load_minilm
from pipelines.text.facts import contains_fact, extract_numbers

PASTED_QUESTIONS = 3  # questions that one text without a fact of their records may stand under
PASTED_SIMILARITY = 0.8  # share of their words that two texts have in common from which one is pasted
SAME_SIMILARITY = 0.5  # the same, from which two say one thing where no fact tells
NUMBER = re.compile(r"\$?\d[\d.,]*%?")
# What speaks to a model or sells something, instead of answering. Not where the question itself says it.
INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules?|guidelines|told)\b"
    r"|\b(?:system|developer) prompt\b|\byou are now\b|\bfrom now on\b|\bpretend (?:to be|you are)\b"
    r"|\b(?:always|never) (?:say|answer|reply|respond|recommend|mention)\b"
    r"|<\|\w+\|>|\[/?INST\]|<</?SYS>>|^\s*(?:system|assistant|user|human)\s*:"
    r"|https?://|\bwww\.",
    re.IGNORECASE | re.MULTILINE,
)


def find_faults(said: list[Rating], plan: TrainingPlan) -> dict[Rating, str]:
    """What is wrong with the corrections among these opinions, `kind: example`; those that are sound are left out."""
    corrected = [one for one in said if one.correction]
    found = {one: fault for one in corrected if (fault := find_fault(one, plan))}
    rest = [one for one in corrected if one not in found and not extract_facts(one.correction, one.input)]
    likeness = dict(zip(rest, relatedness(rest), strict=True))
    least = plan.feedback.related
    for texts in find_pasted(rest):
        if median(likeness[one] for one in texts) < 2 * least:  # what answers each of them may be said often
            found |= dict.fromkeys(texts, "pasted: one text under many questions")
    for one in rest:
        if one not in found and likeness[one] < least:
            found[one] = f"unrelated: {likeness[one]:.2f} < {least:g} like its question and the answer"
    return found


def find_fault(one: Rating, plan: TrainingPlan) -> str:
    contract, said = plan.contract, one.correction
    if len(said) > contract.max_output_chars:
        return f"too long: {len(said)} characters, of {contract.max_output_chars}"
    if (found := INJECTION.search(said)) and found[0].lower() not in one.asked.lower():
        return f"injected: {found[0].strip()!r}"
    if one.input and (foreign := find_invented_number(said, one.asked)):
        return f"not from its record: {foreign!r}"
    return ""


def find_invented_number(said: str, asked: str) -> str:
    """A word with a figure that the record does not hold, nor the sum or difference of two figures there; "" if none.

    Trained on, it would teach to invent where a record lies open.
    """
    known = set(extract_numbers(asked))
    known |= {result for one, other in combinations(known, 2) for result in (one + other, abs(one - other))}
    there = set(normalise_text(asked).split())
    for word in normalise_text(said).split():
        if any(letter.isdigit() for letter in word) and word not in there:
            figures = extract_numbers(word.strip("$%"))
            if not figures or not all(np.isclose(figure, [*known]).any() for figure in figures):
                return word
    return ""


def extract_facts(said: str, record: str) -> dict[str, str]:
    """The fields of a record that a text tells: name → value; the first, which says what it is about, only if no other.

    A record's first line is `about | name value | name value …`; a value with a figure is known by the figure
    alone. What has no such line has no fields.
    """
    first, *others = record.partition("\n")[0].split(" | ")
    return match_fields(others, said) or (match_fields([first], said) if others else {})


def match_fields(fields: list[str], said: str) -> dict[str, str]:
    found = {}
    for words in (field.split() for field in fields):
        figures = [i for i, word in enumerate(words) if i and NUMBER.fullmatch(word)]
        spans = [slice(i, i + 1) for i in figures] or [slice(i, None) for i in range(1, len(words))]
        for span in spans:
            if contains_fact(value := " ".join(words[span]), said):
                found[" ".join(words[: span.start])] = value
                break
    return found


def relatedness(said: list[Rating]) -> list[float]:
    """How like a correction is to its question, or to the answer it corrects, whichever is more: a cosine by MiniLM.

    What puts an answer right speaks of the same things in mostly the same words.
    """
    if not said:
        return []
    texts = [text for one in said for text in (one.correction, one.asked, one.answer)]
    vectors = load_minilm().encode(texts, normalize_embeddings=True).reshape(len(said), 3, -1)
    cosines = np.einsum("nd,nkd->nk", vectors[:, 0], vectors[:, 1:])
    return [round(float(best), 3) for best in cosines.max(axis=1)]


def find_pasted(said: list[Rating]) -> list[list[Rating]]:
    """Corrections of nearly the same words under more than PASTED questions."""
    texts: list[tuple[set[str], list[Rating]]] = []
    for one in said:
        words = set(normalise_text(one.correction).split())
        alike = next((group for known, group in texts if jaccard(words, known) >= PASTED_SIMILARITY), None)
        if alike is None:
            texts.append((words, [one]))
        else:
            alike.append(one)
    return [group for _, group in texts if len({one.question for one in group}) > PASTED_QUESTIONS]


def jaccard(one: set[str], other: set[str]) -> float:
    """Their Jaccard similarity, 0 to 1."""
    return len(one & other) / max(1, len(one | other))


def is_same_correction(one: Rating, other: Rating) -> bool:
    """Whether two corrections say one thing: all facts and figures of one are the other's; without any, most words."""
    first, second = key_facts(one), key_facts(other)
    if first and second:
        return first <= second or second <= first
    return (
        jaccard(set(normalise_text(one.correction).split()), set(normalise_text(other.correction).split()))
        >= SAME_SIMILARITY
    )


def key_facts(one: Rating) -> set[str]:
    words = {
        word.strip("$%") for word in normalise_text(one.correction).split() if any(letter.isdigit() for letter in word)
    }
    return words | {normalise_text(value) for value in extract_facts(one.correction, one.input).values()}
