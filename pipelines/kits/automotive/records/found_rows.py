"""Questions about vehicles without a record, each over the passages that a search finds: the right one, and others."""

import random
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

from pipelines.kits.automotive.knowledge import vehicle_build
from pipelines.kits.automotive.records import epa, vpic, vpic_fields
from pipelines.kits.automotive.records.decline_rows import decline
from pipelines.kits.automotive.records.epa_wordings import BUILD_TERMS, WORDINGS
from pipelines.kits.automotive.records.lookup import Vehicle
from pipelines.kits.automotive.records.not_recorded import NOT_RECORDED
from pipelines.kits.automotive.records.pasted_rows import answer
from pipelines.kits.automotive.records.phrasing import Wording, ask
from pipelines.kits.automotive.records.vehicle_lots import group_of
from pipelines.kits.automotive.records.vehicle_names import TELLING_APART, name_one, names_of, said_with
from pipelines.kits.automotive.records.vehicle_passages import find_by

Row = dict[str, Any]


def found_record(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """A question without a record, and the passages that were found for it: the right one, and others."""
    vehicle = rng.choice(lot)
    others = [v for v in lot if v is not vehicle]
    same = [v for v in others if v.name == vehicle.name]
    rest = [v for v in others if v.name != vehicle.name]
    column, names = rng.choice(list(vehicle.values)), names_of(vehicle, with_year=True)
    shown = [vehicle, *rng.sample(rest, min(len(rest), rng.choice((0, 0, 0, 1))))]
    apart = find_difference(vehicle, same, rng)
    if apart:
        twin, difference, column = apart
        names = [f"{name} {said_with(difference, vehicle.values[difference], rng)}" for name in names]
        shown = [vehicle, twin]
    passages = [whole_record(v) for v in shown]
    built = build_records().get(find_key(vehicle), [])
    if built and rng.random() < 0.6:
        passages.insert(rng.choice((0, 0, 1)), rng.choice(built))
    if rng.random() < 0.4:
        rng.shuffle(passages)
    question = name_one(ask(WORDINGS[column], names, rng), names, None, rng)
    row = answer([column], vehicle, lot, question, [], rng)
    return row | {
        "input": "\n".join(passages[:3] if whole_record(vehicle) in passages[:3] else passages),
        "kind": "knowledge",
    }


def not_found(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """Passages that do not answer: of another model or year than the question names, or without that field."""
    vehicle = rng.choice(lot)
    others = [v for v in lot if v.name != vehicle.name]
    names = names_of(vehicle, with_year=True)
    built = build_records().get(find_key(vehicle), [])
    case = rng.random()
    if case < 0.4 and others:
        wording = WORDINGS[rng.choice(list(vehicle.values))]
        shown = [whole_record(v) for v in rng.sample(others, min(len(others), rng.choice((1, 1, 2))))]
    elif case < 0.6 and built:  # only what the other record does not say
        wording, shown = WORDINGS[rng.choice(list(vehicle.values))], [rng.choice(built)]
    else:
        wording = NOT_RECORDED
        shown = [whole_record(v) for v in (vehicle, *rng.sample(others, min(len(others), rng.choice((0, 1)))))]
    question = name_one(ask(wording, names, rng), names, None, rng)
    return decline("vehicle", question, "\n".join(shown), vehicle.source, vehicle.key, group_of(lot), "knowledge")


def built(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """A question that the passage on a vehicle's build answers, beside that on its engine."""
    choices = [v for v in lot if v.group in vehicles_built()]
    if not choices:
        return found_record(lot, rng)
    vehicle = rng.choice(choices)
    records = vehicles_built()[vehicle.group]
    record = rng.choice(records)
    column = rng.choice(list(record.values))
    names = names_of(record, with_year=True)
    question = name_one(
        ask(Wording(BUILD_TERMS[column], vpic_fields.FIELDS[column].questions), names, rng), names, None, rng
    )
    passages = [" | ".join([record.name, *(vpic_fields.FIELDS[c].shown.format(v) for c, v in record.values.items())])]
    passages += [whole_record(v) for v in lot if v.group == vehicle.group][: rng.choice((0, 1, 1, 2))]
    if rng.random() < 0.4:
        rng.shuffle(passages)
    return {
        "instruction": question,
        "input": "\n".join(passages),
        "output": vpic_fields.FIELDS[column].answer.format(record.values[column]),
        "topic": "build",
        "source": record.source,
        "key": record.key,
        "kind": "knowledge",
        "facts": {column: record.values[column]},
        "group": group_of(lot),
    }


@cache
def build_records() -> dict[str, list[str]]:
    """Key of a vehicle → what is known of its build, as passages."""
    records: dict[str, list[str]] = defaultdict(list)
    for passage in vehicle_build.passages():
        records[passage.keys[0]].append(passage.text)
    return records


@cache
def vehicles_built() -> dict[str, list[Vehicle]]:
    """Family → its vehicles of which the build is known."""
    records: dict[str, list[Vehicle]] = defaultdict(list)
    for vehicle in vpic.vehicles():
        records[vehicle.group].append(vehicle)
    return records


def find_key(vehicle: Vehicle) -> str:
    """The key by which a vehicle is found."""
    return find_by(vehicle.name[:4], vehicle.group)


def find_difference(vehicle: Vehicle, same: Sequence[Vehicle], rng: random.Random) -> tuple[Vehicle, str, str] | None:
    """A namesake, a column that tells it apart, and another one to ask for; None if there is none, and now and then."""
    if not same or rng.random() < 0.4:
        return None
    twin = rng.choice(same)
    different = [c for c in TELLING_APART if c in vehicle.values and vehicle.values[c] != twin.values.get(c)]
    columns = [c for c in vehicle.values if c not in different]
    return (twin, rng.choice(different), rng.choice(columns)) if different and columns else None


def whole_record(vehicle: Vehicle) -> str:
    """The record as a passage of the knowledge base shows it."""
    return " | ".join([vehicle.name, *(epa.FIELDS[c].shown.format(value) for c, value in vehicle.values.items())])
