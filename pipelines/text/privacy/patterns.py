"""All patterns of personal data by kind, and what they find."""

from collections.abc import Iterator

from pipelines.text.privacy import addresses, addresses_abroad
from pipelines.text.privacy.address_parts import ROAD_TYPES
from pipelines.text.privacy.context_words import context_score
from pipelines.text.privacy.form_patterns import FORM_KINDS
from pipelines.text.privacy.number_patterns import NUMBER_KINDS
from pipelines.text.privacy.pattern import STRONG, THRESHOLD, Kind, Words, compile_place
from pipelines.text.privacy.words import word_set

ROUTE_WORDS = word_set("broadway road route rt rte rd hwy highway us u i sr cr fm sh county co interstate state market")
NAMED_FIRST_WORDS = word_set("avenue boulevard camino via calle avenida paseo rue place")
BOX_WORDS = word_set("box drawer bag delivery")


def may_hold_address(text: str, words: Words) -> bool:
    """Whether a text of these words could hold an address."""
    return not addresses.ADDRESS_WORDS.isdisjoint(words) or addresses_abroad.OTHERWISE.search(text) is not None


ADDRESSES = Kind(
    may_hold_address,
    (
        compile_place(addresses.STREETS, addresses.keep_street, ROAD_TYPES),
        compile_place(addresses.STREETS_IN_A_GRID, addresses.keep_street),
        compile_place(addresses.WITH_DIRECTION, addresses.keep_place),
        compile_place(addresses.ROUTES, addresses.keep_place, ROUTE_WORDS),
        compile_place(addresses.NAMED_FIRST, addresses.keep_place, NAMED_FIRST_WORDS),
        compile_place(addresses.BOX, addresses.keep_box, BOX_WORDS),
        compile_place(addresses.RURAL, addresses.keep_place, word_set("rr rural")),
        compile_place(addresses.IN_A_PARK, addresses.keep_place),
        compile_place(addresses.HOME, addresses.keep_home, ROAD_TYPES),
        compile_place(addresses.CORNER, addresses.keep_crossing, word_set("corner intersection crossroads block")),
        compile_place(addresses.CROSSING, addresses.keep_crossing, ROAD_TYPES | ROUTE_WORDS),
        compile_place(
            addresses.MILE,
            addresses.keep_crossing,
            word_set("mile milepost mm layby lay services roundabout shoulder junction jct j"),
        ),
        compile_place(addresses.WITH_TOWN, addresses.keep_no_vehicle),
        compile_place(addresses_abroad.NUMBER_LAST, addresses_abroad.keep_abroad),
        compile_place(addresses_abroad.TYPE_FIRST, addresses_abroad.keep_abroad),
        compile_place(addresses_abroad.WITH_POSTAL_TOWN, addresses_abroad.keep_postal_town, score=STRONG - 0.05),
        compile_place(addresses_abroad.FRENCH, addresses_abroad.keep_abroad),
        compile_place(addresses_abroad.CODE, addresses_abroad.keep_coded),
        compile_place(addresses.TOWN_ALONE, addresses.keep_place, score=STRONG - 0.1),
    ),
)
KINDS: dict[str, Kind] = {**NUMBER_KINDS, **FORM_KINDS, "address": ADDRESSES}
PATTERN_KINDS = tuple(KINDS)


def find_matches(kind: str, text: str, words: Words) -> Iterator[tuple[int, int, float]]:
    """The matches of a kind in `text`, whose words are `words_of(text)`: start, end, and score from THRESHOLD to 1."""
    may_hold, patterns = KINDS[kind]
    if not may_hold(text, words):
        return
    for pattern, base, keep, triggers in patterns:
        if triggers and triggers.isdisjoint(words):
            continue
        for match in pattern.finditer(text):
            if span := keep(match):
                score = base + context_score(kind, text, *span)
                if score >= THRESHOLD:
                    yield *span, min(score, 1.0)
