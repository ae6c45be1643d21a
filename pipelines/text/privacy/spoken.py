"""Numbers as they are dictated: "five one three five five five oh one six two"."""

import re
from collections.abc import Iterator

from pipelines.text.privacy.addresses import NOT_STREET_WORDS, TOWN, find_town_end
from pipelines.text.privacy.check_digits import is_card_number
from pipelines.text.privacy.context_words import context_score

DIGITS = "zero one two three four five six seven eight nine"
TEN_TO_NINETEEN = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
BY_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS = {word: str(value) for value, word in enumerate(DIGITS.split())}
UNITS |= {"oh": "0", "o": "0", "nought": "0", "hundred": "00"}
TEENS = {word: str(value) for value, word in enumerate(TEN_TO_NINETEEN.split(), 10)}
TENS = dict(zip(BY_TENS.split(), "23456789", strict=True))
REPEATS = {"double": 2, "triple": 3}
SEPARATORS = frozenset({"dash", "hyphen", "space"})
NUMERAL = "|".join((*UNITS, *TEENS, *TENS, *REPEATS, *SEPARATORS))
NUMERALS = frozenset({*UNITS, *TEENS, *TENS}) - {"o"}  # a text without any has no number in words
RUN = re.compile(rf"\b(?:{NUMERAL})(?:[ ,-]+(?:{NUMERAL})){{4,}}\b", re.I)
STREET = re.compile(
    rf"\b(?P<number>(?:(?:{NUMERAL})[ -])+)(?P<words>(?:(?:north|south|east|west) )?(?:[a-z']{{3,}} ){{0,3}}?)"
    r"(?:street|avenue|road|boulevard|parkway|lane|drive|court|plaza|circle|highway|main)\b"
    rf"(?P<unit>,? (?:apartment|apt|suite|unit) (?:[a-z]\b|\d+|(?:{NUMERAL})\b(?: [a-z]\b)?))?{TOWN}?",
    re.I,
)


def find_spoken(text: str) -> Iterator[tuple[str, int, int, float]]:
    """Telephone numbers, SSNs and cards in words: kind, start, end, score."""
    for match in RUN.finditer(text):
        digits = join_digits(match.group())
        start, end = match.span()
        if len(digits) == 9 and context_score("ssn", text, start, end) > 0:
            yield "ssn", start, end, 0.7
        elif len(digits) == 10 or (len(digits) == 11 and digits[0] in "01"):
            yield "phone", start, end, 0.7
        elif len(digits) == 7 and context_score("phone", text, start, end) > 0:
            yield "phone", start, end, 0.6
        elif len(digits) >= 14 and is_card_number(digits):
            yield "card", start, end, 0.85


def find_spoken_streets(text: str) -> Iterator[tuple[int, int, float]]:
    """Addresses whose house number is in words: "forty one elm avenue"."""
    for match in STREET.finditer(text):
        words = match["words"].lower().split()
        if words and not (NOT_STREET_WORDS | {"lane", "way"}) & {*words}:
            end = find_town_end(text, match.end())
            if len(match["number"].split()) > 1 or match["unit"] or end > match.end():  # not "one dirt road"
                yield match.start(), end, 0.7


def join_digits(text: str) -> str:
    """The digits that the words say: "oh nine double five eighty one" is 0955 81."""
    digits, times, ten = "", 1, ""
    for word in re.findall(r"[a-z]+", text.lower()):
        if ten and word not in UNITS:
            digits += ten + "0"
        if word in UNITS:
            digits += (ten + UNITS[word]) if ten and UNITS[word] != "0" else (ten and ten + "0") + UNITS[word] * times
            times = 1
        elif word in TEENS:
            digits += TEENS[word]
        elif word in REPEATS:
            times = REPEATS[word]
        ten = TENS.get(word, "")
    return digits + (ten and ten + "0")
