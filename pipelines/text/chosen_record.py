"""Which of several records a question is about: one that it names or describes, one by its place, or the one that has
more."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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
    0: r"first|1st|former|(?<!drop )(?<!soft )(?<!hard )top|one above|left",
    1: r"second|2nd",
    2: r"third|3rd",
    3: r"fourth|4th",
    -1: r"last|latter|bottom",
}
ORDINAL = re.compile("|".join(rf"(?P<p{n + 1}>\b(?:{words})\b(?! gear))" for n, words in PLACES.items()), re.IGNORECASE)
NUMBERED = re.compile(
    r"\b(?:rec(?:ord)?|row|line|number|no\.?|car|truck|vehicle|unit|option|entry|item|customer|client|buyer|driver|lot|bay"
    r"|stall|order|deal|#) ?#?"
    r"(1|2|3|4|one|two|three|four)\b(?![.\d])|#([1-4])\b",
    re.IGNORECASE,
)
ONE = r"(?:ones?|car|truck|suv|van)\b"
NEWER = re.compile(rf"\b(?:newer|newest|later model|more recent)\b|\bnew {ONE}", re.IGNORECASE)
OLDER = re.compile(rf"\b(?:older|oldest|earlier model)\b|\bold {ONE}", re.IGNORECASE)
ENGINE = r" (?:engined?|motor(?:ed)?|displacement|block)\b"
LARGER = re.compile(rf"\b(?:big|bigger|biggest|large|larger|largest){ENGINE}", re.IGNORECASE)
SMALLER = re.compile(rf"\b(?:little|small|smaller|smallest){ENGINE}", re.IGNORECASE)
LITRES = re.compile(r"\bdisplacement (\d+\.\d)")
OTHER_ONE = re.compile(r"\bthe other (?:one|car|truck|van|suv)\b", re.IGNORECASE)
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
    "grandpa": "he", "grandma": "she", "granny": "she", "your": "you", "yours": "you", "our": "we", "ours": "we",
    "neighbour": "neighbor",
    "spyder": "convertible", "spider": "convertible", "vette": "corvette", "mine": "i", "my": "i", "me": "i",
    "v6": "6", "v8": "8", "v10": "10", "v12": "12", "i4": "4", "estate": "wagon", "cvt": "continuously",
}  # fmt: skip
NUMBER = re.compile(r"\d+(?:\.\d+)?")
OWNERS = {"i", "she", "he", "you", "we", "boss", "neighbor"}
OWNER_WORDS = 4  # before a name, that may say whose it is
OPEN_TOP = re.compile(r"\b(?:drop|soft)[ -]top\b", re.IGNORECASE)
SHORT_YEAR = re.compile(r"(?<![\w.,'])'?(\d\d)(?= [A-Za-z]{3})")


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
    asked_values = {field for some in fields for field in some}
    for text in dict.fromkeys((BESIDES.sub(" ", asking), question)):
        best_places = choose_described(text, records, places, question, asked_values)
        if len(best_places) < len(places):
            if OTHER_ONE.search(BESIDES.sub(" ", question)) and are_named(question, [records[n] for n in best_places]):
                best_places = [n for n in places if n not in best_places]
            return Choice(best_places)
    return Choice(list(places))


def choose_described(
    text: str, records: Sequence[str], places: Sequence[int], message: str, asked_values: Collection[str]
) -> list[int]:
    """The records whose place, year, engine, other values than those asked for, or words a text says."""
    years = [year_of(records[n]) for n in places]
    litres = [float(size[1]) if (size := LITRES.search(records[n])) else 0.0 for n in places]
    for pattern, values, extreme in (
        (NEWER, years, max), (OLDER, years, min), (LARGER, litres, max), (SMALLER, litres, min)
    ):  # fmt: skip
        if pattern.search(text) and all(values) and len(set(values)) > 1:
            return [n for n, value in zip(places, values, strict=True) if value == extreme(values)]
    titles = " ".join(records[n].partition(SEPARATOR)[0] for n in places)
    match = NUMBERED.search(text)
    if match and match[0].casefold() in titles.casefold():
        return [n for n in places if match[0].casefold() in records[n].casefold()]
    if match:
        number = (match[1] or match[2]).casefold()
        place = int({"one": "1"}.get(number, COUNTS.get(number, number))) - 1
        if place < len(records) and place in places:
            return [place]
    specified = choose_specified(text, records, places, asked_values)
    for chosen in (specified, choose_worded(text, records, places, message)):
        if len(chosen) < len(places):
            return chosen
    if (match := ORDINAL.search(text)) and not ORDINAL.search(titles):
        place = int(str(match.lastgroup).removeprefix("p")) - 1
        place = len(records) - 1 if place < 0 else place
        return [place] if place in places else chosen
    return chosen


def are_named(question: str, records: Iterable[str]) -> bool:
    """Whether a question says a word, and no number alone, of the names of these records."""
    question_words = set(words_of(UNMEANT.sub(" ", question)))
    names = {word for record in records for word in words_of(record.partition(SEPARATOR)[0])}
    return any(not word.isdigit() for word in question_words & names)


def year_of(record: str) -> int:
    """A record's model year, also where it has two digits (`12 Prius`); 0 if there is none."""
    title = record.partition(SEPARATOR)[0]
    if year := YEAR.search(title) or YEAR.search(record):
        return int(year[0])
    short = SHORT_YEAR.search(title)
    return 2000 + int(short[1]) if short else 0


