"""Numbers as they are dictated: "five one three five five five oh one six two", "plate k l four seven seven two"."""

import re
from collections.abc import Iterator

from pipelines.text.privacy.address_ends import find_address_end, find_address_start
from pipelines.text.privacy.address_parts import NOT_STREET_WORDS, STATE_NAME
from pipelines.text.privacy.check_digits import is_card_number
from pipelines.text.privacy.context_words import context_score
from pipelines.text.privacy.words import word_set

DIGITS = "zero one two three four five six seven eight nine"
TEN_TO_NINETEEN = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
BY_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS = {word: str(value) for value, word in enumerate(DIGITS.split())}
UNITS |= {"oh": "0", "o": "0", "nought": "0", "hundred": "00"}
TEENS = {word: str(value) for value, word in enumerate(TEN_TO_NINETEEN.split(), 10)}
TENS = dict(zip(BY_TENS.split(), "23456789", strict=True))
REPEATS = {"double": 2, "triple": 3}
NUMERAL = "|".join((*UNITS, *TEENS, *TENS, *REPEATS))
NUMERALS = frozenset({*UNITS, *TEENS, *TENS}) - {"o"}  # a text without any has no number in words
# What is said between digits, and figures among the words: "area code five oh three, um, 555 oh one four two".
FILLERS = r"(?:um|uh|er|ah|then|and|dash|hyphen|space|dot|area code)"
RUN = re.compile(
    rf"\b(?:(?:area code|plus) )?(?:{NUMERAL}|\d{{1,4}})\b"
    rf"(?:[ ,.-]+(?:{FILLERS}[ ,.-]+){{0,2}}(?:{NUMERAL}|\d{{1,4}})\b){{4,}}"
    rf"(?P<extension>,? (?:ext(?:ension)?|x) (?:(?:{NUMERAL}|\d+)\b ?){{1,4}}(?<! ))?",
    re.I,
)
# "zqp four four one", "k v five eight c a r"
PLATE_CUE = (
    r"\b(?:plate|plates|tag|reg|rego|registration)\b"
    r"(?: (?:number|no|is|was|on|the|it's|its|my|her|his|it|for|reads|\w+ is)){0,5}[ :,]+"
)
NATO = (
    "alfa|alpha|bravo|charlie|delta|echo|foxtrot|golf|hotel|india|juliet|juliett|kilo|lima|mike|november|oscar|papa"
    "|quebec|romeo|sierra|tango|uniform|victor|whiskey|x-?ray|yankee|zulu"
)
NOT_LETTERS = r"(?!(?:is|was|the|for|and|on|my|his|her|to|of|in|are|has|not|you|we|it|he|or|at|by)\b)"
PLATE_PART = (  # a digit, a letter, or some letters before a digit
    rf"(?:{NUMERAL}|\d{{1,4}}|{NATO}|[b-hj-z]|a(?= [a-z]\b)|{NOT_LETTERS}[a-z]{{2,3}}(?= (?:{NUMERAL}|\d)))\b"
)
PLATE = re.compile(
    rf"{PLATE_CUE}(?P<value>(?=(?:(?:[a-z]{{1,3}}|{NATO}) ){{0,5}}(?:{NUMERAL}|\d)\b)"
    rf"(?:{PLATE_PART}[ -]?){{3,8}})(?<! )",
    re.I,
)
ROADS = (
    "street|avenue|ave|road|boulevard|parkway|lane|drive|court|plaza|circle|highway|terrace|trail|place|way|pike|loop"
    "|crescent|close|square|run|ridge|hollow|cove|crossing|main|broadway"
)
STREET = re.compile(
    rf"\b(?P<number>(?:(?:{NUMERAL})[ -](?:and (?=[a-z]))?){{1,8}})(?:block of )?"
    r"(?P<words>(?:(?:north|south|east|west) )?(?:[a-z']{3,} ){0,3}?)"
    rf"(?P<road>(?:{ROADS})\b|(?:county|state|old) (?:road|route|highway) (?:(?:{NUMERAL}|\d+)\b[ -]?)+(?<! )"
    rf"|(?:highway|route) (?:(?:{NUMERAL}|\d+)\b[ -]?)+(?<! ))"
    rf"(?P<unit>,? (?:apartment|apt|suite|unit|lot|number) "
    rf"(?:[a-z]\b|\d+\w?|(?:{NUMERAL})\b(?:[ -](?:{NUMERAL})\b)*(?: [a-z]\b)?))?",
    re.I,
)
BOX = re.compile(rf"\b(?:p ?o|post office) box (?P<number>(?:(?:{NUMERAL}|\d+)\b[ -]?)+)(?<! )", re.I)
STREET_AND_STATE = re.compile(  # eight twenty one north cedar in salina kansas
    rf"\b(?:(?:{NUMERAL})[ -]){{2,8}}(?:north|south|east|west) (?P<words>[a-z']{{3,}})"
    rf"(?=,? (?:in )?(?:[a-z']{{3,}} ){{1,2}}{STATE_NAME}\b)",
    re.I,
)
UNIT_WORDS = rf",? (?:apartment|apt|suite|unit) (?:[a-z]\b|\d+\w?|(?:{NUMERAL})\b(?:[ -](?:{NUMERAL})\b)*)"
STREET_WITH_UNIT = re.compile(  # twenty two oh one Peachtree Industrial suite B
    rf"\b(?:(?:{NUMERAL})[ -]){{2,8}}(?P<words>(?:[a-z']{{3,}} ){{0,1}}[a-z']{{3,}}){UNIT_WORDS}", re.I
)
ZIP_WORDS = re.compile(rf"(?: (?:{NUMERAL})\b){{5}}(?! (?:{NUMERAL})\b)", re.I)
STATE_WORDS = re.compile(rf",? (?:in )?(?:[a-z']{{3,}} ){{1,2}}{STATE_NAME}\b", re.I)  # galena illinois
COUNTED = word_set("lane way drive street road court place trail loop run") | NOT_STREET_WORDS  # "two lane highway"


