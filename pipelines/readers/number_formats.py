"""The text that Excel shows for a cell: its value in its number format (ECMA-376, part 1, 18.8.31).

A cell that shows 004152 holds the number 4152, and one that shows 35% holds 0.35: whoever exports a sheet means what it
shows. Dates in the format of the reader's own region, which each Excel shows otherwise, are written as ISO 8601.
"""

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

REGIONAL = {"mm-dd-yy": "yyyy-mm-dd", "m/d/yy h:mm": "yyyy-mm-dd h:mm"}  # the built-in formats 14 and 22
TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<condition>[<>=]+-?[\d.]+)\]|\[[^\]]*\]"
    r"|(?P<half>AM/PM|A/P)|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?|(?<=[hmsHMS\]])\.0+)|(?P<exponent>E[+-]0+)"
    r"|(?P<general>General)|(?P<placeholder>[0#?])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Tokens = list[tuple[str, str]]  # kind (a group of TOKEN), text


def format_value(value: Any, number_format: str) -> str:
    """A cell's value as Excel shows it.

    Args:
        value: as openpyxl gives it: str, int, float, bool, datetime, date, time or timedelta.
        number_format: of the cell; General shows a number by its digits.
    """
    if isinstance(value, bool):
        return str(value).upper()
    sections = split_sections(REGIONAL.get(number_format, number_format) or "General")
    if isinstance(value, datetime | date | time | timedelta):
        return format_date(value, sections[0])
    if isinstance(value, int | float):
        return format_number(value, sections)
    text = str(value)
    if len(sections) == 4 or ("other", "@") in sections[-1]:
        return "".join(text if token == ("other", "@") else literal(token) for token in sections[-1]).strip()
    return text


@lru_cache(maxsize=1000)
def split_sections(number_format: str) -> list[Tokens]:
    """The sections of a format (positive; negative; zero; text) as tokens."""
    sections: list[Tokens] = [[]]
    for match in TOKEN.finditer(number_format):
        kind, text = match.lastgroup or "", match[match.lastgroup or 0]
        if kind == "other" and text == ";":
            sections.append([])
        elif kind:
            sections[-1].append((kind, text))
    return sections


def literal(token: tuple[str, str]) -> str:
    """What a token shows that is no part of a value."""
    kind, text = token
    return text if kind in ("quoted", "escaped", "currency", "other", "date") else ""


# ---- numbers


def format_number(value: float, sections: list[Tokens]) -> str:
    """A number in the section that is for it."""
    tokens, own_sign = choose_section(value, sections)
    kinds = [kind for kind, _ in tokens]
    if "placeholder" not in kinds:
        if "general" in kinds or ("other", "@") in tokens or (not tokens and len(sections) == 1):
            shown = "".join(show_general(value) if k == "general" or t == "@" else literal((k, t)) for k, t in tokens)
            return shown.strip() or show_general(value)
        return "".join(map(literal, tokens)).strip()
    number = Decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite():
        return "#NUM!"
    sign = "-" if number < 0 and not own_sign else ""
    number = abs(number)
    number *= 100 ** sum(token == ("other", "%") for token in tokens)
    if ("other", "/") in tokens:
        return sign + show_fraction(number, tokens)
    shown = show_exponent(number, tokens) if "exponent" in kinds else fill_placeholders(number, tokens)
    return (sign if re.search("[1-9]", shown) else "") + shown.strip()


def choose_section(value: float, sections: list[Tokens]) -> tuple[Tokens, bool]:
    """The section for a number, and whether it shows the sign itself."""
    for number, section in enumerate(sections):
        for kind, text in section:
            if kind == "condition":
                operator, limit = re.match(r"([<>=]+)(.+)", text).groups()  # type: ignore[union-attr]
                right = float(limit)
                holds = {"<": value < right, ">": value > right, "<=": value <= right, ">=": value >= right}
                if holds.get(operator, value == right if operator == "=" else value != right):
                    return section, False
                if number + 1 < len(sections):
                    break
    if any(kind == "condition" for section in sections for kind, _ in section):
        return sections[-1], False
    if value < 0 and len(sections) > 1:
        return sections[1], True
    return sections[2 if value == 0 and len(sections) > 2 else 0], False


def show_general(value: float) -> str:
    """A number as the format General shows it; all digits of a long one, which Excel shortens to fit a column."""
    if isinstance(value, int) or value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else f"{value:.15g}"
    return f"{value:.10g}" if 1e-4 <= abs(value) < 1e10 else f"{value:.15g}"


def fill_placeholders(number: Decimal, tokens: Tokens) -> str:
    """Put the digits of a number into the placeholders 0, # and ? of a format, from the decimal point outwards."""
    places = [at for at, (kind, _) in enumerate(tokens) if kind == "placeholder"]
    point = next((at for at, token in enumerate(tokens) if token == ("other", ".") and at < places[-1]), None)
    point = next((at for at, token in enumerate(tokens) if token == ("other", ".")), None) if point is None else point
    whole_places = [at for at in places if point is None or at < point]
    decimals = [at for at in places if point is not None and at > point]
    last = (whole_places or [-1])[-1]
    scaling = set()  # commas behind the placeholders: each divides by a thousand
    for at in {last, places[-1]} - {-1}:
        while at + 1 < len(tokens) and tokens[at + 1] == ("other", ","):
            at += 1
            scaling.add(at)
    grouped = any(token == ("other", ",") for token in tokens[(whole_places or [0])[0] : last + 1])
    rounded = (number / 1000 ** len(scaling)).quantize(Decimal(1).scaleb(-len(decimals)), ROUND_HALF_UP)
    integer, _, fraction = f"{rounded:f}".partition(".")
    shown = dict.fromkeys(places, "")
    digits = "" if integer == "0" else integer
    least = sum(tokens[at][1] == "0" for at in whole_places)
    digits = digits.zfill(least)
    if grouped:
        digits = f"{int(digits or 0):,}" if digits else ""
        if whole_places:
            shown[whole_places[-1]] = digits
    else:
        for at in reversed(whole_places[1:]):
            digits, shown[at] = digits[:-1], digits[-1:]
        if whole_places:
            shown[whole_places[0]] = digits
    kept = len(fraction)
    while kept and fraction[kept - 1] == "0" and tokens[decimals[kept - 1]][1] != "0":
        kept -= 1
    for at, digit in zip(decimals, fraction[:kept], strict=False):
        shown[at] = digit
    out = []
    for at, token in enumerate(tokens):
        if at in shown:
            out.append(shown[at])
        elif at in scaling or (token == ("other", ",") and whole_places and whole_places[0] < at < last):
            continue
        else:
            out.append(literal(token))
    return "".join(out)