def choose_specified(
    text: str, records: Sequence[str], places: Sequence[int], asked_values: Collection[str] = ()
) -> list[int]:
    """Of records, by their places, those of which a text states most specifications: `the one with the 2.4`.

    Args:
        asked_values: those that are no description: `is the Colorado 4wd or 2?`
    """
    unmeant = [match.span() for match in UNMEANT.finditer(text)]
    stated = {
        LAYOUTS[each.field].format(each.value)
        for each in find_specifications(text)
        if not any(start < each.start < end for start, end in unmeant)
    }
    described = stated.difference(asked_values)
    counts = [len(described & set(records[n].split(SEPARATOR)[1:])) for n in places]
    return [n for n, count in zip(places, counts, strict=True) if count == max(counts)]


def choose_worded(text: str, records: Sequence[str], places: Sequence[int], message: str = "") -> list[int]:
    """Of records, by their places, those of which a text holds most words that not all of them have; of equal ones
    those whose name says least besides.

    Args:
        message: the message around the text, which may say whose vehicle is which.
    """
    held = [set(words_of(records[n])) for n in places]
    question_words = Counter(words_of(UNMEANT.sub(" ", text)))
    owners = find_owners([set(words_of(records[n].partition(SEPARATOR)[0])) for n in places], message)
    held = [words | some for words, some in zip(held, owners, strict=True)]
    telling = find_telling(held)
    unmeant = set(words_of(" ".join(match[0] for match in UNMEANT.finditer(text)))) - set(question_words)
    scores = [
        (sum(question_words[word] * weight_of(word) for word in words & telling), -len(words & telling & unmeant))
        for words in held
    ]
    best = [n for n, score in zip(places, scores, strict=True) if score == max(scores)]
    if len(best) == 1 or len(best) == len(places):
        return best
    return shortest_named(best, records, set(question_words))


def weight_of(word: str) -> int:
    """How much a word tells of which record is meant: a code or a model (`p0135`, `328i`) more than any other."""
    return 2 if not word.isalpha() and not word.isdigit() else 1


def find_telling(held: Sequence[set[str]]) -> set[str]:
    """The words that not all of some records have."""
    return {word for words in held for word in words if not all(word in other for other in held)}


def find_owners(names: Sequence[set[str]], text: str) -> list[set[str]]:
    """Whose the vehicles of these names are, by the words just before these: `my wife's is the Honda`."""
    telling = find_telling(names)
    words = words_of(text)
    owners: list[set[str]] = [set() for _ in names]
    for at, word in enumerate(words):
        if word in telling and not word.isdigit():
            before = words[max(0, at - OWNER_WORDS) : at]
            after_name = max((n + 1 for n, other in enumerate(before) if other in telling), default=0)
            owner = [other for other in before[after_name:] if other in OWNERS][-1:]  # her son's
            for some, own in zip(names, owners, strict=True):
                own.update(owner if word in some else ())
    return owners


def shortest_named(places: Sequence[int], records: Sequence[str], question_words: set[str]) -> list[int]:
    """Of records, by their places, those with the fewest words in their name that the question lacks."""
    unsaid = [len(set(words_of(records[n].partition(SEPARATOR)[0])) - question_words) for n in places]
    return [n for n, count in zip(places, unsaid, strict=True) if count == min(unsaid)]


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in lower case and as records have them, without those that tell nothing."""
    plain = OPEN_TOP.sub("convertible", OWNER.sub(" ", text.casefold()))
    words = (COUNTS.get(word, word) for word in WORD.findall(plain))
    return [SYNONYMS.get(word, word) for word in words if word not in COMMON]
