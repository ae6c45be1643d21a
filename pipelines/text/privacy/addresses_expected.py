"""Find postal addresses that only the words before them betray: "he lives at 418 w sycamore", no type of road.

Who lives at, moves to or has a car towed from a number and a word that is no measure, part or vehicle, speaks of an
address. After words that may speak of a time, too ("pick me up at 930"), the number must be no time of day.
"""

import re

from pipelines.text.privacy.address_ends import find_address_end, find_address_start
from pipelines.text.privacy.address_parts import DIRECTION, NOT_STREET_WORDS, PROPER, STREET_WORDS
from pipelines.text.privacy.name_model import load_model
from pipelines.text.privacy.pattern import Span
from pipelines.text.privacy.words import DIRECTIONS, MAKES, MONTHS, SHORT_MONTHS, word_set

HOME_CUE = (  # what follows is a place
    r"(?:address(?:es)?(?: on file| of record| is| was| to|'s)?|addr|\badd"
    r"|(?:i|he|she|they|we|who|mom|dad|customer|cust) (?:now |still |currently )?(?:live|reside|stay)s?"
    r" (?:over |out |down |up )?(?:at|in)"
    r"|living at|resid(?:es|ing) at|home[,:]|(?:house|home|place|apartment|apt|condo|duplex|cabin|farm|shop|office)"
    r" (?:is|is at|at)"
    r"|mov(?:ed|ing) (?:back )?(?:to|from)|(?:bill|ship|mail|remit|garaged?)(?:ing)?(?: it)?(?: to| at)?)"
)
ERRAND_CUE = (  # what follows may be a time
    r"(?:(?:i|he|she|it|they|we|you|car|truck|van|suv|vehicle)(?:['\u2019]?(?:m|s|re)| is| am| are| was)?"
    r"(?: parked| sitting| stuck| over| out| up| down| now| located)*"
    r" (?:at|outside|in front of|across from|next to|behind)"
    r"|(?:deliver(?:ed)?|ship(?:ped)?|mail(?:ed)?|send|sent|tow(?:ed)?|bring|drop(?:ped)?|return(?:ed)?|take|drive)"
    r"(?: (?:it|her|him|me|them|that|this|the|my|a|off|over|back|round|around|by|new|title|plates?|paperwork|check"
    r"|key|keys|car|truck"
    r"|van|title|package|part|parts|tires?))* (?:to|at|from)"
    r"|(?:pick(?:ed)?(?: (?:it|her|him|me|us|them|the \w+|my \w+))? ?up|collect(?:ed)?(?: it| the \w+)?|meet \w+|come)"
    r"(?: (?:it|her|him|me|us|them|the \w+))? (?:at|from|to))"
)
WORD = rf"(?:{PROPER}|[a-zß-ÿ'\u2019-]{{3,}})"
AFTER = (  # what may stand after the name of a street
    r"(?=\s*(?:[,.;!?)\n/]|$|[-\u2013\u2014] )"
    r"| (?:and|but|if|so|not|no|or|in|by|behind|near|across|next|between|before|after|until|till|past|off|thanks|thx"
    r"|pls"
    r"|(?:first|second|third|ground|top) floor|please|around|tomorrow|today|tonight|to|for|ask|when|where|because"
    r"|with|w|zip|cell|call|phone|ph|text)\b"
    r"| (?:apt|apartment|unit|suite|ste|lot|number|no|floor|rear|upstairs)\b)"
)
EXPECTED = (
    rf"\b(?:(?P<home>{HOME_CUE})|{ERRAND_CUE})[ :,#-]{{1,3}}(?:(?:number|no\.?) )?"
    rf"(?P<value>(?P<number>\d{{1,5}}(?:-\d{{1,4}})?[a-d]?) (?:{DIRECTION} )?(?:the )?"
    rf"(?P<words>{WORD}(?: {WORD}){{0,2}}?)){AFTER}"
)
NEEDS = (  # the end of a cue, a number and a word: cheaper than the cues
    r"(?i:(?:at|to|from|is|was|in|of|behind|outside|add|addr|address|addresses|home|file|record|'s|it|ing|bill|ship|mail"
    r"|remit|garage|garaged)[ :,#-]{1,3}(?:(?:number|no\.?) )?\d{1,5}(?:-\d{1,4})?[a-d]? [a-zà-ÿ])"
)
ABOVE = (  # 2nd floor, 814 Lexington
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th) floor|(?:apartment|apt|suite|flat|unit) \w{{1,4}})(?:, | at )"
    rf"(?P<value>(?P<number>\d{{2,5}}) (?:{DIRECTION} )?(?P<words>{PROPER}(?: {PROPER})?))(?=[,.;!?)\n]|$)"
)
TIME = re.compile(r"(?:0?[1-9]|1[0-2])?[0-5][05]|[1-9]|1[0-2]")
YEAR = re.compile(r"(?:19[5-9]|20[0-3])\d|[1-9]500")  # of a model, or a class of trucks
NO_STREETS = (
    (NOT_STREET_WORDS - STREET_WORDS - {"kings"})
    | MONTHS
    | SHORT_MONTHS
    | MAKES
    | word_set(
        """
        monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun am pm
        oclock sharp tomorrow today tonight noon morning afternoon evening central eastern pacific mountain
        mi percent degrees degree bar volt nm meters metres yards feet tons ton bucks cents business calendar
        different other new used total extra additional locations location stores store dealers dealer dealerships
        addresses keys copies people person guys kids drivers techs times trips months payments
        """
    )
)


def is_name_of_place(word: str) -> bool:
    """Whether streets may be called so: a name or a town."""
    lists, _ = load_model()
    return word in lists.last or word in lists.places


def keep_expected(match: re.Match[str]) -> Span | None:
    """The span of a number and words where an address is expected, with its unit and town."""
    lists, _ = load_model()
    number, start = match["number"], match.start("value")
    written = match["words"].split()
    low = [word.lower().strip(".,") for word in written]
    if any(
        word in NO_STREETS or word in lists.models or (word in lists.domain and word not in lists.last) for word in low
    ):
        return None
    end = find_address_end(match.string, match.end("value"))
    followed = end > match.end("value") + 3
    if not match.groupdict().get("home") and TIME.fullmatch(number) and not followed:
        return None
    if YEAR.fullmatch(number) and not followed:
        return None
    capital = all(word[:1].isupper() for word in written)
    common = [word for word in low if word not in DIRECTIONS and lists.common.get(word, 0) > 2]
    if not followed and (common if not capital else len(number) == 1):
        return None
    if not followed and capital and len(low) == 1 and low[0] in lists.common and not is_name_of_place(low[0]):
        return None  # send it to 40 Customers
    return find_address_start(match.string, start), end
