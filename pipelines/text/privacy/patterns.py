"""The patterns of each kind of personal data, with their scores and validation.

A prefilter passes a text that contains nothing personal in microseconds.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipelines.text.privacy import addresses
from pipelines.text.privacy.addresses import STATE
from pipelines.text.privacy.check_digits import (
    is_account_number,
    is_card_number,
    is_licence_number,
    is_plate,
    is_ssn_or_itin,
    is_vin,
)
from pipelines.text.privacy.context_words import context_score
from pipelines.text.privacy.pattern_parts import (
    CAPITALS,
    CLOSE,
    COMMON_ENDING,
    DATE,
    EXTENSION,
    GAP,
    HOST,
    MONEY,
    OPEN,
    PERIOD,
    PLATE,
    PLATE_WORDS,
    SEPARATOR,
    TAG_WORDS,
)
from pipelines.text.privacy.phones import is_international, is_national

THRESHOLD = 0.5  # the lowest score of a finding
WORD = re.compile(r"[a-z]+")
UNMISTAKABLE, STRONG, WEAK = 0.85, 0.7, 0.3  # a strong pattern needs no context; a weak one needs its context word


class Pattern(NamedTuple):
    """A pattern of personal data; its value is the group `value`, or the match."""

    pattern: re.Pattern[str]
    score: float
    keep: Callable[[re.Match[str]], str]  # a match → what of its value is personal; "" if nothing is


class Kind(NamedTuple):
    """A kind of personal data."""

    may_hold: Callable[[str, frozenset[str]], object]  # of a text and its words; cheap: false if it holds no pattern
    patterns: tuple[Pattern, ...]


def compile_pattern(
    pattern: str, score: float, valid: Callable[[str], bool] | None = None, flags: int = re.I
) -> Pattern:
    """A pattern whose value is kept as a whole if it is valid."""

    compiled = re.compile(pattern, flags | re.M)
    group = "value" if "value" in compiled.groupindex else 0

    def keep(match: re.Match[str]) -> str:
        value: str = match[group]
        return value if valid is None or valid(value) else ""

    return Pattern(compiled, score, keep)


def compile_address(pattern: str, keep: Callable[[re.Match[str]], str]) -> Pattern:
    """A pattern of addresses, in any case."""
    return Pattern(re.compile(pattern, re.I | re.M), STRONG, keep)


def any_match(pattern: str) -> Callable[[str, frozenset[str]], object]:
    """A prefilter: whether the text has a match of the pattern, in any case."""
    search = re.compile(pattern, re.I).search
    return lambda text, words: search(text)


def any_word(words: str) -> Callable[[str, frozenset[str]], object]:
    """A prefilter: whether the text has one of the words."""
    triggers = frozenset(words.split())
    return lambda text, words: not triggers.isdisjoint(words)


SEVEN_DIGITS = any_match(r"\d(?:[\W_]{0,3}\d){6}")

KINDS: dict[str, Kind] = {
    "ssn": Kind(
        SEVEN_DIGITS,
        (
            compile_pattern(
                rf"(?<![\w.-])\d{{3}}(?P<s>{SEPARATOR}{{1,3}})\d{{2}}(?P=s)\d{{4}}(?![\w-])", STRONG, is_ssn_or_itin
            ),
            compile_pattern(
                rf"(?<![\w.-])\d{{3}}{SEPARATOR}{{0,3}}\d{{2}}{SEPARATOR}{{0,3}}\d{{4}}(?![\w-])", WEAK
            ),  # the text calls it one: a number that was never issued is meant as one too
        ),
    ),
    "card": Kind(
        SEVEN_DIGITS,
        (compile_pattern(rf"(?<![\w-])\d(?:{SEPARATOR}{{0,3}}\d){{12,18}}(?![\w-])", 0.95, is_card_number),),
    ),
    "phone": Kind(
        SEVEN_DIGITS,
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
            compile_pattern(r"(?<![\w.+-])\(?0\d(?:[ .\-/]{0,2}[()]?\d\)?){7,10}(?![\w-])", WEAK, is_national),
            compile_pattern(r"(?<![\w.+-])(?<!\d )\d\d[ .-]\d{4}[ .-]\d{4}(?![\w-])", WEAK),
            compile_pattern(
                rf"(?<![\w.-])(?:\+?1{SEPARATOR}?)?[2-9]\d\d{SEPARATOR}?[2-9]\d\d{SEPARATOR}?\d{{4}}(?![\w-])", WEAK
            ),
            compile_pattern(r"(?<![\w.-])(?<!\d )[2-9]\d\d[ .\-\u2013]{1,2}\d{4}(?![\w-])", WEAK),
        ),
    ),
    "email": Kind(
        any_match(r"@|[(\[{_]at[)\]}_]|\bat\b.{1,40}\bdot\b"),
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
        ),
    ),
    "vin": Kind(
        any_match(
            r"(?<![a-z0-9])[a-z0-9]{17}(?![a-z0-9])|\bvin|chassis|vehicle id"
            r"|(?-i:\b[A-HJ-NPR-Z0-9]{1,11}[ ._-].{0,12}\d{4}\b)"
        ),
        (
            compile_pattern(r"(?<![a-z0-9])[a-hj-npr-z0-9]{17}(?![a-z0-9])", 0.95, is_vin),
            compile_pattern(
                r"(?<![a-z0-9])(?=(?P<value>[a-hj-npr-z0-9](?:[ ._-]{0,2}?[a-hj-npr-z0-9]){16})(?![\w-]))",
                STRONG,
                is_vin,
            ),
            # With a wrong check digit it is a typing error, or a European VIN, if the text calls it a VIN.
            compile_pattern(r"(?<![a-z0-9])(?=(?:[a-z]*\d){4})[a-z0-9]{17}(?![a-z0-9])", WEAK),
        ),
    ),
    "plate": Kind(
        any_word("plate plates tag tags reg regs regn rego registration registrations"),
        (
            compile_pattern(
                rf"(?:{PLATE_WORDS}\bplates?|{TAG_WORDS}\btags?|\breg(?:istration|o)?)\b{GAP}"
                rf"(?:\b(?-i:{STATE})[ :#-]+)?"
                r"(?<![\w-])(?P<value>" + PLATE + r")(?![\w-])",
                STRONG,
                is_plate,
            ),
            compile_pattern(
                rf"(?<![\w-])(?P<value>{PLATE}),? \(?(?:(?:is|was) (?:my|the|his|her) )?"
                rf"(?:{STATE} )?(?:(?:license )?plates?|tag)\b",
                STRONG,
                is_plate,
            ),
        ),
    ),
    "licence": Kind(
        any_word("licence licences license licenses licensed lic dl d dln oln cdl permit"),
        (
            compile_pattern(
                r"(?:\b(?:driv(?:er|ing)(?:'?s|s')?|operator'?s?) ?(?:licen[cs]e|lic\b|permit)|\bd\.?l\.?n?\b|\boln\b"
                rf"|\bcdl\b|\blicen[cs]e(?! plate| tag)|\blic\b(?!\.? (?:plate|tag))){GAP}(?:\b(?-i:{STATE})[ :#-]+)??"
                r"(?<![\w-])(?P<value>(?:[a-z]{1,3}-?|(?-i:[A-Z]{1,3}) )\d(?:[ *-]?\d){3,14}(?:[ -]?[a-z]\b)?"
                r"|\d(?:[ -]?\d){5,13}"
                r"|[a-z*]{2,7}\d{2,4}[a-z0-9]{1,4})(?![\w-])",
                STRONG,
                is_licence_number,
            ),
        ),
    ),
    "account": Kind(
        any_word("account accounts acct accts a routing aba rtn checking savings deposit ach voided iban"),
        (compile_pattern(r"(?<![\w.$-])\d(?:[ -]?\d){5,16}(?![\w-])", WEAK, is_account_number),),
    ),
    "birth_date": Kind(
        any_word("birth birthday birthdate birthdat born dob dobs d geburtsdatum"),
        (
            compile_pattern(
                rf"(?:\bdate of birth|\bbirth ?dat?e?|\bbirthday|\bd\.?o\.?bs?\.?|\bgeburtsdatum|\bbirth"
                rf"|\bborn)\b{GAP}(?P<value>\b{DATE})",
                STRONG,
            ),
        ),
    ),
    "income": Kind(
        any_word(
            "income incomes salary salaries wage wages earn earns earned earning earnings make makes making pay home"
            " brings bringing gross grosses grossing"
        ),
        (
            compile_pattern(
                rf"\b(?:income|salary|wages?|earnings|(?:gross|net|take[- ]home) pay|gross(?:es)?)"
                r"(?:[\s:;=\-\u2013\"(*,]|\b[a-z']{1,9}\b){0,6}?"
                rf"(?P<value>{MONEY}{PERIOD}?)",
                STRONG,
            ),
            compile_pattern(
                r"\b(?:earn(?:s|ing|ed)?|mak(?:es?|ing)|brings? home|bringing home|gross(?:es|ing)?)"
                rf" (?:about |around |roughly |only )?(?P<value>{MONEY}{PERIOD})",
                STRONG,
            ),
            compile_pattern(rf"(?P<value>{MONEY}{PERIOD}?) (?:\w+ )?(?:income|salary)\b", STRONG),
        ),
    ),
    "employer": Kind(
        any_word(
            "employer employers employed employment work works worked working earns earning gross grosses grossing"
            " makes making"
        ),
        (
            compile_pattern(rf"\b(?:earn|gross|mak)(?:e?s|ing) {MONEY}{PERIOD}? at (?P<value>{CAPITALS})", STRONG),
            compile_pattern(rf"\bemployer(?:'s)?(?: name)?(?: is|:| -| =|\t)\s*(?P<value>{CAPITALS})", STRONG),
            compile_pattern(
                rf"\b(?:(?:self-)?employed (?:at|by|with)|place of (?:employment|work):?) (?P<value>{CAPITALS})", STRONG
            ),
            compile_pattern(
                r"\b(?:I|I've|I'm|he|she|who|applicant|customer|buyer|guest|husband|wife|spouse)"
                rf"(?: have| has| been| am| is| currently| also)* work(?:s|ed|ing)? (?:at|for) "
                rf"(?P<value>{CAPITALS})",
                STRONG,
            ),
        ),
    ),
    "address": Kind(
        addresses.may_hold,
        (
            compile_address(addresses.STREETS, addresses.keep_street),
            compile_address(addresses.STREETS_IN_PARTS, addresses.keep_street),
            compile_address(addresses.STREETS_IN_A_GRID, addresses.keep_street),
            compile_address(addresses.ROUTES, addresses.keep_place),
            compile_address(addresses.NAMED_FIRST, addresses.keep_place),
            compile_address(addresses.BOX, addresses.keep_place),
            compile_address(addresses.RURAL, addresses.keep_place),
            compile_address(addresses.IN_A_PARK, addresses.keep_place),
            compile_pattern(addresses.WITH_TOWN, STRONG, addresses.is_no_vehicle),
            compile_pattern(addresses.ABROAD, STRONG),
            compile_pattern(addresses.BRITISH, STRONG),
            compile_pattern(addresses.TOWN_ALONE, STRONG - 0.1),
        ),
    ),
}
PATTERN_KINDS = tuple(KINDS)


def words_of(text: str) -> frozenset[str]:
    """The words of a text in lower case, for the prefilters."""
    return frozenset(WORD.findall(text.lower()))


def find_matches(kind: str, text: str, words: frozenset[str]) -> Iterator[tuple[int, int, float]]:
    """The matches of a kind in `text`, whose words are `words_of(text)`: start, end, and score from THRESHOLD to 1."""
    may_hold, patterns = KINDS[kind]
    if not may_hold(text, words):
        return
    for pattern, base, keep in patterns:
        group = "value" if "value" in pattern.groupindex else 0
        for match in pattern.finditer(text):
            start = match.start(group)
            if kept := keep(match):
                end = start + len(kept)
                score = base + context_score(kind, text, start, end)
                if score >= THRESHOLD:
                    yield start, end, min(score, 1.0)
