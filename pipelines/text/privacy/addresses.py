"""Find postal addresses: a house number, words, and a type of road; a PO box; a town with state and ZIP code.

usaddress, the usual parser, is no help in finding them: it parses whatever it is given, "2019 Civic LX Front Wheel
Drive" too. What tells an address from a vehicle or a measure are the words between number and road: no unit, no verb,
no make after a model year.
"""

import re

from pipelines.text.privacy.name_model import load_model
from pipelines.text.privacy.words import DIRECTIONS, MONTHS, SHORT_MONTHS, word_set

ROAD_TYPES = word_set(
    """
    street st avenue ave av boulevard blvd road rd lane ln drive dr court ct circle cir place pl parkway pkwy terrace
    ter trail trl way highway hwy square sq loop pike crossing xing run cove cv row alley plaza expressway expy expwy
    freeway fwy turnpike tpke bypass causeway path walk bend ridge hollow landing commons promenade crescent cres close
    gardens gdns mews grove green hill heights hts estate estates mall quay wharf parade rise vista point pointe pass
    spur mile canyon glen park bluff creek lake valley village oval esplanade line sideroad concession croft chase
    """
)
ROAD = rf"(?:{'|'.join(sorted(ROAD_TYPES))})\b\.?"
# Words that are roads only as part of a name: with a capital, or beside a word that is no everyday one.
COMMON_ROADS = word_set(
    """
    run drive way place row square loop crossing pike trail circle path walk bend ridge hollow landing commons plaza
    court lane alley cove terrace dr ct pl ter cir sq cv av st walk bypass freeway highway
    close gardens grove green hill heights estate estates mall parade rise vista point pass spur mile canyon glen park
    bluff creek lake valley village oval line chase street road
    """
)
STATE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|PR|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY]|AB|BC|MB|N[BLST]|ON|QC|SK|NSW|VIC|QLD)"
)
STATE_NAME = (
    r"(?:Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois"
    r"|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri"
    r"|Montana|Nebraska|Nevada|New (?:Hampshire|Jersey|Mexico|York)|(?:North|South) (?:Carolina|Dakota)|Ohio|Oklahoma"
    r"|Oregon|Pennsylvania|Rhode Island|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin"
    r"|Wyoming|Ontario|Quebec|Alberta|British Columbia|Manitoba|Saskatchewan)"
)
ZIP = r"(?:\d{5}(?:-\d{4})?|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})\b"  # US, Canada, UK
UNIT = (
    r"(?:,? *(?:#|\b(?:apt|apartment|unit|suite|ste|lot|bldg|building|trlr|trailer|space|spc|rm|room)\b\.?) *#? ?"
    r"(?:[A-Za-z]?-?\d[\w-]{0,5}|[A-Za-z])\b(?! of\b)|,? \d{1,3}(?:st|nd|rd|th) floor\b|,? (?:apt|unit) \w{1,6}\b"
    r"|,? (?:penthouse|ph|rear|upstairs|basement|floor)\b(?: \w\b)?)"
)
TOWN_WORD = r"[A-Z](?:[\w'\u2019-]|\.(?= [A-Z][a-z]+,| [A-Z][a-z]+ [A-Z]))*"  # with the dot of St. Louis
TOWN_WORDS = rf"(?-i:{TOWN_WORD}(?: (?:of|de|la|del|the)\b| {TOWN_WORD}){{0,3}})"
TOWN = (
    rf"(?:,?\s+{TOWN_WORDS},? (?:(?-i:{STATE})\b|{STATE_NAME}\b)(?:,? {ZIP})?"  # Orlando, FL 32801
    rf"|,?\s+(?!(?:at|in|is|and|for|from|on|to|the|my|with|call|cell|phone) )[a-z.'\u2019-]+"
    rf"(?: [a-z.'\u2019-]+){{0,2}}?,? "
    rf"(?:(?:{STATE}|{STATE_NAME})\b,? )?{ZIP}(?! ?[-.]? ?\d)"  # orlando fl 32801
    rf"|,?\s+[a-z.'\u2019-]+(?: [a-z.'\u2019-]+)?,? {STATE}\b(?=[.,;)\n]|$)"  # , orlando fl
    rf"|,?\s+[a-z.'\u2019-]+(?: [a-z.'\u2019-]+)?,? (?:NSW|VIC|QLD|WA|SA|TAS|ACT) \d{{4}}\b"  # Australia
    rf"|,? {ZIP}"
    r")"
)
COMPASS = r"(?:[nsew]|ne|nw|se|sw)"
DIRECTION = rf"(?:{COMPASS}\b\.?|north|south|east|west|northeast|northwest|southeast|southwest)"
PROPER = r"(?-i:[A-ZÀ-Þ])[\w'\u2019.-]*"
ROAD_NAME = rf"(?:{PROPER}|\d{{1,3}}(?= mile )|[a-zß-ÿ'\u2019-]{{2,}}\.?|\d{{1,3}}(?:st|nd|rd|th))"
# Flat 3, · 2nd Floor, · Suite 200,
BEFORE = (
    r"\b(?:(?:flat|apt\.?|apartment|unit|suite|ste\.?|room|shop|slip|lot|bldg\.?) #?\w{0,3}\d\w{0,3}"
    r"|\d{1,2}(?:st|nd|rd|th) floor),? "
)
# The digit comes first, and what may not be before it after it: so the search goes from digit to digit.
NUMBER = (
    r"(?P<number>\d(?<![\w$.,'\u2019#/-]\d)(?<!\d \d)\d{0,5}"
    r"(?:-\d{1,4}|[a-z](?:/\d{1,4})?(?![a-z])| 1/2|/\d{1,4})?),?"
)
GRID_NUMBER = r"\b[NSEW](?P<number>\d{2,5})(?:[NSEW]\d{2,5})?"  # N4482, of rural Wisconsin
ROUTE = (
    r"(?:(?:state|county|us|u\.s\.|interstate|farm to market|old|rural) )?(?:road|route|rd|rte|rt|hwy|highway|sr|cr|fm"
    r"|us|u\.s\.|i|sh|state road|county road|county rd)[ -]?\d{1,4}[a-z]?\b"
    r"(?: (?:north|south|east|west|[nsew])\b)?|county (?:road|rd|hwy|highway) [a-z]{1,2}\b"
)

