"""Check digits and number plans: whether a string of the right shape can be such a number at all."""

import re

from stdnum import luhn
from stdnum.us import ssn

# python-stdnum has no VIN.
VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
CARD_NETWORKS = re.compile(  # leading digits of the payment networks' cards
    r"4|5[0-8]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(?:0[0-5]|[689])|35(?:2[89]|[3-8])|6(?:011|4[4-9]|5|2|[37])"
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
    """Whether it has as many digits as a US bank account."""
    return 6 <= len(extract_digits(text)) <= 17


def is_card_number(text: str) -> bool:
    """Whether it is a payment card's number: a network's leading digits, and the Luhn check digit."""
    digits = extract_digits(text)
    return bool(CARD_NETWORKS.match(digits)) and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


def is_ssn_or_itin(text: str) -> bool:
    """Whether the SSA may have issued the number, or the IRS issues it: an ITIN has area 9xx and a group from 50.

    Numbers that are known from advertising (078-05-1120) belong to nobody. python-stdnum's own ITIN check does not know
    groups 50 to 65, which the IRS uses.
    """
    digits = extract_digits(text)
    itin = digits[0] == "9" and digits[3:5] >= "50" and digits[5:] != "0000"
    return len(set(digits)) > 1 and (itin or bool(ssn.is_valid(digits)))


def is_plate(text: str) -> bool:
    """Whether it has five to eight letters and digits, at least one of each; or four, if the letters are capitals."""
    code = re.sub(r"[^A-Za-z0-9]", "", text)
    mixed = any(map(str.isdigit, code)) and any(map(str.isalpha, code))
    return mixed and (5 <= len(code) <= 8 or (len(code) == 4 and code.isupper()))
