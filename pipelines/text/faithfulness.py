"""Whether an answer keeps to its records: the facts that it states and no record does, and the records it rests on.

Facts are what can be compared exactly: numbers (1,200 and 1200, six and 6 are one), codes, and names, which are words
with a capital letter within a sentence. What an answer says in plain words is not judged.
"""

import re
from collections.abc import Sequence
from itertools import combinations, pairwise

from pipelines.text.normal_form import NUMBER, read_tokens
from pipelines.text.passages import as_word

NAME = re.compile(r"(?<=[a-z\d,;)] )[A-Z][\w/-]*\w")  # not the first word of a sentence
PART = re.compile(r"[^\W_]+")
DIGITS_OF = re.compile(r"[vilw](\d\d?)|(4)wd|[pbcu](0\d{3})")  # what also stands for its digits: V6, 4WD, P0420
FUNCTION_WORDS = re.compile("the|it|this|that|these|there|ha|had|have|are|was?|were|and|for|with|from|not|you|your")
CALCULATION = re.compile(  # what asks for the sum or difference of two numbers
    r"\b(?:orders?|short|missing|reach|fills?|quantity|total|sum|amount|owes?|pay|bill|charge|costs?|due|adds?|together"
    r"|altogether|difference|more|less|fewer|left|over|remain\w*|how (?:long|old)|days)\b",
    re.IGNORECASE,
)
SHARE_OF_BEST = 0.5  # of what the record that supports an answer most holds of it


def find_unfounded(
    answer: str, records: Sequence[str], conversation: Sequence[str] = (), cut_off: bool = False
) -> list[str]:
    """The facts of an answer that stand neither in a record nor in what was said before.

    The sum or difference of two numbers of one text counts as founded where such is asked for.

    Args:
        conversation: what was said, the question last.
        cut_off: the answer was too long and may end within a word, which is not judged.

    >>> find_unfounded("It has 202 cylinders.", ["2012 Nissan Titan | cylinders 8"])
    ['202']
    """
    if cut_off:
        answer = answer.rpartition(" ")[0]
    texts = [*records, *conversation]
    numbers, words = {*find_numbers("\n".join(texts))}, find_name_words("\n".join(texts))
    facts = [number for number in find_numbers(answer) if not is_founded(number, numbers)]
    if facts and conversation and CALCULATION.search(conversation[-1].partition("\n")[0]):
        facts = [number for number in facts if not any(is_worked_out(number, find_numbers(text)) for text in texts)]
    facts += [name for name in find_names(answer) if not is_named(name, words)]
    return list(dict.fromkeys(facts))


def find_numbers(text: str) -> list[str]:
    """The numbers and codes of a text in their normal form."""
    return [token.text for token in read_tokens(text) if token.kind == NUMBER]


def find_names(text: str) -> list[str]:
    """The names within the sentences of a text; one with digits is a code."""
    return [name for name in NAME.findall(text) if not find_numbers(name)]


def find_name_words(text: str) -> set[str]:
    """The words of a text as names are compared: in lower case, their parts, and neighbours as one (CR-V, crv)."""
    words = [as_word(word) for word in text.split()]
    return {*words, *(part.casefold() for part in PART.findall(text)), *map("".join, pairwise(words))}


def is_named(name: str, words: set[str]) -> bool:
    """Whether a name is among the words of a text, as a whole or in parts."""
    return as_word(name) in words or words.issuperset(part.casefold() for part in PART.findall(name))


def is_founded(number: str, numbers: set[str]) -> bool:
    """Whether a number or code is among these, also where one of the two is written with a letter: V6 and 6."""
    digits = {match[match.lastindex or 0] for one in numbers if (match := DIGITS_OF.fullmatch(one))}
    match = DIGITS_OF.fullmatch(number)
    return number in numbers | digits or (match is not None and match[match.lastindex or 0] in numbers)


def is_worked_out(number: str, others: Sequence[str]) -> bool:
    """Whether a number is the sum or difference of two of the others; a code is not."""
    values = [value for one in others if (value := as_value(one)) is not None]
    return any(as_value(number) in (one + two, abs(one - two)) for one, two in combinations(values, 2))


def as_value(number: str) -> float | None:
    """What a number is worth; None of a code."""
    try:
        return float(number)
    except ValueError:
        return None


def choose_cited(answer: str, records: Sequence[str], question: str) -> list[int]:
    """The places of the records that an answer rests on; the one that it rests on most comes first.

    Those state facts of the answer that the question does not state; where there are none, they hold most of its words.
    """
    question_words = find_name_words(question)
    new = {*find_numbers(answer)} - {*find_numbers(question)}
    new |= {name for name in find_names(answer) if not is_named(name, question_words)}
    held = [find_facts(record, new) for record in records]
    if not any(held):
        held = [{fact for fact in new if is_worked_out(fact, find_numbers(record))} for record in records]
    if not any(held):
        words = find_words(answer)
        held = [words & find_words(record) for record in records]
        if len(max(held, key=len, default=set())) < SHARE_OF_BEST * len(words):
            return []
    most = max(map(len, held), default=0)
    order = sorted(range(len(records)), key=lambda place: -len(held[place]))
    return [place for place in order if held[place] and len(held[place]) >= SHARE_OF_BEST * most]


def find_facts(record: str, facts: set[str]) -> set[str]:
    """Those of these facts that a record states."""
    numbers, words = {*find_numbers(record)}, find_name_words(record)
    return {fact for fact in facts if is_founded(fact, numbers) or (fact[:1].isupper() and is_named(fact, words))}


def find_words(text: str) -> set[str]:
    """The words of a text that say something, without their plural."""
    words = {part.casefold().removesuffix("s") for part in PART.findall(text)}
    return {word for word in words if len(word) > 2 and not FUNCTION_WORDS.fullmatch(word)}