def show_exponent(number: Decimal, tokens: Tokens) -> str:
    """A number in scientific notation."""
    at = next(index for index, (kind, _) in enumerate(tokens) if kind == "exponent")
    exponent = number.adjusted() if number else 0
    digits = len(tokens[at][1]) - 2
    mark = "-" if exponent < 0 else "+" if tokens[at][1][1] == "+" else ""
    mantissa = fill_placeholders(number.scaleb(-exponent), tokens[:at])
    return f"{mantissa}E{mark}{abs(exponent):0{digits}d}"


def show_fraction(number: Decimal, tokens: Tokens) -> str:
    """A number as an integer and a fraction, such as 7 3/8; a format may name the denominator, such as # ?/32."""
    at = tokens.index(("other", "/"))
    after = "".join(text for _, text in tokens[at + 1 :])
    before = "".join(text for _, text in tokens[:at])
    fixed = re.match(r"\d*[1-9]\d*", after)
    integer = int(number) if re.search(r"[0#?]\s+[0#?]", before) else 0
    part = Fraction(number - integer)
    if fixed:
        over, under = round(part * int(fixed[0])), int(fixed[0])
    else:
        near = part.limit_denominator(10 ** max(1, len(re.findall(r"[0#?]", after))) - 1)
        over, under = near.numerator, near.denominator
    if over == under:
        integer, over = integer + 1, 0
    if not over:
        return str(integer)
    return f"{integer} {over}/{under}" if integer else f"{over}/{under}"


# ---- dates and times


def format_date(value: datetime | date | time | timedelta, tokens: Tokens) -> str:
    """A date, time or duration in a format."""
    if not any(kind in ("date", "elapsed") for kind, _ in tokens):
        return value.isoformat(*" " * isinstance(value, datetime)) if not isinstance(value, timedelta) else str(value)
    halves = any(kind == "half" for kind, _ in tokens)
    out = []
    for at, (kind, text) in enumerate(tokens):
        if kind == "date":
            out.append(date_part(value, text.lower(), is_minutes(tokens, at), halves))
        elif kind == "elapsed":
            seconds = total_seconds(value)
            unit = {"h": 3600, "m": 60, "s": 1}[text[0].lower()]
            out.append(f"{int(seconds // unit):0{len(text)}d}")
        elif kind == "half":
            half = "PM" if clock(value).hour >= 12 else "AM"
            out.append(half if len(text) > 3 else half[0])
        else:
            out.append(literal((kind, text)) if text != "@" else "")
    return "".join(out).strip()


def date_part(value: Any, part: str, minutes: bool, halves: bool) -> str:
    """One token of a date's format, in lower case."""
    moment, width = clock(value), len(part)
    if part.startswith("y"):
        return f"{moment.year:04d}" if width > 2 else f"{moment.year % 100:02d}"
    if part.startswith("d"):
        name = DAYS[moment.weekday()]
        return name if width > 3 else name[:3] if width == 3 else f"{moment.day:0{width}d}"
    if part.startswith("h"):
        return f"{(moment.hour - 1) % 12 + 1 if halves else moment.hour:0{width}d}"
    if part.startswith("m") and not minutes:
        name = MONTHS[moment.month - 1]
        return {3: name[:3], 4: name, 5: name[0]}.get(width, f"{moment.month:0{min(width, 2)}d}")
    if part.startswith("m"):
        return f"{moment.minute:0{min(width, 2)}d}"
    seconds, point, fraction = part.partition(".")
    micros = f"{moment.microsecond:06d}"[: len(fraction)]
    return (f"{moment.second:0{min(len(seconds), 2)}d}" if seconds else "") + point + micros


def is_minutes(tokens: Tokens, at: int) -> bool:
    """Whether an m is of minutes: it stands after hours or before seconds."""
    parts = [(index, text.lower()) for index, (kind, text) in enumerate(tokens) if kind in ("date", "elapsed")]
    number = [index for index, _ in parts].index(at)
    before = parts[number - 1][1] if number else ""
    after = parts[number + 1][1] if number + 1 < len(parts) else ""
    return parts[number][1].startswith("m") and (before.startswith("h") or after.startswith("s"))


def clock(value: datetime | date | time | timedelta) -> datetime:
    """A date, time or duration as a moment."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, timedelta):
        return datetime(1900, 1, 1) + value % timedelta(days=1)
    return datetime.combine(date(1900, 1, 1), value) if isinstance(value, time) else datetime.combine(value, time())


def total_seconds(value: datetime | date | time | timedelta) -> float:
    """The seconds of a duration; of a moment, those since Excel's day zero."""
    if isinstance(value, timedelta):
        return round(value.total_seconds())
    epoch = datetime(1900, 1, 1) if isinstance(value, time) else datetime(1899, 12, 30)
    return round((clock(value) - epoch).total_seconds())
