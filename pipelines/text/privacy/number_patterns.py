"""The patterns of numbers and e-mail addresses that identify a person anywhere: SSN, card, phone, e-mail, VIN."""

import re

from stdnum import luhn

from pipelines.text.privacy.check_digits import extract_digits, is_card_number, is_ssn_or_itin, is_vin
from pipelines.text.privacy.pattern import (
    STRONG,
    UNMISTAKABLE,
    WEAK,
    Kind,
    Pattern,
    Span,
    Words,
    any_match,
    compile_pattern,
)
from pipelines.text.privacy.pattern_parts import CLOSE, COMMON_ENDING, EXTENSION, HOST, OPEN, SEPARATOR
from pipelines.text.privacy.phones import is_international, is_national, is_valid_abroad

SEVEN_DIGITS = any_match(r"\d(?:[\W_]{0,3}\d){6}")
SSN_WORDS = "ssn ssns ss soc social itin socials"
CARD = re.compile(rf"\d(?<![\w-].)(?:(?:{SEPARATOR}{{0,3}}|x)\d){{12,22}}(?![\w-])", re.I)
VIN_GROUPS = re.compile(r"\b[A-HJ-NPR-Z0-9]{1,11}[ ._-].{0,12}\d{4}\b")
SEVENTEEN = r"[A-Za-z0-9]{17}"
GROUP = re.compile(r"\d+")


# Right before digits without a gap: a number of something else, one in ten of which passes the Luhn check by chance.
OTHER_NUMBER = re.compile(
    r"\b(?:lot|batch|serial|s/n|part|p/?n|sku|upc|ean|gtin|imei|iccid|esn|meid|tracking|order|invoice|ref(?:erence)?"
    r"|confirmation|ticket|case|claim|casting|pallet|container|barcode|stock|ro|po|wo)"
    r"(?:[ .:#-]|\b(?:no|num|number|nr|id|code|is|reads)\b){0,6}$",
    re.I,
)


def keep_card(match: re.Match[str]) -> Span | None:
    """The groups of digits of a match that are a card's number: not the date of expiry after it."""
    if match.group().isdigit() and OTHER_NUMBER.search(match.string, max(0, match.start() - 32), match.start()):
        return None
    groups = list(GROUP.finditer(match.string, *match.span()))
    for first in range(len(groups)):
        for last in range(len(groups), first, -1):
            start, end = groups[first].start(), groups[last - 1].end()
            if end - start < 13:
                break
            if is_card_number(match.string[start:end]):
                return start, end
    return None


def is_north_american(text: str) -> bool:
    """Whether its area code and exchange may begin with these digits."""
    digits = extract_digits(text)[-10:]
    return len(digits) == 10 and digits[0] > "1" and digits[3] > "1"


def is_free_number(text: str) -> bool:
    """Whether digits are no date, such as 20240312, no ZIP code with four more digits, and no network address."""
    return not re.match(r"(?:19|20)\d\d|\d{5}-\d{4}$|\d+(?:\.\d+){3}$", text) and not text.endswith("000")


def may_hold_email(text: str, words: Words) -> bool:
    """Whether there is an @, or the words "at" and "dot"; "_at_" and "(at)" stand for an @, too."""
    return "@" in text or ("at" in words and ("dot" in words or "." in text))


def may_hold_vin(text: str, words: Words) -> bool:
    """Whether there is a word as long as a VIN, groups that could be one, or the word itself."""
    named = "vin" in words or "chassis" in words or "vehicle" in words
    return named or any(len(word) >= 17 for word in text.split()) or VIN_GROUPS.search(text) is not None


