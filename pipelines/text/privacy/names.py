"""Find names of people: by the words that announce one, and by the name lists of the faker package."""

import re
from functools import cache
from importlib import import_module

WORD = (
    r"(?:(?:Mc|Mac|[DOL]['\u2019]|De|La|Di|Van)?[A-ZÀ-Þ][a-zß-ÿ]+(?:['\u2019-][A-ZÀ-Þ]?[a-zß-ÿ]+)*"
    r"|[A-ZÀ-Þ]['\u2019A-ZÀ-Þ-]+)"
)
ANY_WORD = r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ'\u2019-]+"
INITIAL = r"(?:[A-Z]\.? )"
PARTICLE = r"(?:(?:de la|de los|van der|van den|van|von|de|del|della|di|da|dos|la|le|bin|ibn|al|el|St\.) )"
# In upper or lower case: a name in lower case is found by the lists.
# A lookahead, because one announcement may contain the next: "Hi, I'm Ann".
FULL = rf"(?=(?P<value>{ANY_WORD}(?: {INITIAL}?{PARTICLE}?{ANY_WORD}){{0,3}})(?![\w@]))"

LABELLED = (
    r"(?i:\b(?:(?:customer|client|co-?buyer|buyer|purchaser|owner|applicant|co-?applicant|co-?borrower|borrower"
    r"|co-?signer|contact|guest|advisor|technician|salesperson|consultant|lead|caller(?: id)?"
    r"|driver|insured|spouse|sold to|bill to|ship to|attn|attention|requested by"
    r"|signed by|first|last|full|maiden|cust|print|emergency contact|reference|beneficiary)(?:'s|\u2019s)?"
    r"(?: (?:full |last |first )?name)?|name|signature)\.?(?: ?[:=\u2013]| -|\t| is:?) *"
    r"|\bname(?:'s|\u2019s| is| was|) +)" + FULL
)
TITLED = r"(?:\b(?:M[Rr]|M[Rr][Ss]|M[Ss]|Miss|MISS|Prof|Rev|Sra|Señora?)\.? |\bDR?r?\. |(?<![a-z.,] )\bDr )" + FULL
# A field of a line of fields, and "Ann Lee here" at its beginning.
FIELD = r"(?:^|[|/]|\u2013|(?<= )-) ?" + FULL + r"(?P=value)(?= ?[|/]| here\b|\s*$)"
SIGNED = (
    r"(?i:\b(?:thanks(?: again| so much| in advance)?|thank you(?: very much)?|thx|regards|sincerely(?: yours)?|best"
    r"|cheers|respectfully|yours truly|best wishes|take care)[,.! -]*)\n\s*[-~\u2013\u2014]*\s*"
    + FULL
    + r"(?P=value)(?=[ .,]*$|,)"
)
CUSTOMERS = r"customer|client|owner|buyer|guest|applicant|driver|spouse|co-?signer|borrower|technician|advisor|adjuster"
INTRODUCED = (
    rf"(?i:\b(?:i am|i'm|i\u2019m|im|this is|its|it's|it\u2019s|(?:ask|asked|looking) for"
    rf"|(?:spoke|talked|speak|speaking|met|meet) (?:with|to)|appointment for|have|tell|remind|notify|(?:name|behalf) of"
    r"|(?:registered|titled|belongs|sold|leased) to"
    rf"|(?:up|off|in|requested|signed|authori[sz]ed) by|{CUSTOMERS}),? +)" + FULL
)
MENTIONED = (
    r"(?i:\b(?:see|contact|call(?:ed)?(?: back)?|text|email|per|thanks|thank you|regards|hi|hello|hey|dear"
    r"|good (?:morning|afternoon)|wife|husband|son|daughter|mother|father|brother|sister|friend|named"
    r"|for|from|by|with|to|and|is|signed|best|cheers|love)"
    r"\b[,!:\u2013\u2014 -]{0,3}\s*)" + FULL
)
PAIR = rf"\b(?<!Aston )(?P<value>{WORD} {INITIAL}?{PARTICLE}?{WORD})\b"
LAST_FIRST = rf"\b(?P<value>{WORD}, {WORD}(?: [A-Z]\b\.?)?)"
POSSIBLE = r"[^\W\d_]{2}"  # a name can be in any text

