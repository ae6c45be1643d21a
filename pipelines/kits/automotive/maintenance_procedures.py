"""What a technician asks about trouble codes and live readings: looked up in a record, or known by heart."""

import random
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from pipelines.kits.automotive.records import obd, trouble_codes
from pipelines.kits.automotive.records.lookup import Field, Vehicle, make_lookup_row

KNOWN = ("P0113", "P0299", "P0335", "P0506")  # memorised; service_advisor learns others
CODES = 2  # of each entry of the guide
LOT = 3  # entries or readings that stand together in records, and on one side of a split
LISTS = 7  # of codes a lot and topic
NAME = 45  # letters at most: a longer name of a code is a chapter
SEED = 29

WORDINGS = {facet: trouble_codes.FACETS[f"code_{facet}"].wordings for facet in ("urgency", "cause", "check")}
FIELDS = {
    "severity": Field("urgency", "severity {}", "Severity: {}.", WORDINGS["urgency"]),
    "cause": Field("cause", "cause: {}", "Most likely cause: {}.", WORDINGS["cause"]),
    "check": Field("check", "check: {}", "Recommended check: {}.", WORDINGS["check"]),
}
SEVERITIES = ("stop", "soon", "monitor", "low")  # the most urgent first
TRIAGE = (
    "Which code needs attention first?",
    "Which of these is the most urgent?",
    "Where do we start?",
    "The car has all of these. Which one comes first?",
    "Rank them: which is number one?",
    "Which fault must not wait?",
    "Only one can be fixed today. Which one?",
    "Which of the stored codes is the most serious?",
)
NAMING = (
    "What is {} called?",
    "What does the scanner's list say about {}?",
    "What is the name of {}?",
    "Which fault does {} stand for?",
    "Read me the line for {}.",
    "What is the title of {}?",
    "I see {} in the list. What is it?",
    "Please name {}.",
)
READING = (
    "Which PID reads {}?",
    "Which reading do I open for {}?",
    "Where do I find {}?",
    "I want to watch {}. Which PID is it?",
    "What is the PID of {}?",
    "Which request returns {}?",
    "The scan tool needs a PID for {}. Which one?",
    "Please look up the PID for {}.",
)


def build() -> list[dict[str, Any]]:
    """Grounded rows about codes and readings, then knowledge. See service_advisor.build for the columns of a row."""
    rng = random.Random(SEED)
    guide, names = trouble_codes.guide(), obd.code_names()
    entries: dict[str, list[str]] = {}
    for code, guidance in guide.items():
        if code not in KNOWN:
            entries.setdefault(guidance["entry"], []).append(code)
    rows: list[dict[str, Any]] = []
    for lot in lots(list(entries), rng):
        codes = [code for entry in lot for code in rng.sample(entries[entry], min(CODES, len(entries[entry])))]
        rows += look_up(codes, guide, lot[0], rng)
        rows += triage([entries[entry] for entry in lot], guide, lot[0], rng)
        rows += naming([entries[entry] for entry in lot], names, lot[0], rng)
    readings = obd.readings()
    for lot in lots(list(readings), rng):
        rows += reading({pid: readings[pid] for pid in lot}, rng)
    rows += trouble_codes.rows(KNOWN)
    return list({(row["instruction"], row["input"]): row for row in rows}.values())


def lots(of: list[str], rng: random.Random) -> list[list[str]]:
    """Groups of codes or readings that stay on one side of the split."""
    rng.shuffle(of)
    return [of[i : i + LOT] for i in range(0, len(of) - LOT + 1, LOT)]


def look_up(
    codes: list[str], guide: dict[str, dict[str, str]], group: str, rng: random.Random
) -> Iterator[dict[str, Any]]:
    """Two rows per code; the record shows the field in question and one more."""
    for code in codes:
        record = Vehicle(trouble_codes.SOURCE, code, code, group, guide[code])
        for asked_field in rng.sample(list(FIELDS), 2):
            shown = [asked_field, rng.choice([column for column in FIELDS if column != asked_field])]
            rng.shuffle(shown)
            yield make_lookup_row(
                record, asked_field, shown, FIELDS, rng.choice(FIELDS[asked_field].questions).format(code)
            )


def triage(
    entries: list[list[str]], guide: dict[str, dict[str, str]], group: str, rng: random.Random
) -> Iterator[dict[str, Any]]:
    """Lists of codes with severities, one of them more urgent than all others."""
    for _ in range(LISTS):
        codes = [rng.choice(entry) for entry in rng.sample(entries, rng.randint(2, LOT))]
        rng.shuffle(codes)
        ranks = {code: SEVERITIES.index(guide[code]["severity"]) for code in codes}
        first = min(codes, key=lambda code: ranks[code])
        if list(ranks.values()).count(ranks[first]) == 1:
            severity = guide[first]["severity"]
            yield {
                "instruction": rng.choice(TRIAGE),
                "input": " | ".join(f"{code} severity {guide[code]['severity']}" for code in codes),
                "output": f"{first} comes first: its severity is {severity}.",
                "topic": "triage",
                "source": trouble_codes.SOURCE,
                "key": ",".join(codes),
                "kind": "grounded",
                "facts": {"first": first, "severity": severity},
                "group": group,
            }


def naming(entries: list[list[str]], names: dict[str, str], group: str, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Lists of codes with their names, of which one is asked for."""
    for _ in range(LISTS):
        short = [[code for code in entry if len(names.get(code, "-" * 99)) <= NAME] for entry in entries]
        codes = [rng.choice(entry) for entry in short if entry]
        rng.shuffle(codes)
        if len(codes) > 1:
            asked_field = rng.choice(codes)
            yield {
                "instruction": rng.choice(NAMING).format(asked_field),
                "input": " | ".join(f"{code} {names[code]}" for code in codes),
                "output": f"{asked_field} is called {names[asked_field]}.",
                "topic": "code_name",
                "source": "obd:codes.DTC",
                "key": asked_field,
                "kind": "grounded",
                "facts": {"name": names[asked_field]},
                "group": group,
            }


def reading(reading_names: dict[str, str], rng: random.Random) -> Iterator[dict[str, Any]]:
    """A list of PIDs, each asked for."""
    for asked_field, name in reading_names.items():
        listed = rng.sample(list(reading_names), len(reading_names))
        yield {
            "instruction": rng.choice(READING).format(f'"{name}"'),
            "input": " | ".join(f"{pid} {reading_names[pid]}" for pid in listed),
            "output": f"PID {asked_field} reads {name}.",
            "topic": "reading",
            "source": "obd:commands.__mode1__",
            "key": asked_field,
            "kind": "grounded",
            "facts": {"pid": asked_field},
            "group": f"PID {min(reading_names)}",
        }


def sources() -> dict[str, str]:
    """The packages that the records come from, and their installed versions."""
    return {package: version(package) for package in ("elm327obd", "obd")}
