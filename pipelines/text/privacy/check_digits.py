"""Check digits and number plans: whether a string of the right shape can be the thing at all."""

import re

LETTERS = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
NETWORKS = re.compile(  # leading digits of the payment networks' cards
    r"4|5[0-8]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(?:0[0-5]|[689])|35(?:2[89]|[3-8])|6(?:011|4[4-9]|5|2|[37])"
)


def extract_digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def vin_check_digit(vin: str) -> str:
    """The ninth character that the other sixteen ask for (49 CFR 565.15)."""
    total = sum(weight * (int(c) if c.isdigit() else LETTERS[c]) for c, weight in zip(vin, WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def is_vin(text: str) -> bool:
    """A North American VIN: check digit, a model year that exists, letters, and a serial that ends in four digits."""
    code = re.sub(r"[^A-Za-z0-9]", "", text).upper()
    if len(code) != 17:  # not all of it was ASCII
        return False
    shaped = code[9] not in "UZ0" and code[-4:].isdigit() and not code.isdigit()
    return shaped and len(set(code)) > 4 and vin_check_digit(code) == code[8]


def luhn_check_digit(body: str) -> str:
    """The last digit of a payment card whose other digits are `body` (ISO/IEC 7812-1)."""
    doubled = (divmod(2 * int(d), 10) for d in body[-1::-2])
    return str(-(sum(map(sum, doubled)) + sum(map(int, body[-2::-2]))) % 10)


def is_account_number(text: str) -> bool:
    return 6 <= len(extract_digits(text)) <= 17


def is_card_number(text: str) -> bool:
    digits = extract_digits(text)
    return bool(NETWORKS.match(digits)) and len(set(digits)) > 1 and luhn_check_digit(digits[:-1]) == digits[-1]


def is_ssn_or_itin(text: str) -> bool:
    """A number that the SSA may have issued, or an ITIN (areas 900-999, groups 50 and up); no group is all zeros."""
    digits = extract_digits(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    issued = area not in ("000", "666") and (area < "900" or group >= "50")
    return issued and group != "00" and serial != "0000" and len(set(digits)) > 1


def is_plate(text: str) -> bool:
    """Five to eight letters and digits, at least one of each; or four, if they are capitals."""
    code = re.sub(r"[^A-Za-z0-9]", "", text)
    mixed = any(map(str.isdigit, code)) and any(map(str.isalpha, code))
    return mixed and (5 <= len(code) <= 8 or (len(code) == 4 and code.isupper()))