NUMBER_KINDS: dict[str, Kind] = {
    "ssn": Kind(
        any_match(r"\d(?:[\W_]{0,3}\d){5}"),
        (
            compile_pattern(
                rf"\d(?<![\w.-].)\d\d(?P<s>{SEPARATOR}{{1,3}})\d{{2}}(?P=s)\d{{4}}(?![\w-])", STRONG, is_ssn_or_itin
            ),
            compile_pattern(
                rf"\d(?<![\w.-].)\d\d{SEPARATOR}{{0,3}}\d{{2}}{SEPARATOR}{{0,3}}\d{{4}}(?![\w-])", WEAK
            ),  # the text calls it one: a number that was never issued is meant as one too
            # Canada's and Britain's: they have cues of their own.
            compile_pattern(
                r"\b(?:sin|s\.i\.n\.|social insurance)(?:\W|number|no|is|num){0,6}"
                r"(?P<value>\d{3}[ -]?\d{3}[ -]?\d{3})(?!\w)",
                STRONG,
                lambda text: bool(luhn.is_valid(extract_digits(text))),
                "sin insurance s",
            ),
            compile_pattern(
                r"\b(?:ni|nino|national insurance)(?:\W|number|no|is|num){0,6}"
                r"(?P<value>[a-z]{2} ?\d\d ?\d\d ?\d\d ?[a-d])\b",
                STRONG,
                triggers="ni nino insurance",
            ),
            compile_pattern(r"\d(?<![\w.-].)\d{8}(?![\w-]|\.\d)", STRONG - 0.15, is_ssn_or_itin, SSN_WORDS),
        ),
    ),
    "card": Kind(SEVEN_DIGITS, (Pattern(CARD, 0.95, keep_card),)),
    "phone": Kind(
        any_match(r"\d(?:[\W_]{0,3}o?\d){6}"),
        (
            compile_pattern(
                rf"(?<![\w.])(?<!\d[ .\-_/])(?:(?:\+|00)?1{SEPARATOR}{{0,3}})?[2-9]\d\d{SEPARATOR}{{1,3}}"
                rf"[2-9]\d\d{SEPARATOR}{{1,3}}\d{{4}}{EXTENSION}",
                STRONG,
            ),
            # With the area code in parentheses it is a phone number, whatever is before it.
            compile_pattern(
                rf"(?<!\w)(?:(?:\+|00)?1{SEPARATOR}{{0,3}})?[(\[] ?[2-9]\d\d ?[)\]]{SEPARATOR}{{0,3}}"
                rf"[2-9]\d\d{SEPARATOR}{{0,3}}\d{{4}}{EXTENSION}",
                0.95,
            ),
            compile_pattern(r"(?<![\w.-])\+?1[2-9]\d\d[2-9]\d{6}(?![\w-])", STRONG - 0.1),
            compile_pattern(
                r"^\s*(?P<value>1?[2-9]\d\d[2-9]\d{6})\s*$", STRONG - 0.1
            ),  # alone on a line, as below a signature
            compile_pattern(
                r"(?<![\w.])(?:\+|00(?=[1-9]\d{0,2}[ .\-/(]))[1-9]\d{0,2}(?:[ .\-/]{0,2}\(?\d\)?){7,13}(?![\w-])",
                STRONG,
                is_international,
            ),
            compile_pattern(r"0(?<![\w.+-]0)\d\)?(?:[ .\-/]{0,3}[()]?\d\)?){6,10}(?![\w-])", WEAK, is_national),
            compile_pattern(r"0(?<![\w.+-].)(?<!\d .)(?: \d){9,11}(?![ -]?\d)(?![\w-])", STRONG - 0.1, is_national),
            # In pairs, as in France, and of Britain's mobile phones: they look like nothing else.
            compile_pattern(r"0(?<![\w.+-].)[1-9](?P<gap>[ .])\d\d(?:(?P=gap)\d\d){3}(?![\w-])", STRONG),
            compile_pattern(r"0(?<![\w.+-].)7\d{3} (?:\d{6}|\d{3} \d{3})(?![\w-])", STRONG),
            compile_pattern(
                rf"0(?<![\w.+-].)(?:(?:1\d1|11\d)\)? \d{{3}}|2\d\)? \d{{4}}) \d{{4}}(?:{EXTENSION}|(?![\w-]))", STRONG
            ),
            # Digit by digit, or in pairs: "4 0 7 5 5 5 0 1 2 3", "415-555-01 42".
            compile_pattern(
                r"[2-9](?<![\w.-].)(?<!\d .)(?: ?[ -] ?\d){9}(?![ -]?\d)(?![\w-])", STRONG, is_north_american
            ),
            compile_pattern(r"[2-9](?<![\w.-].)(?<!\d .)(?: \d){6}(?![ -]?\d)(?![\w-])", WEAK),
            compile_pattern(
                r"[2-9](?<![\w.-].)(?<!\d .)\d\d[ .-][2-9]\d\d[ .-]\d\d[ .-]\d\d(?![\w-])", STRONG, is_north_american
            ),
            compile_pattern(r"\d(?<![\w.+-].)(?<!\d .)\d[ .-]\d{4}[ .-]\d{4}(?![\w-])", WEAK),
            compile_pattern(
                rf"(?<![\w.-])(?:\+?1{SEPARATOR}?)?[2-9]\d\d{SEPARATOR}?[2-9]\d\d{SEPARATOR}?\d{{4}}"
                rf"(?:{EXTENSION}|(?![\w-]))",
                WEAK,
            ),
            compile_pattern(
                rf"[2-9](?<![\w.-].)(?<!\d .)\d\d[ .\-\u2013]{{1,2}}\d{{4}}(?:{EXTENSION}|(?![\w-]))", WEAK
            ),
            # Abroad, of eight or nine digits; at home, of seven in one, right after the word.
            compile_pattern(
                r"[1-9](?<![\w.-].)(?<!\d .)\d(?:[ .-]?\d){6,7}(?![\w-]|[ .-]\d)", WEAK - 0.07, is_free_number
            ),
            compile_pattern(
                r"\b(?:phone|tel|cell|mobile|number)\.?(?: number| no\.?)?(?: is|:)? "
                r"(?P<value>[2-9]\d{6})(?![\w-]|[ .-]\d)",
                WEAK,
            ),
            # Of seven digits at the end of a clause about a call: "text big mike, 5550164".
            compile_pattern(r"[2-9](?<![\w.$#-].)(?<!\d .)\d{6}(?=[,;!?)]|\.?\s*$)", WEAK - 0.07, is_free_number),
            # In groups of its writer's own, after a word for phones: "407 5550142", "40755 50142".
            compile_pattern(r"[2-9](?<![\w.-].)\d{1,5}(?:[ .\-]\d{1,7}){1,4}(?![\w-])", WEAK, is_north_american),
            # With the letter O for a zero: 253-555-O146.
            compile_pattern(
                r"(?<![\w.-])[2-9][\do]{2}[ .-][2-9][\do]{2}[ .-](?=[\do]{0,3}\d)[\do]{4}(?![\w-])",
                STRONG,
                needs=r"\d[Oo]|[Oo]\d",
            ),
            compile_pattern(
                r"\barea code(?: is|:)? [2-9]\d\d[,;]?(?: (?:and|then))? [2-9]\d\d[ .-]?\d{4}(?![\w-])",
                STRONG,
                triggers="area",
            ),
            # Abroad, of ten digits without a 0 before them: "98765 43210", "333 123 4567".
            compile_pattern(
                r"[1-9](?<![\w.$-].)(?<!\d .)(?:[ .-]?\d){9,10}(?![\w-]|[ .-]\d)", WEAK - 0.05, is_valid_abroad
            ),
        ),
    ),
    "email": Kind(
        may_hold_email,
        (
            compile_pattern(rf"(?<![\w.+-])[\w.+-]+?(?: ?[(\[{{]at[)\]}}] ?|_at_){HOST}\b", UNMISTAKABLE),
            compile_pattern(rf"(?<![\w.+%'&!=-])[\w.+%'&!=*-]++@{HOST}\b", UNMISTAKABLE),
            compile_pattern(
                rf"(?<![\w.+-])[\w.+-]++ ?@ ?[\w-]+(?: ?[.,] ?[\w-]+)*? ?[.,] ?{COMMON_ENDING}", UNMISTAKABLE
            ),
            compile_pattern(
                rf"(?<![\w.+-])(?:[\w+-]+ (?:dot|underscore|dash|hyphen) ){{0,3}}[\w.+-]++{OPEN}\bat\b{CLOSE}[\w-]+"
                rf"(?:{OPEN}(?:\.|\bdot\b){CLOSE}[\w-]+)*?"
                rf"{OPEN}\bdot\b{CLOSE}{COMMON_ENDING}",
                UNMISTAKABLE,
            ),
            # In several words, after the word for it: "email is hank the tank 99 at example dot com".
            compile_pattern(
                r"\be-?mail(?: address)?(?: is|['\u2019]s|:)?:? (?P<value>(?:(?!at\b)[\w.'+-]+ ){0,5}?[\w.+-]+ at"
                r" [\w-]+"
                rf"(?: dot [\w-]+)*? dot {COMMON_ENDING})",
                UNMISTAKABLE + 0.05,
                triggers="email mail",
            ),
            # With a digit, dot or underscore, "at", and a host that is written out.
            compile_pattern(
                rf"(?<![\w.+-])(?=[\w.+-]*[\d_.])[\w.+-]+ at (?:[\w-]+\.)+{COMMON_ENDING}",
                STRONG,
                needs=r"[\d_.]\w* at \w",
            ),
            compile_pattern(r"(?<![\w.+-])[\w.+-]+\[at\][\w-]+(?:\[dot\][\w-]+)+", STRONG),
        ),
    ),
    "vin": Kind(
        may_hold_vin,
        (
            compile_pattern(r"(?<![a-z0-9])[a-hj-npr-z0-9]{17}(?![a-z0-9])", 0.95, is_vin, needs=SEVENTEEN),
            compile_pattern(
                r"(?<![a-z0-9])(?=(?P<value>[a-hj-npr-z0-9](?:[ ._-]{0,2}?[a-hj-npr-z0-9]){16})(?![\w-]))",
                STRONG,
                is_vin,
            ),
            # With a wrong check digit it is a typing error, or a European VIN, if the text calls it a VIN.
            compile_pattern(r"(?<![a-z0-9])(?=(?:[a-z]*\d){4})[a-z0-9]{17}(?![a-z0-9])", WEAK, needs=SEVENTEEN),
        ),
    ),
}
