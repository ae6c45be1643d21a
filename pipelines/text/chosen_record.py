"""Which of several records a question is about: one that it names or describes, one by its place, or the one that has
more."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pipelines.text.field_names import LAYOUTS
from pipelines.text.record_lines import SEPARATOR, YEAR
from pipelines.text.specifications import COUNTS, find_specifications

WORD = re.compile(r"[^\W_]+(?:\.\d+)?")
OWNER = re.compile(r"['\u2019]s\b")
COMMON = frozenset("the a an this of is it in on for with and or one car vehicle what which how".split())  # noqa: SIM905
UNMEANT = re.compile(
    r"\b[^\s,.;]+ (?:no|nope)(?=[,.;])|\b(?:not|ignore|isn't|isnt|except|skip|instead of|rather than|without|no|non"
    r"|can't|cannot|after|than|unlike|before|against|my old|my last|another)(?=[ -])"
    r"[ -]?(?:(?:the|a|that|one|for|from|my|drive) )*[^\s,.;]+(?: (?:or|nor|and not) (?:the )?[^\s,.;]+)?",
    re.IGNORECASE,
)
BESIDES = re.compile(r"\([^()]*\)")  # in passing
ALL = re.compile(
    r"\b(?:both|each|either (?:one|car|truck)|all (?:of them|three|four|\d)|two of (?:them|the|'em))\b", re.IGNORECASE
)
PLACES = {
    0: r"first|1st|former|top|one above|left",
    1: r"second|2nd",
    2: r"third|3rd",
    3: r"fourth|4th",
    -1: r"last|latter|bottom",
}
ORDINAL = re.compile("|".join(rf"(?P<p{n + 1}>\b(?:{words})\b(?! gear))" for n, words in PLACES.items()), re.IGNORECASE)
NUMBERED = re.compile(
    r"\b(?:rec(?:ord)?|row|line|number|no\.?|car|truck|vehicle|unit|option|entry|item|#) ?#?"
    r"(1|2|3|4|one|two|three|four)\b(?![.\d])|#([1-4])\b",
    re.IGNORECASE,
)
NEWER = re.compile(r"\b(?:newer|newest|later model|more recent)\b", re.IGNORECASE)
OLDER = re.compile(r"\b(?:older|oldest|earlier model)\b", re.IGNORECASE)
COMPARES = re.compile(r"\b(?:which|who|whose|what (?:one|car|truck|vehicle|van|suv))\b", re.IGNORECASE)
MORE = re.compile(
    r"\b(?:more|most|better|best|bigger|biggest|higher|highest|larger|largest|greater|greatest|farther|further|furthest"
    r"|easier|cheaper|thriftier|thriftiest|economical)\b",
    re.IGNORECASE,
)
LESS = re.compile(
    r"\b(?:less|least|fewer|fewest|smaller|smallest|lower|lowest|worse|worst|thirstier|thirstiest)\b", re.IGNORECASE
)
SYNONYMS = {
    "stick": "manual", "clutch": "manual", "row": "manual", "auto": "automatic", "ragtop": "convertible",
    "droptop": "convertible", "cabriolet": "convertible", "cabrio": "convertible", "roadster": "convertible",
    "turbo": "turbocharged", "blown": "supercharged", "blower": "supercharged", "supercharger": "supercharged",
    "chevy": "chevrolet", "vw": "volkswagen", "merc": "mercedes", "benz": "mercedes", "beamer": "bmw", "bimmer": "bmw",
    "caddy": "cadillac", "awd": "all", "fwd": "front", "rwd": "rear", "4wd": "4", "4x4": "4", "cyl": "cylinders",
    "cylinder": "cylinders", "litre": "liter", "litres": "liter", "liters": "liter", "pickup": "truck",
    "none": "naturally",
    "wife": "she", "hers": "she", "her": "she", "mrs": "she", "sister": "she", "daughter": "she", "mom": "she",
    "mother": "she", "lady": "she", "girlfriend": "she", "aunt": "she", "husband": "he", "his": "he", "him": "he",
    "mr": "he", "brother": "he", "son": "he", "dad": "he", "father": "he", "boyfriend": "he", "uncle": "he",
    "spyder": "convertible", "spider": "convertible", "vette": "corvette", "mine": "i",
    "v6": "6", "v8": "8", "v10": "10", "v12": "12", "i4": "4", "estate": "wagon", "cvt": "continuously",
}  # fmt: skip
NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Choice(NamedTuple):
    """The places of the records that a question is about."""

    places: list[int]
    compared: bool = False  # it asks which one has more or less of something: the answer is its name


def choose_records(
    question: str, asking: str, records: Sequence[str], places: Sequence[int], fields: Sequence[Sequence[str]]
) -> Choice:
    """Of several records those that a question is about; all of them where nothing tells.

    Args:
        question: the message without its records.
        asking: its sentences that ask.
        places: of the records that have the fields asked for.
        fields: of each of these, those that are asked for.
    """
    if len(places) < 2 or ALL.search(asking):
        return Choice(list(places))
    if COMPARES.search(asking) and (MORE.search(asking) or LESS.search(asking)):
        numbers = [NUMBER.search(some[0]) if some else None for some in fields]
        values = [float(number[0]) for number in numbers if number]
        if len(values) == len(places):
            best = min(values) if LESS.search(asking) else max(values)
            return Choice([n for n, value in zip(places, values, strict=True) if value == best], compared=True)
    if COMPARES.search(asking) and len(chosen := choose_specified(asking, records, places)) == 1:
        return Choice(chosen, compared=True)  # which of them has the manual?
    for text in dict.fromkeys((BESIDES.sub(" ", asking), question)):
        best_places = choose_described(text, records, places)
        if len(best_places) < len(places):
            return Choice(best_places)
    return Choice(list(places))


def choose_described(text: str, records: Sequence[str], places: Sequence[int]) -> list[int]:
    """The records whose place, year or words a text says."""
    years = [int(year[0]) if (year := YEAR.search(records[n])) else 0 for n in places]
    for pattern, wanted_year in ((NEWER, max(years)), (OLDER, min(years))):
        if pattern.search(text) and len(set(years)) > 1:
            return [n for n, year in zip(places, years, strict=True) if year == wanted_year]
    titles = " ".join(records[n].partition(SEPARATOR)[0] for n in places)
    match = NUMBERED.search(text)
    if match and match[0].casefold() in titles.casefold():
        return [n for n in places if match[0].casefold() in records[n].casefold()]
    if match:
        number = (match[1] or match[2]).casefold()
        place = int({"one": "1"}.get(number, COUNTS.get(number, number))) - 1
        if place < len(records) and place in places:
            return [place]
    for choose in (choose_specified, choose_worded):
        chosen = choose(text, records, places)
        if len(chosen) < len(places):
            return chosen
    if (match := ORDINAL.search(text)) and not ORDINAL.search(titles):
        place = int(str(match.lastgroup).removeprefix("p")) - 1
        place = len(records) - 1 if place < 0 else place
        return [place] if place in places else chosen
    return chosen


def choose_specified(text: str, records: Sequence[str], places: Sequence[int]) -> list[int]:
    """Of records, by their places, those of which a text states most specifications: `the one with the 2.4`."""
    unmeant = [match.span() for match in UNMEANT.finditer(text)]
    stated = {
        LAYOUTS[each.field].format(each.value)
        for each in find_specifications(text)
        if not any(start < each.start < end for start, end in unmeant)
    }
    counts = [len(stated & set(records[n].split(SEPARATOR)[1:])) for n in places]
    return [n for n, count in zip(places, counts, strict=True) if count == max(counts)]


def choose_worded(text: str, records: Sequence[str], places: Sequence[int]) -> list[int]:
    """Of records, by their places, those of which a text holds most words that not all of them have; of equal ones
    those whose name says least besides."""
    held = [set(words_of(records[n])) for n in places]
    telling = {word for words in held for word in words if not all(word in other for other in held)}
    question_words = Counter(words_of(UNMEANT.sub(" ", text)))
    unmeant = set(words_of(" ".join(match[0] for match in UNMEANT.finditer(text)))) - set(question_words)
    scores = [
        (sum(question_words[word] for word in words & telling), -len(words & telling & unmeant)) for words in held
    ]
    best = [n for n, score in zip(places, scores, strict=True) if score == max(scores)]
    if len(best) == 1 or len(best) == len(places):
        return best
    return shortest_named(best, records, set(question_words))


def shortest_named(places: Sequence[int], records: Sequence[str], question_words: set[str]) -> list[int]:
    """Of records, by their places, those with the fewest words in their name that the question lacks."""
    unsaid = [len(set(words_of(records[n].partition(SEPARATOR)[0])) - question_words) for n in places]
    return [n for n, count in zip(places, unsaid, strict=True) if count == min(unsaid)]


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in lower case and as records have them, without those that tell nothing."""
    words = (COUNTS.get(word, word) for word in WORD.findall(OWNER.sub(" ", text.casefold())))
    return [SYNONYMS.get(word, word) for word in words if word not in COMMON]
