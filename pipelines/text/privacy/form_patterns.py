"""The patterns of what forms ask for: plate, licence, account, date of birth, income; found by their words."""

import re
from functools import cache

from stdnum import iban, numdb

from pipelines.text.privacy.address_parts import STATE
from pipelines.text.privacy.check_digits import is_account_number, is_licence_number, is_plate
from pipelines.text.privacy.income_patterns import INCOME
from pipelines.text.privacy.name_model import load_model
from pipelines.text.privacy.pattern import STRONG, WEAK, Kind, Pattern, Span, Words, any_word, compile_pattern
from pipelines.text.privacy.pattern_parts import (
    BRITISH_PLATE,
    DATE,
    GAP,
    IRISH_PLATE,
    PLATE,
    PLATE_WORDS,
    SPOKEN_DATE,
    TAG_WORDS,
    WIDE_GAP,
)
from pipelines.text.privacy.words import word_set

BIRTH_WORDS = (
    "b birth bday birthday birthdays birthdate birthdates born dob dobs o geburtsdatum geboren geb n"
    " naissance nacimiento nascita nascimento geboortedatum"
)
BIRTH_CUE = (
    r"(?:\b(?:date de naissance|fecha de nacimiento|data di nascita|data de nascimento|geboortedatum)|\bdate of birth"
    r"|\bbirth ?dat?e?|\bb(?:irth)?-?day|\bd\.?o\.?bs?\.?|\bgeburtsdatum|\bgeboren|\bgeb\."
    r"|\bné(?:e|\(e\))? le|\bbirth|\bborn"
    r"|\bnacid[oa]|\bnat[oa]|\bb(?<=\(b)\.)(?!\w)"
)
BIRTH = re.compile(
    r"\b(?:birth|bday|born|naissance|nacimiento|nasci|geboorte|d\.?o\.?bs?\b|geb(?:urt|oren)|nacid[oa])", re.I
)
BIRTH_CHARS = 250  # before a date, in which its text must speak of births
GAP_IN_DATE = re.compile(r"[\d./]+ [\d./ ]+")  # 1990 2.0 is none
NOT_BIRTH = re.compile(
    r"(?:\b(?:exp(?:\.|ires?|iry|iring|iration)?|since|valid|issued?|until|through|thru|purchased|bought|sold|hired|model"
    r"|delivered|built|invoice|due|dated|signed|appt|on file)\b[\s:.]*(?:date |on |of |in )?)$",
    re.I,
)
LICENCE_CUE = (
    r"(?:\b(?:driv(?:er|ing)(?:'?s|s')?|operator'?s?) ?(?:licen[cs]e|lic\b|permit)|\bd\.?l\.?n?\b|\boln\b"
    r"|\bcdl\b|\blicen[cs]e(?! plate| tag)|\blic\b(?!\.? (?:plate|tag))|\bf\u00fchrerschein(?:nummer|nr\.?)?)"
)
LICENCE = (
    r"(?:(?:[a-z]{1,3}-?|(?-i:[A-Z]{1,3}) )\d(?:[ *-]?\d){3,14}(?:[ -]?[a-z]\b)?"
    r"|\d(?:[ -]?\d){5,13}"
    r"|[a-z*]{2,9}\d{2,4}[a-z0-9]{1,4}"
    # Groups of capitals and digits, each with a digit but the first: ADEYE 802146 T99KL, R425 716 83 204 0
    r"|(?-i:(?:[A-Z]{1,5}[ -])?[A-Z]{0,6}\d[A-Z0-9]*(?:(?: (?!(?:19|20)\d\d\b)|-)[A-Z]{0,2}\d[A-Z0-9]*){0,5})"
    r"|[a-z]{1,2}(?:-?\d{2,5}){2,5}|(?-i:[a-z]{2}) \d{6,10}"
    r"|(?-i:[a-z]\d[\da-z]{8}\d))"  # Germany's, in lower case
)
ACCOUNT_CUE = (
    r"(?:\baccount\b|\bacc(?:oun)?ts?\b\.?|\ba/c\b|\biban\b|\bkonto(?:nummer|nr\.?)?\b|\bcuenta\b|\bcompte\b|\bclabe\b"
    r"|\brouting (?:number|no\.?|num|#)|\baba\b|\bsort code\b|\btransit (?:number|no\.?)|\bbsb\b"
    r"|\b(?:loan|policy|contract|agreement|membership|member)"
    r"(?: (?:no\.?|number|num|id|#)|(?= ?[#:]? ?[A-Z]{0,4}-?\d)))"
)
CODE = r"(?:(?-i:[A-Z]{1,4}-?)|[a-z]{1,3}-)?\d[\dA-Za-z]*(?:[ -](?=[A-Z]{0,2}\d)[\dA-Z]+){0,7}"