STREET = (
    rf" (?P<words>(?:{DIRECTION} )?(?:{ROAD_NAME} ){{1,4}}?)(?P<road>{ROAD})(?: {ROAD})?"
    rf"(?:(?: {PROPER}){{0,2}} (?-i:(?=[A-Z])){ROAD})?(?: {DIRECTION}(?![\w']))?{UNIT}?{TOWN}?{UNIT}?"
)
STREETS = NUMBER + STREET
STREETS_IN_PARTS = rf"(?:{BEFORE}{NUMBER}{STREET})"
STREETS_IN_A_GRID = rf"(?:{GRID_NUMBER}(?: {ROUTE}|{STREET}))"
ROUTES = (
    rf"{NUMBER} (?:{DIRECTION} )?(?:(?-i:Broadway)|broadway\b(?= (?:ave|st|apt|unit)|,)|{ROUTE})"
    rf"(?: {DIRECTION}(?![\w']))?{UNIT}?{TOWN}?"
)
NAMED_FIRST = (
    rf"{NUMBER} (?-i:(?:Avenue|Boulevard|Camino|Via|Calle|Avenida|Paseo|Rue|Place) (?:of |de |del |du )?"
    rf"(?:the |la |las |los )?[A-Z])[\w'\u2019-]+(?-i: [A-Z][\w'\u2019-]+)?{UNIT}?{TOWN}?"
)
WITH_TOWN = (
    rf"{NUMBER} (?:{DIRECTION} )?(?:{PROPER} ){{0,2}}{PROPER}{UNIT}?, {TOWN_WORDS},? (?-i:{STATE})\b(?:,? {ZIP})?"
)
IN_A_PARK = (
    rf"\b(?:lot|space|site|unit|trailer) #?\d{{1,4}},? (?:{PROPER} ){{1,3}}"
    rf"(?:mobile home park|mhp|estates|rv park|trailer park|village|campground)\b{TOWN}?"
)
BOX = (
    r"\b(?:p\.? ?o\.? ?(?:box|drawer)|post office box|box(?= \d{1,6},? [A-Z])|(?:rr|rural route|hc) *#?\d+,? box)"
    rf" *#?\d{{1,6}}\b{TOWN}?"
)
RURAL = rf"\b(?:rr|rural route) *#?\d+(?:, ?(?:site|box|comp|stn)\.? \d+)*{TOWN}"
# A house with a name: Thornycroft, Church Bank, Hathersage, S32 1AJ
BRITISH = (
    rf"(?-i:(?:(?:The )?{TOWN_WORD}(?: {TOWN_WORD}){{0,2}}, ){{1,4}}(?:{TOWN_WORD} ){{0,2}}"
    r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})\b"
)
TOWN_ALONE = rf"\b(?-i:(?:{PROPER} ){{0,2}}{PROPER}, ?{STATE},? \d{{5}}(?:-\d{{4}})?)\b"
# Streets as they are written elsewhere in Europe: Lindenstra\u00dfe 17a, 04109 Leipzig; Via dei Mille 44.
ABROAD = (
    r"\b(?:(?-i:[A-Z\u00c0-\u00de])[\w-]*(?:stra\u00dfe|strasse|str\.|weg|platz|allee|gasse|gracht|straat|laan|plein|kade)"
    r"|(?-i:Via|Calle|Rue|Avenida|Avda\.|Rua|Piazza|Corso|Rambla|ul\.)"
    r"(?: (?:de|del|della|dei|la|las|los|du|des|da|do)){0,2}"
    r"(?: (?-i:[A-Z\u00c0-\u00de])[\w'\u2019-]+){1,3}),? \d{1,4}[a-z]?(?:-\d+)?\b"
    r"(?:,? (?:[A-Z]{1,2}-)?\d{4,5}(?: [A-Z]{2})? (?-i:[A-Z\u00c0-\u00de])[\w-]+)?"
)
# A text without any of these words, and without digits that could be a ZIP code, holds no address.
ADDRESS_WORDS = ROAD_TYPES | word_set(
    """
    box drawer rr rural broadway route rt rte us i sr cr fm sh county interstate camino via calle avenida avda paseo rue
    rua piazza corso rambla ul hc
    """
)
OTHERWISE = re.compile(
    r"[A-Za-z],? \d{5}\b|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b"
    r"|(?:stra(?:\u00df|ss)e|str\.|weg|platz|allee|gasse|gracht|straat|laan|plein|kade) \d",
    re.I,
)


