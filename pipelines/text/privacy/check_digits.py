"""Check digits and number plans: whether a string of the right shape can be such a number at all."""

import re

from stdnum import luhn

# python-stdnum has no VIN.
VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
CARD_NETWORKS = re.compile(  # leading digits and lengths of the payment networks' cards (ISO/IEC 7812)
    r"4(?:\d{15}|\d{18})"  # Visa; its cards of 13 digits were withdrawn
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}(?:\d{3})?"  # Discover
    r"|3(?:0[0-59]|[689]\d)\d{11}(?:\d\d)?"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|62\d{14}(?:\d{3})?"  # UnionPay
    r"|(?:50[1-3]\d|5893|6304|67\d\d)\d{12}(?:\d{3})?"  # Maestro
)
# How many digits stand between separators on no card: a telephone number, or one after a ZIP code.
NOT_CARD_GROUPS = re.compile(r"(?:^|-)3-3-4(?:-|$)|^(?:5|10|3-7|6-4)-|-(?:10|3-7)$")
DATE_OR_YEARS = re.compile(
    r"(?:19|20)\d\d[- ]?(?:(?:19|20)\d\d|(?:0?[1-9]|1[0-2])[- ](?:0?[1-9]|[12]\d|3[01]))"
    r"|(?:0?[1-9]|[12]\d|3[01])[- ](?:0?[1-9]|[12]\d|3[01])[- ](?:19|20)?\d\d"
)
NOT_PLATE = re.compile(
    r"\d+(?:[.,]\d+)?[ -]?(?:psi|kpa|bar|mpg|mph|kmh|rpm|hp|kw|lbs?|ft|in|mm|cm|km|mi|miles?|amps?|volts?|watts?|ohms?"
    r"|qts?|gal|oz|min|mins|hrs?|hours?|days?|weeks?|mos?|months?|yrs?|years?|am|pm|usd|pct|cyl|dr|door|spd|speed|wd|in"
    r"|x\d|st|nd|rd|th|each|ea|pcs?|and|or|of|on|to|at|for|the|new|tire|tires|stk|plus|more)\d*"
    r"|(?:in|on|at|by|of|to|is|and|or|for|the|model|year|exp|yr|no|row|bay|lot|ro|unit|step|item|part|size|line|code)"
    r"[ -]?\d+\w*|\d+w-?\d+|[vi]\d+|\d?x?\d+wd|[pbcu][0-3][0-9a-f]{3}",
    re.I,
)


def extract_digits(text: str) -> str:
    """The digits of a text, without what is between them."""
    return "".join(filter(str.isdigit, text))


def vin_check_digit(vin: str) -> str:
    """The ninth character that a VIN must have, from its other sixteen (49 CFR 565.15)."""
    total = sum(weight * (int(c) if c.isdigit() else VIN_VALUES[c]) for c, weight in zip(vin, VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def is_vin(text: str) -> bool:
    """Whether it is a North American VIN: check digit, a valid model year, letters, and four digits at the end."""
    code = re.sub(r"[^A-Za-z0-9]", "", text).upper()
    if len(code) != 17:  # the match had characters that are not ASCII
        return False
    shaped = code[9] not in "UZ0" and code[-4:].isdigit() and not code.isdigit()
    return shaped and len(set(code)) > 4 and vin_check_digit(code) == code[8]


def is_account_number(text: str) -> bool:
    """Whether it has as many digits as a US bank account, and is no date, range of years, or amount of zeros."""
    return 6 <= len(extract_digits(text)) <= 17 and not DATE_OR_YEARS.fullmatch(text) and not text.endswith("000")


def is_licence_number(text: str) -> bool:
    """Whether it has at least five digits, or four and an asterisk, and is no date, range of years or word and year."""
    digits = len(extract_digits(text))
    varied = len(set(extract_digits(text))) > 1
    return varied and (digits >= 5 or "*" in text) and not DATE_OR_YEARS.fullmatch(text)


def is_card_number(text: str) -> bool:
    """Whether it is a payment card's number: a network's leading digits and length, and the Luhn check digit."""
    groups = re.findall(r"\d+", text)
    digits = "".join(groups)
    if len(set(digits)) < 2 or not CARD_NETWORKS.fullmatch(digits) or not luhn.is_valid(digits):
        return False
    return not NOT_CARD_GROUPS.search("-".join(str(len(group)) for group in groups))


def is_ssn_or_itin(text: str) -> bool:
    """Whether the SSA may have issued the number, or the IRS issues it: an ITIN has area 9xx and a group from 50.

    The numbers of advertisements (078-05-1120) are read as SSNs too: who writes one means one. python-stdnum's own ITIN
    check does not know groups 50 to 65, which the IRS uses.
    """
    digits = extract_digits(text)
    itin = digits[0] == "9" and digits[3:5] >= "50" and digits[5:] != "0000"
    issued = digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"
    return len(set(digits)) > 1 and (itin or issued)


def is_plate(text: str) -> bool:
    """Whether it has five to ten letters and digits, at least one of each; or four, if the letters are capitals.

    A measure (65 PSI), a drive or engine layout (4WD, V6) and an oil grade (5W30) are none.
    """
    code = re.sub(r"[^A-Za-z0-9]", "", text)
    mixed = any(map(str.isdigit, code)) and any(map(str.isalpha, code))
    return mixed and (5 <= len(code) <= 10 or (len(code) == 4 and code.isupper())) and not NOT_PLATE.fullmatch(text)
