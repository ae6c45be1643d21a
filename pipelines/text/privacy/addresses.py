"""Find postal addresses of North America: house number, words and a type of road; routes, boxes, crossings.

usaddress, the usual parser, is no help in finding them: it parses whatever it is given, "2019 Civic LX Front Wheel
Drive" too. What tells an address from a vehicle or a measure are the words between number and road (no unit, no verb,
no make after a model year) and the words before: who "lives at" something lives at an address.
"""

import re

from pipelines.text.privacy.address_ends import find_address_end, find_address_start
from pipelines.text.privacy.address_parts import (
    COMMON_ROADS,
    DIRECTION,
    NOT_STREET_WORDS,
    PROPER,
    RARE_ROADS,
    ROAD,
    ROAD_NAME,
    STATE,
    STREET_WORDS,
    TOWN_WORDS,
    UNIT,
    ZIP,
)
from pipelines.text.privacy.name_model import load_model
from pipelines.text.privacy.words import DIRECTIONS, MONTHS, SHORT_MONTHS, word_set

Span = tuple[int, int]
# The digit comes first, and what may not be before it after it: so the search goes from digit to digit.
HOUSE = (
    r"\d(?<![\w$.,'\u2019#/-]\d)(?<!\d \d)\d{0,5}(?:-\d{1,4}|[a-z](?:/\d{1,4})?(?![a-z])| 1/2|/\d{1,4}| [b-d](?="
    r" [a-z]{3}))?"
)
NUMBER = rf"(?P<number>{HOUSE}),?"
GRID_NUMBER = r"\b[NSEW](?P<number>\d{2,5})(?:[NSEW]\d{2,5})?"  # N4482, of rural Wisconsin
ROUTE = (
    r"(?:(?:(?:state|county|us|u\.s\.|interstate|farm to market|old|rural) )?(?:road|route|rd|rte|rt|hwy|highway|sr|cr"
    r"|fm|us|u\.s\.|i|sh|ranch (?:road|rd)|state road|county road|county rd|forest (?:service )?(?:road|rd)"
    r"|(?:parish|township|twp\.?) (?:road|rd)|loop|beltway|(?:farm|ranch) to market(?: (?:road"
    r"|rd))?)[ -]?\d{1,4}[a-z]?\b(?! ?(?:mpg|mph)\b)"
    r"(?: (?:rd|road|hwy)\b)?(?: (?:(?:north|south|east|west)(?:bound)?|[nsew])\b)?"
    r"|(?:county|co\.?) (?:road|rd|hwy|highway|trunk|trunk road) [a-z]{1,2}\b)"
)
STREET = (
    rf" (?P<words>(?:{DIRECTION} )?(?:{ROAD_NAME} ){{1,4}}?)(?P<road>{ROAD}(?: {ROAD}){{0,3}})(?! \d+ mpg)"
    rf"(?:(?: {PROPER}){{0,2}} (?-i:(?=[A-Z])){ROAD})?(?: {DIRECTION}(?![\w']))?"
)
STREETS = NUMBER + STREET
UNIT_FIRST = (  # Apt. 7 15 Elm St
    rf"\b(?:apt|apartment|unit|suite|ste|flat|lot)\b\.? ?#?(?:\d\w{{0,3}}|[a-z]\d{{0,3}}) (?P<number>\d{{1,5}}){STREET}"
)
NUMBER_IN_WORDS = (  # Three Lafayette Square
    rf"\b(?P<number>(?-i:One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten|Eleven|Twelve|ONE|TWO|THREE|FOUR|FIVE))"
    rf"{STREET}"
)
WITH_UNIT = (  # 340 Vine, Apt 2R: a unit says that it is a street
    rf"{NUMBER} (?:{DIRECTION} )?(?P<words>{PROPER}(?: {PROPER})?),? "
    r"(?:apt|apartment|flat|suite|ste|unit|number)\b\.? ?#?\w{1,5}\b"
)
DIRECTION_AND_UNIT = (  # 516 east juniper apartment d
    rf"{NUMBER} {DIRECTION} (?P<words>(?-i:[a-zß-ÿ'\u2019]{{3,}})(?: (?-i:[a-zß-ÿ'\u2019]{{3,}}))?),? "
    r"(?:apt|apartment|suite|ste)\b\.? ?#?\w{1,4}\b"
)
DIRECTION_AND_TOWN = rf"{NUMBER} {DIRECTION} (?P<words>{PROPER}|[a-zß-ÿ'\u2019-]{{3,}})(?=,)"  # 803 n elm, stillwater
STREET_AND_STATE = (  # Old Stagecoach Rd, Tenino WA
    rf"(?<![\w-])(?P<words>(?:{PROPER} ){{1,3}})(?P<road>(?-i:(?=[A-Z])){ROAD})(?=,? {TOWN_WORDS},? (?-i:{STATE})\b)"
)
STREETS_IN_A_GRID = rf"(?:{GRID_NUMBER}(?: {ROUTE}|{STREET}))"
# 702 S Main, 3321 S. 14th East: a direction says that it is a street
WITH_DIRECTION = (
    rf"\d(?<![\w$.,'\u2019#/-]\d)\d{{1,4}} {DIRECTION} (?:(?:main|center|market|broad|state)\b"
    rf"|\d{{1,3}}(?:st|nd|rd|th)\b(?: {DIRECTION}\b)?|\d{{2,5}} {DIRECTION}\b)(?! \w+ {ROAD})"
)
ROUTES = (
    rf"(?P<number>{HOUSE}) (?:{DIRECTION} )?(?:(?-i:Broadway)|broadway\b(?= (?:ave|st|apt|unit)|,)|{ROUTE})"
    rf"(?: {DIRECTION}(?![\w']))?"
)
NAMED_FIRST = (
    rf"{NUMBER} (?-i:(?:El Camino|Avenue|Ave\.|Av\.|Boulevard|Blvd\.|Jalan|Camino|Via|Calle|Avenida|Paseo|Rue|Place)"
    rf" (?:of |de |del |du )?"
    rf"(?:the |la |las |los )?[A-Z])[\w'\u2019-]+(?-i:(?: (?:de|del|de la))? [A-Z][\w'\u2019-]+)?"
)
SPANISH = (  # 2206 calle jacaranda, in a text without capitals
    rf"{HOUSE} (?-i:(?:calle|avenida|avda|paseo|calzada) (?:(?:de|del|de la|de los|la|las|los|el) )?"
    r"(?P<words>[a-zß-ÿñ'\u2019]{3,}))"
)
WITH_TOWN = (
    rf"{HOUSE} (?:{DIRECTION} )?(?:{PROPER} ){{0,2}}{PROPER}{UNIT}?, {TOWN_WORDS},? (?-i:{STATE}|SA|TAS|ACT)\b"
    rf"(?:,? (?:{ZIP}|\d{{4}}\b))?"
)
# PSC 0395, Box 4762, APO AE 84167
MILITARY = (
    r"\b(?-i:(?:PSC|CMR|Unit|UNIT|U[A-Z]{2,4}) [\w ]{1,25}?,?(?: Box \d+)?,? (?:APO|FPO|DPO),? A[AEP],? \d{5})"
    r"(?:-\d{4})?\b"
)
IN_A_PARK = (
    rf"\b(?:lot|space|site|unit|trailer) #?\d{{1,4}},? (?:(?:{PROPER} ){{1,3}}(?:estates|village|campground)"
    rf"|(?:{ROAD_NAME} ){{1,3}}(?:mobile home park|mhp|rv park|trailer park))\b"
)
BOX = (
    r"\b(?:p\.? ?o\.? ?(?:box|drawer)|post office box|private bag|gpo box|box(?= \d{1,6},? [A-Z]| \d{1,6} (?:route"
    r"|rte|rr) \d)"
    r"|(?:rr|rural route|hc|star route|route|rte) *#?\d+,? box|general delivery,)"
    r" *#?(?:\d{1,6}-?[a-z]?\b)?(?: (?:route|rte|rr) \d+\b)?"
)
RURAL = r"\b(?:rr|rural route) *#?\d+(?:, ?(?:site|box|comp|stn)\.? \d+)*(?=,? [A-Z])"
TOWN_ALONE = rf"\b(?-i:(?:{PROPER} ){{0,2}}{PROPER}, ?{STATE},? \d{{5}}(?:-\d{{4}})?)\b"
# Who lives there: "he lives on maple street", "my house is off of Cedar Hollow Road".
HOME = (
    r"\b(?:(?:lives?|living|lived|resid(?:es?|ing)|stay(?:s|ing)?|moved|relocated) (?:over |out |up |down |back )?"
    r"|(?:house|home|apartment|apt|place|farm|ranch|cottage|cabin|address) (?:is |was )?(?:over |out )?)"
    r"(?:\d+ miles? (?:out|up|down) )?(?:at|on|off(?: of)?|to|in)\b:? "
    rf"(?P<value>(?:the (?:end|top|foot|bottom) of )?(?:{ROUTE}|(?:the )?(?P<words>(?:{DIRECTION} )?(?:{ROAD_NAME}"
    rf" ){{1,3}}?)(?P<road>{ROAD}(?: {ROAD})?)"
    r"(?:,? number \w{1,9}\b)?))"
)
NOT_HOME = NOT_STREET_WORDS | word_set("same next different busy quiet dirt gravel private open high")
# Where roads cross: "corner of 5th and Main", "W 11th Rd & Hwy 20"; and where a road is at: "mile marker 41, us-60".
ORDINAL = r"\d{1,3}(?:st|nd|rd|th)"
NAMED_ROAD = rf"(?:(?:{DIRECTION} )?(?:{PROPER}|{ORDINAL}|[a-z'\u2019]{{3,}})(?: {PROPER})?(?: {ROAD})?|{ROUTE})"
TYPED_ROAD = rf"(?:(?:{DIRECTION} )?(?:{PROPER}|{ORDINAL})(?: {PROPER})? (?-i:(?=[A-Z])){ROAD}|(?-i:(?=[A-Z])){ROUTE})"
CORNER = (
    rf"\b(?:corner|intersection|crossroads) of (?P<value>{NAMED_ROAD} (?:and|&) {NAMED_ROAD})"
    rf"|(?:\bthe )?\b\d{{1,4}}00 block of (?:{DIRECTION} )?{ROAD_NAME}(?: {ROAD_NAME})?(?: {ROAD})?"
)
CROSSING = rf"(?<![\w-]){TYPED_ROAD} (?:and|&) {TYPED_ROAD}"
MILE_MARKER = r"(?:mile ?(?:marker|post)|milepost|mm) ?#?\d{1,3}(?:\.\d)?"
MILE = (
    rf"\b(?:{MILE_MARKER},? (?:on |of |off )?{ROUTE}|{ROUTE},? (?:at |near )?(?:{MILE_MARKER}|mile \d{{1,3}}\b)"
    r"|(?-i:[ABM])\d{1,4} (?:layby|lay-by|services|roundabout|hard shoulder)"
    r"|(?:junction|jct|(?-i:J)) ?\d{1,2}[a-z]?,? (?:of |on )?(?:the )?(?-i:[AM])\d{1,3}\b)"
)
# Where somebody waits: "broke down on highway twelve", "im by the shell on route 46 east", "towed from I-80 westbound".
COUNTED_ROAD = (
    r"(?:(?:state|county|us|old) )?(?:highway|route|interstate) (?:one|two|three|four|five|six|seven|eight|nine|ten"
    r"|eleven|twelve|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?: \w+)?)\b"
)
WAITING = (
    r"\b(?:i['\u2019]?m|i am|we['\u2019]?re|we are|stuck|stranded|broken? down|stalled|sitting|towed?"
    r"|tow truck|winch(?:ed)?|pick (?:me|us|it) up"
    r"|flat|wreck(?:ed)?|accident|crash(?:ed)?)\b[^.;\n]{0,40}?\b(?:on|off|at|from|along|near)\b "
    rf"(?P<value>(?:{ROUTE}|{COUNTED_ROAD})(?: (?:east|west|north|south)(?:bound)?\b)?(?: near mile \d{{1,3}}\b)?)"
)
# Of an avenue by its number and a street: "from 5th & Market", "over on Third and Wisteria".
NUMBERED_CORNER = (
    rf"\b(?:at|on|from|near|to|by) (?P<value>(?:{ORDINAL}"
    r"|(?-i:First|Second|Third|Fourth|Fifth|Sixth|Seventh|Eighth|Ninth|Tenth))"
    rf" (?:and|&) (?P<words>{PROPER}))(?![\w-])"
)
NEARBY = re.compile(
    r",? (?:(?:near|at|by|past|just past|before|after|around) (?:the )?"
    r"(?:(?:exit|mile ?(?:marker|post)?|mm|junction|jct) #?\d{1,3}(?:\.\d)?[a-z]?\b|rest (?:area|stop)\b)"
    r"|(?:\d{1,3} (?:mi|miles?|km) (?:north|south|east|west|[nsew]) of|near|nr|outside(?: of)?) "
    rf"(?:(?-i:{TOWN_WORDS})(?:, (?-i:{STATE})\b)?"
    r"|[a-z]+(?: (?:town|city|springs|falls|beach|junction))?(?=[.,;\n]|$)))",
    re.I,
)
LIKELY = re.compile(  # what stands before an address
    r"(?:\b(?:at|lives?|living|address|house|home|located|to|from|is|mail|ship|deliver|moved|into|on|number|no)"
    r"[ :,.-]{1,3}"
    r"|\b(?:address|home|bill(?:ing)?|ship(?:ping)?|garaged)\b.{0,12})$",
    re.I,
)
GEARS = word_set("reverse neutral drive overdrive first second third fourth fifth sixth gear low")
PLAIN_ROADS = word_set("street st road drive dr court ct lane place pl circle cir way trail terrace ter")
MODEL_YEAR = re.compile(r"(?:(?:19[5-9]|20[0-3])\d|[1-9]500),?")  # or a class of trucks


