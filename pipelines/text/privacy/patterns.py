"""All patterns of personal data by kind, and what they find."""

from collections.abc import Iterator

from pipelines.text.privacy import addresses, addresses_abroad, addresses_expected
from pipelines.text.privacy.address_parts import RARE_ROADS, ROAD_TYPES, STATE
from pipelines.text.privacy.context_words import context_score
from pipelines.text.privacy.employer_patterns import EMPLOYER
from pipelines.text.privacy.form_patterns import FORM_KINDS
from pipelines.text.privacy.number_patterns import NUMBER_KINDS
from pipelines.text.privacy.pattern import STRONG, THRESHOLD, Kind, Words, anything, compile_place
from pipelines.text.privacy.words import DIRECTIONS, word_set

NUMBER_WORDS = word_set("one two three four five six seven eight nine ten eleven twelve")
ROUTE_WORDS = word_set(
    "broadway road route rt rte rd hwy highway us u i sr cr fm sh county co interstate state market farm forest loop"
    " beltway parish township twp"
)


# What each of the other patterns needs to find anything, from digit to digit.
POSTAL_TOWN_NEEDS = r"\d[ -]?\d\d ?\d?(?: ?[A-Z]{2})? [A-ZÀ-Þ\u0100-\u017f]"
CODE_NEEDS = (
    r"\d[A-Za-z]? ?\d[A-Za-z]{2}|\d[A-Za-z] ?\d[A-Za-z]\d|\d[\dW] [A-Z\d]{4}|[a-z][ -]\d{3} ?\d{3}(?:[.,;\n]|$)"
)
ROUTE_NEEDS = r"(?i:(?:route|rte?|hwy|highway|interstate|road|market|\bi|\bus)[ -](?:\d|[a-z]))"
FIRST_WORDS = (
    "via viale vicolo calle c carrera cra avenida avda av rua travessa pra piazza piazzale corso largo strada rambla"
    " paseo plaza calzada prolongaci privada blvd boulevard rue avenue quai chemin all ul ulica al os pl ulitsa jalan"
    " jl pasaje glorieta ca ronda camino cuesta alameda callej urbanizaci andador ampliaci circuito cerrada perif"
    " retorno vila estrada rodovia praia parque ladeira borgo contrada localit frazione plac aleja aleje osiedle"
)
FRENCH_TRIGGERS = (
    "rue chemin all impasse quai rang mont ruelle sentier faubourg c ch boul bd avenue boulevard place route cours"
    " passage square"
)

