"""Telephone numbers of the world, by libphonenumber (the package phonenumbers)."""

import re

# Countries whose numbers are written without a country code in texts that say so: "ring me on 020 7946 0958".
COUNTRIES = (
    *("GB", "AT", "CH", "IE", "DE", "FR", "BE", "NL", "ES", "PT", "IT", "PL", "SE", "NO", "DK", "FI", "CZ"),
    *("AU", "NZ", "ZA", "MX", "IN", "BR"),
)

# Those whose numbers of ten or eleven digits may begin with another digit than 0.
WITHOUT_ZERO = ("IN", "IT", "MX", "BR")


def is_international(text: str) -> bool:
    """Whether a number with a country code has as many digits as numbers of that country have."""
    import phonenumbers

    try:
        number = re.sub(r"^00", "+", text)
        number = re.sub(r"^\+52\D*1(?=\D)", "+52", number)  # Mexico's prefix of mobile numbers, withdrawn in 2019
        return phonenumbers.is_possible_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def is_national(text: str) -> bool:
    """Whether it has as many digits as the numbers of one of COUNTRIES."""
    import phonenumbers

    digits = re.sub(r"\D", "", text)
    for country in COUNTRIES:
        try:
            if phonenumbers.is_possible_number(phonenumbers.parse(digits, country)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def is_valid_abroad(text: str) -> bool:
    """Whether it is a number of one of WITHOUT_ZERO, by its area code or prefix too: 98765 43210, 333 123 4567."""
    import phonenumbers

    digits = re.sub(r"\D", "", text)
    if digits[0] > "1" and digits[3] > "1" and len(digits) == 10:
        return False  # of North America: other patterns find it
    return any(phonenumbers.is_valid_number(phonenumbers.parse(digits, country)) for country in WITHOUT_ZERO)