def find_spoken(text: str, words: frozenset[str]) -> Iterator[tuple[str, int, int, float]]:
    """Telephone numbers, SSNs, cards, plates and addresses in words: kind, start, end, score.

    Args:
        words: of the text.
    """
    for match in RUN.finditer(text):
        start, end = match.span()
        spoken = text[start : match.start("extension") if match["extension"] else end]
        digits = join_digits(spoken)
        in_words = sum(word in NUMERALS for word in re.findall(r"[a-z]+", spoken.lower())) >= 3
        if not in_words:
            continue
        if len(digits) == 9 and not words.isdisjoint(("ssn", "social", "soc", "itin")):
            yield "ssn", start, end, 0.7
        elif len(digits) == 10 or (len(digits) in (11, 12) and digits[0] in "01"):
            yield "phone", start, end, 0.7
        elif 7 <= len(digits) <= 12 and context_score("phone", text, start, end) > 0:
            yield "phone", start, end, 0.6
        elif len(digits) >= 13 and is_card_number(digits):
            yield "card", start, end, 0.9
        elif 6 <= len(digits) <= 17 and context_score("account", text, start, end) > 0:
            yield "account", start, end, 0.65
    if not words.isdisjoint(("plate", "plates", "tag", "reg", "rego", "registration")):
        for match in PLATE.finditer(text):
            if not re.fullmatch(r"[\d ]+", match["value"]):
                yield "plate", *match.span("value"), 0.7
    for start, end in find_spoken_streets(text):
        yield "address", start, end, 0.75


def find_spoken_streets(text: str) -> Iterator[tuple[int, int]]:
    """Addresses whose house number is in words: "forty one elm avenue"."""
    for match in STREET.finditer(text):
        words = match["words"].lower().split()
        named = bool(words) and not COUNTED & {*words}
        route = match["road"].lower().split()[0] in ("county", "state", "old", "highway", "route")
        if (named or (route and not words)) and not re.search(r"\b(?:on|at|per|for) \Z", match["number"]):
            end = find_spoken_end(text, match.end())
            if len(match["number"].replace("-", " ").split()) > 1 or match["unit"] or end > match.end():
                yield find_address_start(text, match.start()), end  # not "one dirt road"
    for match in (*STREET_WITH_UNIT.finditer(text), *STREET_AND_STATE.finditer(text)):
        if not COUNTED & {*match["words"].lower().split()}:
            yield match.start(), find_spoken_end(text, match.end())
    for match in BOX.finditer(text):
        yield match.start(), find_spoken_end(text, match.end())


def find_spoken_end(text: str, end: int) -> int:
    """Where the town and state that follow a dictated street end."""
    state = STATE_WORDS.match(text, end)
    end = find_address_end(text, state.end() if state else end)
    code = ZIP_WORDS.match(text, end) if state else None
    return code.end() if code else end


def join_digits(text: str) -> str:
    """The digits that the words say: "oh nine double five eighty one" is 0955 81."""
    digits, times, ten = "", 1, ""
    for word in re.findall(r"[a-z]+|\d+", text.lower()):
        if ten and word not in UNITS:
            digits += ten + "0"
        if word in UNITS:
            digits += (ten + UNITS[word]) if ten and UNITS[word] != "0" else (ten and ten + "0") + UNITS[word] * times
            times = 1
        elif word in TEENS:
            digits += TEENS[word]
        elif word in REPEATS:
            times = REPEATS[word]
        elif word.isdigit():
            digits += word
        ten = TENS.get(word, "")
    return digits + (ten and ten + "0")