def keep_street(match: re.Match[str]) -> Span | None:
    """The span of a street with its unit and town; None if it is no street."""
    return keep_place(match) if match["words"] is None or is_street(match) else None


def keep_place(match: re.Match[str]) -> Span:
    """The span of a match with the unit before it, and the unit and town after it."""
    group = "value" if "value" in match.re.groupindex else 0
    start, end = match.span(group) if match[group] else match.span()
    return find_address_start(match.string, start), find_address_end(match.string, end)


def keep_crossing(match: re.Match[str]) -> Span:
    """The span of a crossing or of a place on a road, with what it is near."""
    start, end = keep_place(match)
    near = NEARBY.match(match.string, end)
    return start, find_address_end(match.string, near.end()) if near else end


def keep_home(match: re.Match[str]) -> Span | None:
    """The span of a street without a number where somebody lives: in lower case, one of a name and a plain type."""
    if match["words"] is None:
        return keep_place(match)
    words = [word.lower().strip(".,") for word in match["words"].split()]
    lists, _ = load_model()
    if any(word in NOT_HOME or word in lists.models for word in words) or match["value"].isupper():
        return None
    road = match["road"].split()[-1]
    plain = road not in COMMON_ROADS or road in ("street", "road", "lane")
    ordinary = all(lists.common.get(word, 0) > 3 for word in words)
    return keep_place(match) if road[:1].isupper() or (plain and not ordinary) else None


