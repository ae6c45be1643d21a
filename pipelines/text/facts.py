"""Whether an answer says a fact: evaluation counts them, deployment checks a few again, feedback finds new ones."""

import re

NUMBER = re.compile(r"(?<![\w.,])-?\d+(?:,\d{3})*(?:\.\d+)?(?!\d|[.,]\d)")


def contains_fact(fact: str, answer: str) -> bool:
    """Whether a fact is said in so many words; "38" is not said by "138" or "38.5"."""
    return find_fact(fact, answer) is not None


def find_fact(fact: str, answer: str) -> int | None:
    """Where in the answer, without case and spacing, a fact is said first."""
    words, said = (" ".join(text.lower().split()) for text in (fact, answer))
    found = re.search(rf"(?<![\w.]){re.escape(words)}(?!\w|\.\d)", said)
    return found.start() if found else None


def extract_numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]