CAR_MAKES = """
    Acura Alfa Aston Audi Austin Bentley BMW Buick Cadillac Chevrolet Chevy Chrysler Datsun Dodge Ferrari Fiat
    Fisker Ford Genesis Geo GMC Honda Hummer Hyundai Infiniti Isuzu Jaguar Jeep Kia Lamborghini Land Lexus Lincoln
    Lotus Lucid Maserati Maybach Mazda McLaren Mercedes Mercury Mini MINI Mitsubishi Nissan Oldsmobile Olds Plymouth
    Polestar Pontiac Porsche Ram RAM Rivian Rolls Saab Saturn Scion Smart Subaru Suzuki Tesla Toyota Volkswagen VW
    Volvo Park
"""
CARS = rf"(?:{'|'.join(CAR_MAKES.split())})"
ROADS = frozenset({"st", "street", "ave", "avenue", "road", "rd", "blvd", "boulevard", "court", "lane"})
# Part of a road's name only if capitalised: not "the 91 Cruisers run" or "30 kHz square".
VERBS = frozenset({"run", "drive", "way", "place", "row", "square", "loop", "crossing", "pike", "trail", "circle"})
# Words that occur where a name might, or are also names: they are not read as part of a person's name.
NOT_NAME_WORDS = """
    a about account accord address advisor again all also am an and any appointment are as ask at auto available
    back bank be because been before benz best body bought brake but by call can car care cell center charger city
    civic classic code come continental convertible could coupe credit cruise customer date day dealer dealership
    december dept did do does done door drive driver due email engine escape even everyone february file finance
    first focus folks for friday from front fuel full fully gas general getting gentlemen going good got grand guys
    had happy has have he hello help her here hi his home hope how i if im in income inspection insurance interested
    is it its january july june just know lane last leasing left let like looking madam make manager march max may
    me memo mercury miles missing model monday motor motors mr mrs ms my name need needs new night no none not
    november now number october of off oil old on one only or order our out over owner park part parts per phone
    pickup please power premium price purchase quick quote ready regarding repair reply request returning running
    saturday sales same santa see september service she shop short signed silverado sir so some soon soul spoke
    sport still street subject suite sunday support suv team tech technician test than thank thanks that the their
    them then there these they this those thursday time tire to today tomorrow touring trade trim truck trying
    tuesday two unit until up us used van vehicle very vin waiting want wants warranty was wasn we wednesday week
    weekend well went were what when where whether which who whom why will with won wondering work would written yes
    yesterday you your yours both currently calling concerned confirmed unknown pending unavailable above below
    signature title ma'am sure sorry really super pretty not afraid glad driving considering thinking ok okay hey
    regards sincerely cheers dear attn attention kindly and/or north south east west avenue road boulevard court
    county state inc llc corp company group dealers chevy hybrid electric turbo sedan wagon august april
"""
NOT_NAMES = frozenset(f"{CAR_MAKES} {NOT_NAME_WORDS}".lower().split())
# First names that are more often places, trims, banks or seasons: read as a name only if announced.
AMBIGUOUS_WORDS = """
    austin dallas sierra savannah virginia carolina georgia dakota chase summer autumn april june may christian
    grant hunter mason carter will mark bill frank rich max miles price long sterling
"""
BRANDS = frozenset({"eddie bauer", "harley davidson", "mark levinson", "bill blass", "carroll shelby", "jack daniels"})
AMBIGUOUS_FIRST = frozenset(AMBIGUOUS_WORDS.split())


LOCALES = (
    "en_US",
    "en_GB",
    "es_MX",
    "es_CO",
    "en_IN",
    "en_PK",
    "en_NG",
    "vi_VN",
    "pt_BR",
    "fr_FR",
    "it_IT",
    "pl_PL",
    "de_DE",
    "tr_TR",
)


@cache
def load_name_lists() -> tuple[frozenset[str], frozenset[str]]:
    """Frequent first and last names of the US and of immigrants to it, in lower case, without NOT_NAMES."""
    first: set[str] = set()
    last: set[str] = set()
    for locale in LOCALES:
        provider = import_module(f"faker.providers.person.{locale}").Provider
        first.update(name.lower() for name in provider.first_names if len(name) > 2)
        last.update(name.lower() for name in provider.last_names if len(name) > 2)
    return frozenset(first - NOT_NAMES), frozenset(last - NOT_NAMES)