def keep_worded(match: re.Match[str]) -> Span | None:
    """The span of a street whose house number is a word: with a town, or where an address is expected."""
    before = LIKELY.search(match.string, max(0, match.start() - 24), match.start())
    expected = before or find_address_end(match.string, match.end()) > match.end() + 3
    return keep_street(match) if expected and match["road"][:1].isupper() else None


def keep_with_unit(match: re.Match[str]) -> Span | None:
    """The span of a number, words and a unit that are no vehicle or part and its number."""
    return keep_place(match) if may_be_street(match["words"]) and not MODEL_YEAR.fullmatch(match["number"]) else None


def keep_with_town(match: re.Match[str]) -> Span | None:
    """The span of a number, direction and word before a comma and a town."""
    start, end = keep_place(match)
    return (start, end) if end > match.end() + 3 and may_be_street(match["words"]) else None


def keep_without_number(match: re.Match[str]) -> Span | None:
    """The span of a street, town and state."""
    return keep_place(match) if may_be_street(match["words"]) else None


def keep_corner(match: re.Match[str]) -> Span | None:
    """The span of two roads of which one has a number: not of gears or parts."""
    numbered = match["value"][0].isdigit() and match["words"].lower().rstrip(".") not in NOT_STREET_WORDS | GEARS
    return keep_crossing(match) if numbered or may_be_street(match["words"]) else None


