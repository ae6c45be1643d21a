"""Where an address begins and ends: the unit before its street, and unit, town, state, ZIP code after it."""

import re

from pipelines.text.privacy.address_parts import (
    NOT_STREET_WORDS,
    PROPER,
    STATE,
    STATE_NAME,
    TOWN,
    TOWN_WORD,
    UNIT,
    ZIP,
)
from pipelines.text.privacy.name_model import load_model
from pipelines.text.privacy.words import word_set

PIECES = 6  # after a street, at most: unit, floor, district, town, state, ZIP code
FOLLOWING = re.compile(r",\s*|\s+(?:in\s+)?", re.I)
WORD_AND_END = re.compile(r"\s?([A-Za-z][\w'\u2019-]*\.?)(?=\W|$)")
STATE_AFTER = re.compile(
    rf",?\s+\(?(?:(?-i:{STATE})\b|{STATE_NAME}\b|(?:{STATE})(?=[.,;]|\s+\d|\s*$))\)?(?:,?\s+{ZIP})?", re.I
)
TOWN_ENDINGS = word_set("city springs falls beach heights park lake valley grove hills point island")
FOREIGN_TOWN = (
    rf",? (?:[A-Z]{{1,3}}-)?\d{{3}} ?\d{{1,3}}(?: ?(?-i:[A-Z]{{2}})| ?-?\d{{3}})?,? {PROPER}(?: {PROPER})?"
    r"(?: \([A-Z]{2}\)| ?[/-] ?[A-Z]{2}\b)?(?=[,.;)\n]|$)"
)
BEFORE_VILLAGES = word_set("upper lower great little nether over")
COUNTY = r",? (?-i:Co|County)\b\.? (?-i:[A-Z])[a-z]{3,}\b(?! (?:road|rd|line)\b)"  # , Kilbrack, Co. Offaly
ENDINGS = tuple(re.compile(pattern, re.I) for pattern in (FOREIGN_TOWN, COUNTY, UNIT, TOWN))
# , Surulere, Lagos · , 03920 CDMX · , Mont-Tremblant (Québec) J8E 3K9 · , Gurgaon 122001
PLACE = r"(?:(?-i:[A-ZÀ-Þ\u0100-\u017f])[^\W\d_]*(?:['\u2019-][^\W\d_]+)*\.?)"
CODE_AFTER = (  # a space and a postal code, after a hyphen too
    r"(?:[ -]\d{3} ?\d{3}\b|(?:,? [A-Z]{2,4},?)? \d{4,5}(?:-\d{4})?\b| ?[/-] ?[A-Z]{2}\b"
    r"|(?: \([A-ZÀ-Þ][\w-]*\))? (?:[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})\b)"
)
DISTRICT = re.compile(
    rf",\s+(?P<code>\d{{4,6}} )?(?P<words>(?:(?:{PLACE} |(?:de|del|la|el|of|sur|am|an der) ){{0,3}}{PLACE}))"
    rf"(?:{CODE_AFTER}|(?: \([A-Z][\w-]*\))?(?=[,.;)\n]|$| (?:and|but|if|so|where|which|or)\b))"
)
# Flat 3, · Slip 22, Harbor Island Marina, · 2nd Floor, · Unit 12 /
LOT_BEFORE = re.compile(r"\b(?:lot|plot) #?$", re.I)  # Lot 5 Gympie Bypass Rd: the house number is the lot's
UNIT_BEFORE = re.compile(
    r"(?:\b(?:flat|apt\.?|apartment|unit|suite|ste\.?|studio|room|rm\.?|shop|slip|lot|bldg\.?|building|floor"
    r"|site|bay|dock|door|trailer|trlr|box|pmb) ?#?(?:\w{0,3}\d\w{0,3}|[a-z])|\b\d{1,2}(?:st|nd|rd|th) floor"
    r"|\bpenthouse)"
    rf"(?:, (?-i:{TOWN_WORD})(?: (?-i:{TOWN_WORD})){{0,3}})?(?:, ?| ?[/-] ?| at | )$",
    re.I,
)


def find_address_start(text: str, start: int) -> int:
    """Where the unit before a house number begins: Flat 3, 18 Cardigan Terrace."""
    unit = UNIT_BEFORE.search(text, max(0, start - 60), start) or LOT_BEFORE.search(text, max(0, start - 6), start)
    return unit.start() if unit else start


def find_address_end(text: str, end: int) -> int:
    """Where unit, district, town, state and ZIP code that follow text[:end] end; `end` if none does."""
    for _ in range(PIECES):
        after = next((match.end() for ending in ENDINGS if (match := ending.match(text, end))), end)
        after = after if after > end else find_town_end(text, end)
        if (
            after == end
            and (district := DISTRICT.match(text, end))
            and (district["code"] or is_district(district["words"]))
        ):
            after = district.end()
        if after == end:
            break
        end = after
    return end


def is_district(words: str) -> bool:
    """Whether capitalised words after a comma are a part of a town: no first name, word of a car or verb."""
    lists, _ = load_model()
    low = [word.lower().rstrip(".") for word in words.split()]
    low = low[1:] if len(low) > 1 and low[0] in BEFORE_VILLAGES else low  # Upper Tadworthy
    return lists.first.get(low[0], 0) < 2 and not any(
        word in lists.domain or word in NOT_STREET_WORDS or lists.common.get(word, 0) > 2 for word in low
    )


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
    state = STATE_AFTER.match(text, end)
    return state.end() if state and text[end : end + 1] == "," else end