def name_words(text: str) -> list[str]:
    """The words of a text that could be part of a name, without possessive endings."""
    return [strip_possessive(word) for word in re.findall(ANY_WORD, text)]


def strip_possessive(word: str) -> str:
    """Ann's → Ann."""
    return re.sub(r"['\u2019]s$", "", word)


def match_name(text: str, listed_first: bool = False) -> str:
    """The leading words of `text` that form a name: capitalised or on the lists; "" if none does.

    Args:
        listed_first: the first of them must be a listed first name.
    """
    first, last = load_name_lists()
    end = 0
    for match in re.finditer(rf"{INITIAL}|{PARTICLE}|{ANY_WORD}", text):
        word = strip_possessive(match.group().strip())
        low, capital = word.lower(), word[0].isupper()
        if len(word.rstrip(".")) == 1 or re.fullmatch(PARTICLE, f"{word} "):
            if end == 0 and not capital:
                break
            continue
        if low in NOT_NAMES or not (capital or low in first or low in last):
            break
        if end == 0 and listed_first and (low not in first or (low in AMBIGUOUS_FIRST and not capital)):
            break
        end = match.start() + len(word)
    return text[:end]


def match_introduced(text: str) -> str:
    """A listed first name in any case, or at least two capitalised words that form a name."""
    kept = match_name(text)
    return kept if kept[:1].isupper() and " " in kept else match_name(text, listed_first=True)


def match_mentioned(text: str) -> str:
    """A listed first name that is capitalised, because the words before it are weak evidence."""
    kept = match_name(text, listed_first=True)
    words = [word.lower() for word in name_words(kept)]
    if kept[:1].isupper():
        return "" if len(words) == 1 and words[0] in AMBIGUOUS_FIRST else kept
    return kept if len(words) > 1 and is_listed_name(words[0], words[-1]) else ""


def match_field(text: str) -> str:
    """The field, if all of it is a listed first name and words that form a name; else ""."""
    return text if " " in text and text[0].isupper() and match_name(text, listed_first=True) == text else ""


def match_first_and_capitalised(text: str) -> str:
    """A listed first name and a capitalised word that is not in NOT_NAMES; else ""."""
    words = [word.lower() for word in name_words(text)]
    first_names, _ = load_name_lists()
    is_name = words[0] in first_names and words[0] not in AMBIGUOUS_FIRST and words[-1] not in NOT_NAMES
    return strip_possessive(text) if is_name and not text.isupper() and " ".join(words) not in BRANDS else ""


def match_first_last(text: str) -> str:
    """A listed first name and a listed last name; else ""."""
    words = [word.lower() for word in name_words(text)]
    return strip_possessive(text) if is_listed_name(words[0], words[-1]) else ""


def match_last_first(text: str) -> str:
    """A listed last name, a comma, and a listed first name; else ""."""
    words = [word.lower() for word in name_words(text)]
    return text if is_listed_name(words[1], words[0]) else ""


def is_listed_name(first: str, last: str) -> bool:
    """Whether both names are listed, and they are not a brand together."""
    first_names, last_names = load_name_lists()
    listed = first in first_names and first not in AMBIGUOUS_FIRST and last in last_names
    return listed and f"{first} {last}" not in BRANDS


def is_road_address(text: str) -> bool:
    """Whether a number and words up to "St" or "Drive" are an address; "30 kHz square" and "1998 Park Ave" are not."""
    street = re.split(r",|#|\b(?:apt|unit|suite|ste)\b", text, maxsplit=1, flags=re.I)[0]
    words = [word.strip(".,") for word in street.split()][1:]
    if VERBS & set(words[1:]) or (words[0] in CAR_MAKES.split() and words[0] != "Park"):
        return False
    proper = any(word[:1].isupper() or re.fullmatch(r"\d+(?:st|nd|rd|th)", word) for word in words[:-1])
    return proper or not (NOT_NAMES - ROADS) & set(words)