def keep_birth_date(match: re.Match[str]) -> Span | None:
    """The span of a date that may be somebody's birth, in a text that speaks of births."""
    text, (start, end) = match.string, match.span()
    if NOT_BIRTH.search(text, max(0, start - 24), start) or GAP_IN_DATE.fullmatch(match.group()):
        return None
    if "value" not in match.re.groupindex and not BIRTH.search(text, max(0, start - BIRTH_CHARS), end + 30):
        return None
    group = "value" if "value" in match.re.groupindex else 0
    years = re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", match[group])
    if years:
        return match.span(group) if 1915 <= int(years[0]) <= 2012 else None
    year = re.findall(r"\d+", match[group])[-1]
    return match.span(group) if len(year) == 2 and (year >= "30" or year <= "09") else None


def keep_iban(match: re.Match[str]) -> Span | None:
    """The span of an IBAN, without the words after it.

    With wrong check digits, a typing error, it is one if it has the length of its country's and is in groups of four.
    """
    value: str = match.group()
    while value:
        if iban.is_valid(value, check_country=False) or (
            GROUPS_OF_FOUR.fullmatch(value) and len(value.replace(" ", "")) == iban_length(value[:2].upper())
        ):
            return match.start(), match.start() + len(value)
        value = value.rpartition(" ")[0]
    return None


@cache
def iban_length(country: str) -> int:
    """How many characters the IBANs of a country have; 0 if it has none."""
    (_, properties), *_ = numdb.get("iban").info(country)
    return 4 + sum(map(int, re.findall(r"\d+(?=!)", properties["bban"]))) if properties else 0


def is_code_of_account(text: str) -> bool:
    """Whether it has as many digits as an account, policy or contract of letters and digits, and is no date."""
    return is_account_number(text) or (len(re.findall(r"\d", text)) >= 10 and text[:2].isalpha())


ACCOUNT_WORDS = word_set(
    """
    account accounts acct accts acc accs a routing aba rtn checking savings deposit ach voided iban konto
    kontonummer kontonr cuenta compte loan policy contract agreement member membership sort transit bsb clabe drawn
    wire sepa swift bank transfer
    """
)
GROUPS_OF_FOUR = re.compile(r"[A-Z]{2}\d\d(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?", re.I)
IBAN_LIKE = re.compile(r"[A-Za-z]{2}\d\d ?[A-Za-z0-9]{4} ?[A-Za-z0-9]{4}")


def may_hold_account(text: str, words: Words) -> bool:
    """Whether there is a word for an account, or what looks like an IBAN."""
    return not ACCOUNT_WORDS.isdisjoint(words) or IBAN_LIKE.search(text) is not None


PLATE_KIND_WORDS = word_set(
    """
    plate plates tag tags reg regs regn rego registration registrations targa kenteken kennzeichen kennz placa placas
    lp vrm vrn plt lic immatriculation immat kfz plaque matricula matr vehicle van motability keeper mot dvla
    """
)
PLATE_LAYOUT = re.compile(f"{BRITISH_PLATE}|(?i:{IRISH_PLATE})")


def may_hold_plate(text: str, words: Words) -> bool:
    """Whether there is a word for a plate, or a British or Irish one."""
    return not PLATE_KIND_WORDS.isdisjoint(words) or PLATE_LAYOUT.search(text) is not None


def keep_plate(match: re.Match[str]) -> Span | None:
    """The span of a plate, no model (RAV4); with the letters before it that are no state but its part: OF 34401."""
    if match["value"].lower() in load_model()[0].models:
        return None
    if is_plate(match["value"]):
        return match.span("value")
    start = match.start("state")
    begins_there = start >= 0 and is_plate(match.string[start : match.end("value")])
    return (start, match.end("value")) if begins_there else None