def may_be_street(words: str) -> bool:
    """Whether words could be a street's name: none is a vehicle's or a part's, or never a street's."""
    lists, _ = load_model()
    low = [word.lower().strip(".,") for word in words.split()]
    return not any(
        word in lists.models
        or (word in lists.domain and word not in lists.last and word not in DIRECTIONS)
        or (word in NOT_STREET_WORDS and word not in STREET_WORDS)
        or word in MONTHS
        for word in low
    )


def keep_box(match: re.Match[str]) -> Span | None:
    """The span of a PO box: with a number."""
    return keep_place(match) if any(map(str.isdigit, match.group())) or match.group().endswith(",") else None


def keep_no_vehicle(match: re.Match[str]) -> Span | None:
    """The span of a number and words that are no model year and vehicle."""
    number, word = match.group().split()[:2]
    vehicle = MODEL_YEAR.fullmatch(number) and word.lower() in load_model()[0].models
    return None if vehicle else (find_address_start(match.string, match.start()), match.end())


def is_street(street: re.Match[str]) -> bool:
    """Whether the number and words of a match, up to the type of road, are an address."""
    words = street["words"].split()
    low = [word.lower().strip(".,") for word in words]
    road = street["road"].split()[-1].lower().rstrip(".")
    number = street["number"]
    if not words:
        return False
    capital = [word[:1].isupper() or word[:1].isdigit() for word in words]
    if street.string[street.end("number") :].startswith(",") and not any(capital):
        return False  # fields of a list: on hand 12, reorder point 11
    titled = street["road"][:1].isupper()
    for word, written, proper in zip(low, words, capital, strict=True):
        if word in NOT_STREET_WORDS and not (proper and titled and word in STREET_WORDS):
            return False
        if re.search(r"[a-z]\d|\d(?!st|nd|rd|th)[a-z]", word):  # A4, 3500HD
            return False
        if len(word) > 3 and written.endswith("."):  # the end of a sentence
            return False
    if low[0] in MONTHS | SHORT_MONTHS:
        return False
    lists, _ = load_model()
    if low[-1] == "lane" and road == "road":  # a 4 lane road
        return False
    if MODEL_YEAR.fullmatch(number) and low[0] in lists.models and low[0] not in DIRECTIONS:
        return False
    likely = LIKELY.search(street.string, max(0, street.start() - 24), street.start()) is not None
    followed = find_address_end(street.string, street.end()) > street.end() + 3
    if MODEL_YEAR.fullmatch(number) and road in COMMON_ROADS - PLAIN_ROADS and not (likely or followed):
        return False  # the 1986 Pikes Peak Hill Climb
    if road in RARE_ROADS and not followed and not (likely and titled):
        return False
    if any(capital) or road not in COMMON_ROADS:
        return len(number) > 1 or any(capital) or low[0] in DIRECTIONS or likely
    # All in lower case, and the road may be another word: "150 sierra drive", not "12 volt circle".
    likely = likely or followed
    common = [word for word in low if word not in DIRECTIONS]
    if not common or len(common) > 2 + likely or not (len(number) > 1 or likely):
        return False
    return not any(lists.common.get(word, 0) > 3 for word in common) or (likely and len(number) > 2 and len(common) > 1)
