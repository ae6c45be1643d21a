"""What a schedule may say: a cron expression that has a next start, and a time zone that exists; with the nearest right
value where one does not."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from pydantic_core import PydanticCustomError

from pipelines.core.errors import did_you_mean

# Airflow's own names, and what stands for them.
PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
# What people in America call their time zones, which is no name, or does not follow daylight saving.
ABBREVIATIONS = {
    "et": "America/New_York",
    "edt": "America/New_York",
    "ct": "America/Chicago",
    "cst": "America/Chicago",
    "cdt": "America/Chicago",
    "mt": "America/Denver",
    "mdt": "America/Denver",
    "pt": "America/Los_Angeles",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
}
OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*(\d{1,2})(?::?00)?", re.IGNORECASE)
DEFAULT_CRON = "0 2 * * *"
FIELDS = {  # of a cron expression, in its order: lowest and highest value
    "minute": (0, 59),
    "hour": (0, 23),
    "day of the month": (1, 31),
    "month": (1, 12),
    "day of the week": (0, 7),
}


def check_timezone(name: str) -> str:
    """The name of a time zone of the IANA database.

    Raises:
        PydanticCustomError: there is none of this name; names the nearest.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder, as America
        zone = ABBREVIATIONS.get(name.casefold(), name.replace(" ", "_"))
        hint = offset_hint(name) or did_you_mean(zone, sorted(available_timezones()))
        raise PydanticCustomError("timezone", "must be a time zone of the IANA database", {"hint": hint}) from None
    return name


def offset_hint(name: str) -> str:
    """The zone of a fixed distance from UTC, such as UTC+2, whose name has the other sign; empty if it is none."""
    if not (offset := OFFSET.fullmatch(name.strip())):
        return ""
    zone = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
    if zone not in available_timezones():
        return ""
    return f"; did you mean '{zone}', which is UTC{offset[1]}{int(offset[2])} all year? A city's zone has summer time"


def check_cron(expression: str) -> str:
    """A cron expression of five fields, or one of `PRESETS`, which has a next start.

    Raises:
        PydanticCustomError: what is wrong with it, and the nearest expression that is right.
    """
    if fault := cron_fault(expression):
        nearest = next(candidate for candidate in corrections(expression) if not cron_fault(candidate))
        hint = f"; did you mean '{nearest}'?"
        raise PydanticCustomError("cron", "must be a cron expression ({fault})", {"fault": fault, "hint": hint})
    return expression


def cron_fault(expression: str) -> str:
    """What is wrong with a cron expression; empty if nothing is."""
    from croniter import CroniterError, croniter

    parts = PRESETS.get(expression, expression).split()
    if len(parts) != len(FIELDS):
        return f"five fields: {', '.join(FIELDS)}; or one of {', '.join(PRESETS)}"
    try:
        croniter(" ".join(parts), datetime.now(UTC)).get_next()
    except CroniterError as error:
        return str(error)
    except (ValueError, KeyError, OverflowError, ArithmeticError) as error:
        return str(error) or type(error).__name__
    return ""


def corrections(expression: str) -> Iterator[str]:
    """Cron expressions like one that is wrong, the likeliest first; not all of them are right."""
    words = expression.split()
    if clock := re.fullmatch(r"(\d{1,2}):(\d{2})(?::\d{2})?", expression.strip()):
        yield f"{int(clock[2])} {int(clock[1])} * * *"
    if expression.startswith("@"):
        suggestion = re.search("'(.+)'", did_you_mean(expression, PRESETS))
        yield suggestion[1] if suggestion else "@daily"
    if len(words) == len(FIELDS) + 1:
        yield " ".join(words[1:])  # with seconds, as Quartz and Spring write it
    if len(words) >= 2:
        padded = [*words, *"*****"][: len(FIELDS)]
        yield " ".join(padded)
        yield " ".join(nearest_field(word, *limits) for word, limits in zip(padded, FIELDS.values(), strict=True))
    yield DEFAULT_CRON


def nearest_field(word: str, lowest: int, highest: int) -> str:
    """A field with its numbers moved between the limits, and what is neither a number nor a sign of cron left out."""
    if not re.fullmatch(r"[\d*/,\-]+", word):
        return word[:3].lower() if word[:3].isalpha() else "*"
    start, slash, step = word.partition("/")
    moved = re.sub(r"\d+", lambda number: str(min(max(int(number[0]), lowest), highest)), start)
    return moved + slash + step