ADDRESSES = Kind(
    anything,
    (
        compile_place(addresses.STREETS, addresses.keep_street, ROAD_TYPES | RARE_ROADS),
        compile_place(addresses.UNIT_FIRST, addresses.keep_street, "apt apartment unit suite ste flat lot"),
        compile_place(addresses.NUMBER_IN_WORDS, addresses.keep_worded, NUMBER_WORDS),
        compile_place(addresses.WITH_UNIT, addresses.keep_with_unit, "apt apartment flat suite ste unit number"),
        compile_place(addresses.DIRECTION_AND_UNIT, addresses.keep_with_unit, "apt apartment suite ste"),
        compile_place(addresses.SPANISH, addresses.keep_place, "calle avenida avda paseo calzada"),
        compile_place(
            addresses.DIRECTION_AND_TOWN, addresses.keep_with_town, DIRECTIONS, r"\d [NSEWnsew]\w*\.? [\w'-]+,"
        ),
        compile_place(addresses.STREET_AND_STATE, addresses.keep_without_number, needs=rf", [A-Z][^,\d]*,? {STATE}\b"),
        compile_place(addresses.STREETS_IN_A_GRID, addresses.keep_street, needs=r"[NSEWnsew]\d\d"),
        compile_place(addresses.WITH_DIRECTION, addresses.keep_place, DIRECTIONS),
        compile_place(addresses.ROUTES, addresses.keep_place, ROUTE_WORDS),
        compile_place(
            addresses.NAMED_FIRST,
            addresses.keep_place,
            "avenue ave av blvd boulevard camino via calle avenida paseo rue place",
        ),
        compile_place(addresses.BOX, addresses.keep_box, "box drawer bag delivery"),
        compile_place(addresses.MILITARY, addresses.keep_place, "apo fpo dpo"),
        compile_place(addresses.RURAL, addresses.keep_place, "rr rural"),
        compile_place(addresses.IN_A_PARK, addresses.keep_place, "lot space site unit trailer"),
        compile_place(addresses.HOME, addresses.keep_home, ROAD_TYPES | {"farm", "route", "hwy", "interstate"}),
        compile_place(addresses.CORNER, addresses.keep_crossing, "corner intersection crossroads block"),
        compile_place(addresses.CROSSING, addresses.keep_crossing, ROAD_TYPES | ROUTE_WORDS, r"\w (?:and|&) \w"),
        compile_place(addresses.WAITING, addresses.keep_crossing, ROUTE_WORDS, ROUTE_NEEDS, STRONG - 0.1),
        compile_place(
            addresses.NUMBERED_CORNER,
            addresses.keep_corner,
            needs=r"(?:st|nd|rd|th) (?:and|&) [A-Z]",
            score=STRONG - 0.1,
        ),
        compile_place(
            addresses.MILE,
            addresses.keep_crossing,
            "mile milepost mm layby lay services roundabout shoulder junction jct j",
        ),
        compile_place(addresses.WITH_TOWN, addresses.keep_no_vehicle, needs=rf", [A-Z][^,\d]*,? {STATE}\b"),
        compile_place(
            addresses_abroad.NUMBER_LAST, addresses_abroad.keep_number_last, needs=addresses_abroad.NUMBER_LAST_NEEDS
        ),
        compile_place(
            addresses_abroad.LOWER_NUMBER_LAST,
            addresses_abroad.keep_lower_number_last,
            needs=addresses_abroad.LOWER_NEEDS,
        ),
        compile_place(addresses_abroad.NAMED_HOUSE, addresses_abroad.keep_named_house, addresses_abroad.HOUSE_TRIGGERS),
        compile_place(addresses_abroad.TYPE_FIRST, addresses_abroad.keep_abroad, FIRST_WORDS),
        compile_place(
            addresses_abroad.WITH_POSTAL_TOWN,
            addresses_abroad.keep_postal_town,
            needs=POSTAL_TOWN_NEEDS,
            score=STRONG - 0.05,
        ),
        compile_place(addresses_abroad.FRENCH, addresses_abroad.keep_abroad, FRENCH_TRIGGERS),
        compile_place(
            addresses_abroad.CROSSED,
            addresses_abroad.keep_abroad,
            "calle carrera cra kra cl cll avenida av ave diagonal transversal carr carretera pr",
        ),
        compile_place(
            addresses_abroad.LOWER_TYPE_FIRST,
            addresses_abroad.keep_lower_type_first,
            "calle avenida avda calzada carrera corso viale piazza largo strada rua rue travessa pra paseo",
        ),
        compile_place(
            addresses_abroad.POST_BOX,
            addresses_abroad.keep_abroad,
            "postfach postbus postboks postbox apartado apdo casella caixa bo poczt pocztowa",
        ),
        compile_place(addresses_abroad.CODE, addresses_abroad.keep_coded, needs=CODE_NEEDS),
        compile_place(
            addresses_expected.EXPECTED,
            addresses_expected.keep_expected,
            needs=addresses_expected.NEEDS,
            score=STRONG - 0.05,
        ),
        compile_place(
            addresses_expected.ABOVE, addresses_expected.keep_expected, "floor apartment apt suite flat unit", r", \d\d"
        ),
        compile_place(addresses.TOWN_ALONE, addresses.keep_place, needs=r",? \d{5}\b", score=STRONG - 0.1),
    ),
)
KINDS: dict[str, Kind] = {**NUMBER_KINDS, **FORM_KINDS, "employer": EMPLOYER, "address": ADDRESSES}
PATTERN_KINDS = tuple(KINDS)


def index_triggers() -> dict[str, frozenset[int]]:
    """Word → the patterns (by `id`) that are tried on texts with it: one look-up a word, not one a pattern."""
    patterns_of: dict[str, set[int]] = {}
    for kind in KINDS.values():
        for pattern in kind.patterns:
            for word in pattern.triggers:
                patterns_of.setdefault(word, set()).add(id(pattern))
    return {word: frozenset(patterns) for word, patterns in patterns_of.items()}


TRIGGERED = index_triggers()


def triggered_patterns(words: Words) -> set[int]:
    """The patterns, by `id`, that one of a text's words is a trigger of."""
    return set().union(*[TRIGGERED[word] for word in words if word in TRIGGERED])


def find_matches(kind: str, text: str, words: Words, triggered: set[int]) -> Iterator[tuple[int, int, float]]:
    """The matches of a kind in `text`: start, end, and score from THRESHOLD to 1.

    Args:
        words: `words_of(text)`.
        triggered: `triggered_patterns(words)`.
    """
    may_hold, patterns = KINDS[kind]
    if not may_hold(text, words):
        return
    for one in patterns:
        if one.triggers and id(one) not in triggered:
            continue
        if one.needs and not one.needs.search(text):
            continue
        for match in one.pattern.finditer(text):
            if span := one.keep(match):
                score = one.score + context_score(kind, text, *span)
                if score >= THRESHOLD:
                    yield *span, min(score, 1.0)
