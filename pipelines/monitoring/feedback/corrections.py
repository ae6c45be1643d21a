"""What a correction says, and what is wrong with it by itself, whoever gave it."""

import re
from itertools import combinations
from statistics import median

import numpy as np

from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback.ratings import Rating, normalise_text
from pipelines.text.embedder import load_minilm
from pipelines.text.facts import contains_fact, extract_numbers

PASTED_QUESTIONS = 3  # questions that may have the same correction, if it names no fact of their records
PASTED_SIMILARITY = 0.8  # Jaccard similarity of words from which two corrections are one pasted text
SAME_SIMILARITY = 0.5  # the same, from which two corrections agree if neither names a fact
NUMBER = re.compile(r"\$?\d[\d.,]*%?")
# Instructions to a model, or advertising, instead of an answer. Allowed if the question itself says it.
INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules?|guidelines|told)\b"
    r"|\b(?:system|developer) prompt\b|\byou are now\b|\bfrom now on\b|\bpretend (?:to be|you are)\b"
    r"|\b(?:always|never) (?:say|answer|reply|respond|recommend|mention)\b"
    r"|<\|\w+\|>|\[/?INST\]|<</?SYS>>|^\s*(?:system|assistant|user|human)\s*:"
    r"|https?://|\bwww\.",
    re.IGNORECASE | re.MULTILINE,
)


def find_faults(ratings: list[Rating], plan: TrainingPlan) -> dict[Rating, str]:
    """What is wrong with the corrections among these ratings: rating → `kind: example`; sound ones are left out."""
    corrected = [rating for rating in ratings if rating.correction]
    faults = {rating: fault for rating in corrected if (fault := find_fault(rating, plan))}
    # A correction that names a fact of its record is related to its question.
    unproven = [
        rating for rating in corrected if rating not in faults and not extract_facts(rating.correction, rating.input)
    ]
    similarity = dict(zip(unproven, relatedness(unproven), strict=True))
    minimum = plan.feedback.related
    for group in find_pasted(unproven):
        if median(similarity[rating] for rating in group) < 2 * minimum:  # what answers each of them may be repeated
            faults |= dict.fromkeys(group, "pasted: one text under many questions")
    for rating in unproven:
        if rating not in faults and similarity[rating] < minimum:
            faults[rating] = (
                f"unrelated: its similarity to question and answer is {similarity[rating]:.2f}, below {minimum:g}"
            )
    return faults


def find_fault(rating: Rating, plan: TrainingPlan) -> str:
    """What is wrong with one correction, `kind: example`; empty if nothing is."""
    text, limit = rating.correction, plan.contract.max_output_chars
    if len(text) > limit:
        return f"too long: {len(text)} characters, and the contract allows {limit}"
    if (match := INJECTION.search(text)) and match[0].lower() not in rating.prompt.lower():
        return f"injected: '{match[0].strip()}'"
    if rating.input and (invented := find_invented_number(text, rating.prompt)):
        return f"not from its record: '{invented}'"
    return ""


def find_invented_number(text: str, record: str) -> str:
    """The first word with a number that the record does not hold, nor the sum or difference of two numbers in it.

    Empty if there is none. A model that is trained on such a text would learn to invent numbers.
    """
    derivable = set(extract_numbers(record))
    derivable |= {result for a, b in combinations(derivable, 2) for result in (a + b, abs(a - b))}
    record_words = set(normalise_text(record).split())
    for word in normalise_text(text).split():
        if any(letter.isdigit() for letter in word) and word not in record_words:
            numbers = extract_numbers(word.strip("$%"))
            if not numbers or not all(np.isclose(number, [*derivable]).any() for number in numbers):
                return word
    return ""


def extract_facts(text: str, record: str) -> dict[str, str]:
    """The fields of a record that a text names: name → value; the record's subject only if it names no other field.

    A record's first line is `subject | name value | name value …`; a value with a number is recognised by the number
    alone. A record without such a line has no fields.
    """
    subject, *fields = record.partition("\n")[0].split(" | ")
    return match_fields(fields, text) or (match_fields([subject], text) if fields else {})


def match_fields(fields: list[str], text: str) -> dict[str, str]:
    """Those of the fields `name value` whose value stands in a text: name → value."""
    matched = {}
    for words in (field.split() for field in fields):
        numbers = [i for i, word in enumerate(words) if i and NUMBER.fullmatch(word)]
        spans = [slice(i, i + 1) for i in numbers] or [slice(i, None) for i in range(1, len(words))]
        for span in spans:
            if contains_fact(value := " ".join(words[span]), text):
                matched[" ".join(words[: span.start])] = value
                break
    return matched


def relatedness(ratings: list[Rating]) -> list[float]:
    """The cosine similarity (MiniLM) of each correction to its question or its answer, whichever is higher.

    A real correction is about the same things in mostly the same words.
    """
    if not ratings:
        return []
    texts = [text for rating in ratings for text in (rating.correction, rating.prompt, rating.answer)]
    vectors = load_minilm().encode(texts, normalize_embeddings=True).reshape(len(ratings), 3, -1)
    cosines = np.einsum("nd,nkd->nk", vectors[:, 0], vectors[:, 1:])
    return [round(float(best), 3) for best in cosines.max(axis=1)]


def find_pasted(ratings: list[Rating]) -> list[list[Rating]]:
    """Groups of corrections with nearly the same words under more than PASTED_QUESTIONS questions."""
    groups: list[tuple[set[str], list[Rating]]] = []
    for rating in ratings:
        words = set(normalise_text(rating.correction).split())
        similar = next((group for others, group in groups if jaccard(words, others) >= PASTED_SIMILARITY), None)
        if similar is None:
            groups.append((words, [rating]))
        else:
            similar.append(rating)
    return [group for _, group in groups if len({rating.question_key for rating in group}) > PASTED_QUESTIONS]


def jaccard(first: set[str], second: set[str]) -> float:
    """Their Jaccard similarity, 0 to 1."""
    return len(first & second) / max(1, len(first | second))


def is_same_correction(first: Rating, second: Rating) -> bool:
    """Whether two corrections agree: one has all facts and numbers of the other; without any, most of the words."""
    facts, other_facts = key_facts(first), key_facts(second)
    if facts and other_facts:
        return facts <= other_facts or other_facts <= facts
    words, other_words = (set(normalise_text(rating.correction).split()) for rating in (first, second))
    return jaccard(words, other_words) >= SAME_SIMILARITY


def key_facts(rating: Rating) -> set[str]:
    """The numbers of a correction, and the values of its record that it names."""
    words = normalise_text(rating.correction).split()
    numbers = {word.strip("$%") for word in words if any(letter.isdigit() for letter in word)}
    return numbers | {normalise_text(value) for value in extract_facts(rating.correction, rating.input).values()}