FORM_KINDS: dict[str, Kind] = {
    "plate": Kind(
        may_hold_plate,
        (
            Pattern(
                re.compile(
                    rf"(?:{PLATE_WORDS}\bplates?|{TAG_WORDS}\btags?|\bplt|\breg(?:istration|o)?|\btarga|\bkenteken"
                    rf"|\bkennz(?:eichen|\.)?|\bplacas?|\bplaque|\bimmat(?:riculation|\.)?|\bkfz(?:-kennzeichen)?|\bmatr[i\u00ed]cula)\b{WIDE_GAP}"
                    rf"(?:\b(?P<state>(?-i:{STATE}))[ :#-]+)?"
                    r"(?<![\w-])(?P<value>" + PLATE + r")(?![\w-])",
                    re.I | re.M,
                ),
                STRONG,
                keep_plate,
            ),
            compile_pattern(
                rf"(?<![\w-])(?P<value>{PLATE}),? \(?(?:(?:is|was) (?:my|the|his|her) )?"
                rf"(?:{STATE} )?(?:(?:license )?plate|tag)\b",
                STRONG,
                is_plate,
            ),
            compile_pattern(
                rf"(?<![\w-])(?P<value>(?-i:(?=[A-Z ]{{0,4}}\d){PLATE})) \((?-i:{STATE})\)", STRONG, is_plate
            ),
            compile_pattern(BRITISH_PLATE, STRONG, is_plate),
            compile_pattern(IRISH_PLATE, STRONG),
            compile_pattern(  # LIC KNB4471 TX: a licence plate, for its state follows
                rf"\blic\b[ .:#]{{1,3}}(?P<value>(?-i:[A-Z0-9]{{2,4}}[ -]?[A-Z0-9]{{2,4}}))(?= (?-i:{STATE})\b)",
                STRONG + 0.1,
                is_plate,
                "lic",
            ),
        ),
    ),
    "licence": Kind(
        # words_of splits at ü: hrerschein
        any_word("licence licences license licenses licensed lic dl d dln oln cdl permit hrerschein"),
        (
            compile_pattern(
                rf"{LICENCE_CUE}{WIDE_GAP}(?:\b(?-i:{STATE})[ :#-]+)??(?<![\w-])(?P<value>{LICENCE})(?![\w-])",
                STRONG + 0.05,
                is_licence_number,
            ),
            compile_pattern(r"\b(?-i:WDL(?=[A-Z]*\d)[A-Z0-9]{9})\b", STRONG),  # of Washington, since 2018
            compile_pattern(  # the second one: "her license S552-840-918, his C903-117-26"
                r"\b(?:his|hers?|mine|husband|wife|spouse)(?:'s)?(?: is)?:? "
                r"(?P<value>[a-z]{1,2}[ -]?\d(?:[ -]?\d){6,13}|(?-i:[A-Z-]{1,9}\d{8,12}))(?![\w-])",
                STRONG,
                is_licence_number,
            ),
        ),
    ),
    "account": Kind(
        may_hold_account,
        (
            compile_pattern(r"\d(?<![\w.$-].)(?:[ -]?\d){5,16}(?![\w-])", WEAK, is_account_number),
            compile_pattern(rf"{ACCOUNT_CUE}[^\d\n]{{0,16}}(?<![\w-])(?P<value>\d(?: \d){{5,16}})(?![\w-])", 0.9),
            compile_pattern(
                rf"{ACCOUNT_CUE}(?:[\s:;#=\-\u2013\"'(*.,?]|\b(?:is|no|number|num|was|ending|caller|customer|guest|the|in|on)\b"
                rf"){{0,8}}?(?<![\w-])(?P<value>{CODE})(?![\w-])",
                STRONG - 0.15,
                is_code_of_account,
            ),
            Pattern(re.compile(r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?\b", re.I), 0.9, keep_iban),
            compile_pattern(  # cut off, or with a typing error
                r"\biban\b(?:[ :.#-]|\b(?:is|no|nr|number)\b){0,4}"
                r"(?P<value>[a-z]{2}\d\d(?: ?[a-z]{0,4}\d[a-z0-9]{0,3}){1,8})\b",
                0.9,
                triggers="iban",
            ),
            compile_pattern(r"\bdrawn on (?:account |acct )?(?P<value>\d{8,12})\b", STRONG),
        ),
    ),
    "birth_date": Kind(
        any_word(f"{BIRTH_WORDS} birthdat d nacido nacida nato nata she he shes hes i im"),
        (
            compile_pattern(rf"{BIRTH_CUE}{GAP}(?P<value>\b{DATE})", STRONG),
            compile_pattern(rf"{BIRTH_CUE}{WIDE_GAP}(?P<value>\b{SPOKEN_DATE})", STRONG),
            Pattern(
                re.compile(rf"(?<![\w/.-]){DATE}(?![\w/-])", re.I),
                STRONG - 0.1,
                keep_birth_date,
                frozenset(BIRTH_WORDS.split()),
            ),
            Pattern(
                re.compile(
                    rf"(?:(?<=\bshe)|(?<=\bhe)|(?<=\bi))(?:['\u2019]?[sm]| is| am) (?P<value>{DATE})(?![\w/-])", re.I
                ),
                STRONG - 0.1,
                keep_birth_date,
            ),
        ),
    ),
    "income": INCOME,
}
