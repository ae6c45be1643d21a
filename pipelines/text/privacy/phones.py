"""Telephone numbers of the world, by libphonenumber (the package phonenumbers)."""

import re

# Countries whose numbers are written without a country code in texts that say so: "ring me on 020 7946 0958".
COUNTRIES = ("GB", "IE", "DE", "FR", "ES", "IT", "NL", "AU", "NZ", "MX", "IN", "BR")


def is_international(text: str) -> bool:
    """Whether a number with a country code has as many digits as numbers of that country have."""
    import phonenumbers

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(re.sub(r"^00", "+", text), None))
    except phonenumbers.NumberParseException:
        return False


def is_national(text: str) -> bool:
    """Whether it has as many digits as the numbers of one of COUNTRIES."""
    import phonenumbers

    for country in COUNTRIES:
        try:
            if phonenumbers.is_possible_number(phonenumbers.parse(text, country)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