def may_hold(text: str, words: frozenset[str]) -> bool:
    """Whether a text of these words could hold an address."""
    return not ADDRESS_WORDS.isdisjoint(words) or OTHERWISE.search(text) is not None


# Between a house number and the type of a road these are never: units, verbs, and small words of everyday English.
NOT_STREET_WORDS = word_set(
    """
    a about above after again all also although am an and any are around as at away back be because been before began
    behind being below both but by call called came can cannot could cylinder cylinders day days did do does doing done
    door doors down drive drives driven drove during each either else even every few find for found from gave get gets
    getting give given go goes going gone good got great had hard has have having he her here him his hit hour hours how
    i if in inch inches into is it its just keep keys kept kind kilometers km kph last left less let like little liters
    long made make makes making many may me mile miles minute minutes mm month months more most mph mpg much must my
    near need needs never next no nor not now of off on once one only onto or other our out over own parked part parts
    past people per percent please plus pounds lbs lb psi put quite ran rather ready really rpm said same sat saw say
    says second seconds see seen set several she should side since six small so some soon speed speeds spot still stop
    stopped such take takes taken test than that their them then there these they thing things third this those though
    three through time times to together too took toward turn turned turns two under until up upon us use used using
    very volt volts was watts way we week weeks well went were wheel what when where which while who whole whose why
    will with within without won't work works would year years yet you your yr yrs hp kw ft feet amp amps gallons
    quarts qts cars trucks vehicles guys men women customers owners star stars step steps point points out-of lug lugs
    bolt bolts piece pieces pack seat seats passenger row rows sport automatic manual auto transmission speed-manual
    front rear all-wheel four-wheel two-wheel awd fwd rwd wd engine cyl gear gears degree degrees hybrid electric turbo
    dollar dollars bucks grand thousand hundred page pages item items line lines hz khz mhz ghz gb mb
    """
)
# Of these, the ones that streets are named after, if capitalised: 120 Front Street, 24500 W 12 Mile Road.
STREET_WORDS = word_set("front long grand star point small mile great line page park the of auto main seat good kings")
FOLLOWING = re.compile(r",\s*|\s+(?:in\s+)?", re.I)
WORD_AND_END = re.compile(r"\s?([A-Za-z][\w'\u2019-]*\.?)(?=\W|$)")
STATE_AFTER = re.compile(
    rf",?\s+(?:(?-i:{STATE})\b|{STATE_NAME}\b|(?:{STATE})(?=[.,;]|\s+\d|\s*$))(?:,?\s+{ZIP})?", re.I
)
TOWN_ENDINGS = word_set("city springs falls beach heights park lake valley grove hills point island")


