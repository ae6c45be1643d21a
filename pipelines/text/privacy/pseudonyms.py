"""Pseudonyms of personal data: under one key equal values have equal pseudonyms, which cannot be reversed.

A pseudonym is drawn from an HMAC-SHA256 of the value, so that trying all phone numbers is useless without the key. It
keeps what the text needs (layout, case, check digit, make of car) and, if the number plan reserves numbers for that,
belongs to nobody: SSN areas 9xx, telephone numbers 555-01xx, example.com. Different values may share a pseudonym.
"""

import hmac
import random
import re
import secrets
from collections.abc import Callable
from functools import cache

from stdnum import luhn

from pipelines.core.files import atomic_write, file_lock
from pipelines.core.settings import settings
from pipelines.text.privacy.check_digits import extract_digits, vin_check_digit
from pipelines.text.privacy.name_model import load_model, make_key
from pipelines.text.privacy.names import WORDS
from pipelines.text.privacy.words import PARTICLES, SUFFIXES

LETTERS, DIGITS = "ABCDEFGHJKLMNPRSTUVWXYZ", "0123456789"
ROADS = ("Street", "Avenue", "Road", "Lane", "Drive", "Court")


def derive_key(scope: str) -> bytes:
    """The key of a dataset or log, 32 bytes, derived from a secret that is generated once in `settings().secrets`.

    Args:
        scope: values have the same pseudonym within a scope; data of two scopes cannot be joined on pseudonyms.
    """
    path = settings().secrets / "privacy"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file_lock(settings().home / ".privacy-key.lock", "generating the key of the pseudonyms"):
            if not path.exists():
                with atomic_write(path) as temporary:
                    temporary.touch(mode=0o600)
                    temporary.write_text(secrets.token_urlsafe(32))
    return hmac.digest(settings().secret("privacy").encode(), scope.encode(), "sha256")


def make_pseudonym(entity: str, value: str, key: bytes) -> str:
    """The pseudonym of a value, whatever its spacing, punctuation and case."""
    if entity == "name":  # word by word, so that "Jane Doe" and "Ms. Doe" stay one person
        return re.sub(WORDS, lambda word: replace_name_word(word.group(), key), value)
    normal = re.sub(r"[\W_]", "", value).lower()
    return MAKERS[entity](value, seeded_random(entity, normal.removeprefix("1") if entity == "phone" else normal, key))


def seeded_random(entity: str, value: str, key: bytes) -> random.Random:
    """A random generator that the value and the key determine."""
    return random.Random(hmac.digest(key, f"{entity}\0{value}".encode(), "sha256"))


@cache
def sorted_names(last: bool, size: int) -> list[str]:
    """Frequent first or last names of a class of lengths, sorted: none is also a word or part of a vehicle's name."""
    lists, _ = load_model()
    ranked = lists.last if last else lists.first
    return sorted(
        name
        for name, rank in ranked.items()
        if rank > 1 and length_class(name) == size and name not in lists.common and name not in lists.domain
    )


def length_class(word: str) -> int:
    """0 for a word of up to 4 letters, 1 for one of up to 7, 2 for a longer one."""
    return (len(word) > 4) + (len(word) > 7)


def replace_name_word(word: str, key: bytes) -> str:
    """Another first or last name of about the same length, in the same case; an initial becomes another one.

    Each part of a double name is replaced; particles ("de la") and "Jr." stay.
    """
    low = make_key(word, "word")
    if low in PARTICLES or low in SUFFIXES:
        return word
    draw = seeded_random("name", low, key)
    if len(word) == 1:
        new = draw.choice(LETTERS)
    else:
        new = draw.choice(sorted_names(low not in load_model()[0].first, length_class(word)))
    return new.upper() if word.isupper() else new.title() if word[0].isupper() else new.lower()


def fill_layout(layout: str, symbols: str) -> str:
    """Replace the letters and digits of `layout` by `symbols`, in order."""
    queue = iter(symbols)
    return "".join(next(queue) if c.isalnum() else c for c in layout)


def random_like(value: str, draw: random.Random) -> str:
    """A random digit for each digit, a random letter of the same case for each letter."""

    def other(c: str) -> str:
        return draw.choice(DIGITS) if c.isdigit() else draw.choice(LETTERS.lower() if c.islower() else LETTERS)

    return "".join(other(c) if c.isalnum() else c for c in value)


def make_ssn(value: str, draw: random.Random) -> str:
    """A number in area 9xx with a group below 50, which is neither an SSN nor an ITIN."""
    return fill_layout(value, f"9{draw.randrange(100):02}{draw.randrange(1, 50):02}{draw.randrange(1, 10_000):04}")


def make_card(value: str, draw: random.Random) -> str:
    """A card of the same network with a valid check digit."""
    digits = extract_digits(value)
    body = digits[:2] + "0000" + "".join(draw.choices(DIGITS, k=len(digits) - 7))
    return fill_layout(value, body + luhn.calc_check_digit(body))


def make_phone(value: str, draw: random.Random) -> str:
    """A number 555-01xx in the same layout; of a number outside North America only two digits stay."""
    digits = extract_digits(value)
    if value.lstrip("( ").startswith("+") and digits[0] != "1":
        new = digits[:2]
    else:
        country = "1" if digits[0] == "1" else ""
        area = str(draw.randrange(201, 990)) if len(digits) >= 10 else ""
        new = f"{country}{area}55501{draw.randrange(100):02}"
    new += "".join(draw.choices(DIGITS, k=len(digits)))
    queue = iter(new)
    return re.sub(r"\d", lambda _: next(queue), value)


def make_vin(value: str, draw: random.Random) -> str:
    """Another car of the same make, model, year and plant: a new serial number and its check digit."""
    old = re.sub(r"[^A-Za-z0-9]", "", value).upper().translate(str.maketrans("IOQ", "100"))
    new = old[:8] + "0" + old[9:11] + f"{draw.randrange(10**6):06}"
    new = new[:8] + vin_check_digit(new) + new[9:]
    return fill_layout(value, new.lower() if value.islower() else new)


def make_birth_date(value: str, draw: random.Random) -> str:
    """A date between 1940 and 2004, as MM/DD/YYYY."""
    return f"{draw.randrange(1, 13):02}/{draw.randrange(1, 29):02}/{draw.randrange(1940, 2005)}"


def make_income(value: str, draw: random.Random) -> str:
    """A random digit for each digit but 0, so that a round amount stays round."""
    return re.sub(r"[1-9]", lambda _: str(draw.randrange(1, 10)), value)


def pick_surname(draw: random.Random) -> str:
    """A last name."""
    return draw.choice(sorted_names(True, 1)).title()


def make_email(value: str, draw: random.Random) -> str:
    """An address at example.com."""
    return f"{draw.choice(sorted_names(False, 1))}.{pick_surname(draw).lower()}{draw.randrange(100)}@example.com"


MAKERS: dict[str, Callable[[str, random.Random], str]] = {
    "ssn": make_ssn,
    "card": make_card,
    "account": random_like,
    "licence": random_like,
    "plate": random_like,
    "birth_date": make_birth_date,
    "income": make_income,
    "employer": lambda _, draw: f"{pick_surname(draw)} {draw.choice(('Company', 'Group', 'Industries', 'Services'))}",
    "address": lambda _, draw: f"{draw.randrange(100, 9999)} {pick_surname(draw)} {draw.choice(ROADS)}",
    "email": make_email,
    "phone": make_phone,
    "vin": make_vin,
}
