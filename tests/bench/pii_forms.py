"""How a made-up value is written: the forms of a slot, and numbers that keep their own check digits."""

import random
import re
import string
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

Form = Callable[[random.Random], str]


class Half(NamedTuple):
    forms: dict[str, list[Form]]
    sentences: str  # a line a sentence; "\n" is a line break in the text


def pick(*templates: str) -> list[Form]:
    """Forms from templates: 0 is a digit, 9 one from 2 to 9, A a capital, a a small letter; the rest stays."""

    def fill(template: str, dice: random.Random) -> str:
        kinds = {"0": string.digits, "9": "23456789", "A": "ABCDEFGHJKLMNPRSTVWXYZ", "a": "abcdefghjkmnprstvwxyz"}
        return "".join(dice.choice(kinds.get(c, c)) for c in template)

    return [partial(fill, template) for template in templates]


def among(text: str) -> list[Form]:
    """One of some texts, parted by bars."""
    words = text.split("|")
    return [lambda dice: dice.choice(words)]


def spaced(number: Form, *layouts: str) -> list[Form]:
    """A number's symbols laid out: # takes the next one, everything else stays."""

    def lay(layout: str, dice: random.Random) -> str:
        symbols = iter(number(dice))
        return re.sub("#", lambda _: next(symbols, ""), layout)

    return [partial(lay, layout) for layout in layouts]


def ssn(dice: random.Random) -> str:
    area = dice.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03}{dice.randrange(1, 100):02}{dice.randrange(1, 10_000):04}"


def card(prefix: str, length: int) -> Form:
    def number(dice: random.Random) -> str:
        body = prefix + "".join(dice.choices(string.digits, k=length - len(prefix) - 1))
        for last in string.digits:  # by trial, as the definition of the checksum has it
            digits = [int(d) for d in body + last][::-1]
            if sum(digits[::2] + [sum(divmod(2 * d, 10)) for d in digits[1::2]]) % 10 == 0:
                return body + last
        raise AssertionError("one of ten digits fits")

    return number


def vin(*beginnings: str) -> Form:
    """A VIN on a real car's first eight characters; check digit by the table and weights of 49 CFR 565."""
    table = {c: int(c) for c in string.digits} | dict(zip("ABCDEFGH", range(1, 9), strict=True))
    table |= (
        dict(zip("JKLMN", range(1, 6), strict=True))
        | {"P": 7, "R": 9}
        | dict(zip("STUVWXYZ", range(2, 10), strict=True))
    )

    def number(dice: random.Random) -> str:
        year, plant = dice.choice("ABCDEFGHJKLMNPR"), dice.choice("ABCDEFGHJ")
        code = f"{dice.choice(beginnings)}0{year}{plant}{dice.randrange(10**6):06}"
        total = sum(
            table[c] * w for c, w in zip(code, (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2), strict=True)
        )
        return code[:8] + "0123456789X"[total % 11] + code[9:]

    return number


def phone(dice: random.Random) -> str:
    area = dice.choice((212, 305, 312, 407, 512, 614, 702, 813, 916, 971))
    return f"{area}{dice.choice('23456789')}{dice.randrange(10**6):06}"


def routing(dice: random.Random) -> str:
    body = [int(d) for d in f"{dice.choice(('0610', '0210', '1210', '2670'))}{dice.randrange(10**4):04}"]
    return "".join(map(str, body)) + str(-sum(d * w for d, w in zip(body, (3, 7, 1, 3, 7, 1, 3, 7), strict=True)) % 10)