def keep_street(match: re.Match[str]) -> str:
    """A match of a street and the town that follows it; "" if it is no street."""
    return keep_place(match) if match["words"] is None or is_street(match) else ""


def keep_place(match: re.Match[str]) -> str:
    """A match and the town that follows it: "12 Elm St" and ", Lake Oswego, Oregon" or " in toledo"."""
    return match.string[match.start() : find_town_end(match.string, match.end())]


def find_town_end(text: str, end: int) -> int:
    """Where the town, state and ZIP code end that follow text[:end]; `end` if no known town does."""
    lists, _ = load_model()
    following = FOLLOWING.match(text, end)
    words = list(WORD_AND_END.finditer(text, following.end(), following.end() + 60))[:3] if following else []
    for count in range(len(words), 0, -1):
        low = [word[1].lower().strip(".") for word in words[:count]]
        if "_".join(low) in lists.towns or (count > 1 and words[0][1].istitle() and low[-1] in TOWN_ENDINGS):
            after = words[count - 1].end(1) - words[count - 1][1].endswith(".")
            state = STATE_AFTER.match(text, after)
            if state or count > 1 or lists.first.get(low[0], 0) < 2:  # not "22 Oak St, Austin called"
                return state.end() if state else after
    return end


def is_street(street: re.Match[str]) -> bool:
    """Whether the number and words of a match, up to the type of road, are an address."""
    words = street["words"].split()
    low = [word.lower().strip(".,") for word in words]
    road = street["road"].lower().rstrip(".")
    number = street["number"]
    if not words:
        return False
    capital = [word[:1].isupper() or word[:1].isdigit() for word in words]
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
    model_year = bool(re.fullmatch(r"(?:19[5-9]|20[0-3])\d", number))
    vehicle = low[0] in lists.models and low[0] not in DIRECTIONS
    if model_year and vehicle:
        return False
    if any(capital) or road not in COMMON_ROADS:
        return len(number) > 1 or any(capital) or low[0] in DIRECTIONS
    # All in lower case, and the road may be another word: "150 sierra drive", not "12 volt circle".
    common = [word for word in low if word not in DIRECTIONS]
    return len(number) > 1 and len(common) <= 2 and not any(lists.common.get(word, 0) > 3 for word in common)


def is_no_vehicle(text: str) -> bool:
    """Whether a number and words are no model year and vehicle."""
    number, word = text.split()[:2]
    return not (re.fullmatch(r"(?:19[5-9]|20[0-3])\d,?", number) and word.lower() in load_model()[0].models)
