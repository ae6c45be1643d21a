"""Find facts in answers: evaluation counts them, the canary checks some again, feedback finds new ones."""

import re

REFUSAL = "refusal"  # the fact column of rows that are declined
NUMBER = re.compile(r"(?<![\w.,])-?\d+(?:,\d{3})*(?:\.\d+)?(?!\d|[.,]\d)")


def contains_fact(fact: str, answer: str) -> bool:
    """Whether an answer states a fact word by word; "138" and "38.5" do not state "38"."""
    return find_fact(fact, answer) is not None


def find_fact(fact: str, answer: str) -> int | None:
    """Where a fact first occurs in an answer, in characters of its lower-case, single-spaced text; None if nowhere."""
    words, text = (" ".join(text.lower().split()) for text in (fact, answer))
    match = re.search(rf"(?<![\w.]){re.escape(words)}(?!\w|\.\d)", text)
    return match.start() if match else None


def extract_numbers(text: str) -> list[float]:
    """The numbers in a text; thousands separators are read as such."""
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]
