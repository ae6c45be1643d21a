"""Questions about vehicles' records, as people ask them: over a record of their own, and over passages that were found.

Vehicles that stand in one row, as the one asked about and as its neighbours, are of one lot, and a lot is a group: no
split parts it.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pipelines.kits.automotive.knowledge import vehicle_build
from pipelines.kits.automotive.records import epa, layouts, vpic, vpic_fields
from pipelines.kits.automotive.records.declines import decline
from pipelines.kits.automotive.records.epa_wordings import BUILD_TERMS, LABELS, NOT_RECORDED, WORDINGS
from pipelines.kits.automotive.records.layouts import PastedRecord
from pipelines.kits.automotive.records.lookup import Vehicle
from pipelines.kits.automotive.records.phrasing import Wording, ask, roughen
from pipelines.kits.automotive.records.vehicle_passages import find_by
from pipelines.text.own_records import find_pasted_records

Row = dict[str, Any]
SEED = 17
LOT = 2  # families of vehicles
SAID_SHORT = {  # what people write for a value
    "front-wheel": ("FWD", "fwd", "front wheel"),
    "rear-wheel": ("RWD", "rwd", "rear wheel"),
    "all-wheel": ("AWD", "awd", "all wheel"),
    "four-wheel": ("4WD", "4x4", "four wheel"),
    "continuously variable": ("CVT", "cvt"),
    "automatic": ("auto",),
    "turbocharged": ("turbo",),
}
TELLING_APART = ("engine_displacement", "no_cylinders", "drive_desc", "transmission_desc", "air_aspir_method_desc")
TOLD_APART = {  # a vehicle by one of its values
    "engine_displacement": ("the {} one", "the {} liter", "the {} {family}", "the {family} with the {}", "the {} L {family}"),
    "no_cylinders": ("the {} cylinder one", "the {} cyl {family}", "the {family} with {} cylinders", "the {} cylinder"),
    "drive_desc": ("the {} drive one", "the {} drive {family}", "the {family} with {} drive"),
    "transmission_desc": ("the {} one", "the {family} with the {} transmission", "the {} {family}", "the {}"),
    "air_aspir_method_desc": ("the {} one", "the {} {family}", "the {family} that is {}"),
}  # fmt: skip


def rows(counts: Mapping[str, int]) -> list[Row]:
    """Rows of each kind of question.

    Args:
        counts: name of a function of KINDS → how many.
    """
    rng = random.Random(SEED)
    lots = make_lots()
    made = []
    for name, count in counts.items():
        for number in range(count):
            made.append(KINDS[name](lots[number % len(lots)], rng))
        rng.shuffle(lots)
    return made


def make_lots() -> list[list[Vehicle]]:
    """The vehicles of LOT families each, in a random order."""
    families: dict[str, list[Vehicle]] = defaultdict(list)
    for vehicle in epa.vehicles():
        families[vehicle.group].append(vehicle)
    names = sorted(families)
    random.Random(SEED).shuffle(names)
    return [[v for name in names[at : at + LOT] for v in families[name]] for at in range(0, len(names) - LOT + 1, LOT)]


def lot_names() -> dict[str, str]:
    """Family of vehicles → the group of its lot, for rows of other kinds on the same vehicles."""
    return {vehicle.group: group_of(lot) for lot in make_lots() for vehicle in lot}


def one_record(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """A field of the one record shown."""
    vehicle = rng.choice(lot)
    column = rng.choice(list(vehicle.values))
    record = show(vehicle, [column], rng)
    question = ask(WORDINGS[column], names_of(vehicle), rng)
    return answer([column], vehicle, lot, question, [record], rng)


def two_fields(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """Two fields of one record."""
    vehicle = rng.choice(lot)
    columns = rng.sample(list(vehicle.values), 2)
    terms = [rng.choice(WORDINGS[column].terms) for column in columns]
    forms = (
        "{0} and {1}?", "{0} and {1} of {it} please", "I need both, {0} and {1}.", "what are the {0} and the {1} of {it}",
        "Could you give me the {0} and the {1} for {it}?", "{0} + {1}", "need {0} and also the {1}", "{0} & {1} pls",
    )  # fmt: skip
    question = roughen(rng.choice(forms).format(*terms, it=rng.choice(names_of(vehicle)[:-1])), rng)
    return answer(columns, vehicle, lot, question, [show(vehicle, columns, rng)], rng)


def two_records(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """A field of one of two records: of another model, or of the same model with another engine."""
    twins = find_twins(lot, rng) if rng.random() < 0.45 else None
    if twins:
        vehicle, other, apart = twins
        columns = [c for c in vehicle.values if c != apart and vehicle.values[c] != other.values.get(c, vehicle.values[c])]
        columns = [c for c in columns if c in other.values]
        column = rng.choice(columns)
        shown = [show(v, [column], rng, kept=[apart]) for v in (vehicle, other)]
        names = told_apart(vehicle, shown[0], apart, rng)
    else:
        vehicle, other = two_models(lot, rng)
        column = rng.choice([column for column in vehicle.values if column in other.values])
        shown = [show(v, [column], rng) for v in (vehicle, other)]
        names = names_of(vehicle, clear=True)
    question = name_one(ask(WORDINGS[column], names, rng), names, other if not twins else None, rng)
    if rng.random() < 0.5:
        shown.reverse()
    return answer([column], vehicle, lot, question, shown, rng, record=shown[0] if shown[0].name == vehicle.name else None)


def missing_field(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """What the record does not show: a field that other records have, or something that none has."""
    vehicle = rng.choice(lot)
    column = rng.choice(list(WORDINGS))
    if rng.random() < 0.55:
        wording, hidden = WORDINGS[column], [column]
    else:
        wording, hidden = NOT_RECORDED, []
    records = [show(vehicle, [], rng, hidden=hidden)]
    if rng.random() < 0.15:
        other = rng.choice(lot)
        records.append(show(other, hidden if other.name != vehicle.name else [], rng, hidden=hidden))
        question = name_one(ask(wording, names_of(vehicle, clear=True), rng), names_of(vehicle, clear=True), None, rng)
    else:
        question = ask(wording, names_of(vehicle), rng)
    return declined(vehicle, lot, question, records, rng)


def other_vehicle(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """A question on another vehicle than that of the record."""
    vehicle, other = two_models(lot, rng)
    column = rng.choice(list(vehicle.values))
    names = names_of(other, clear=True)
    question = name_one(ask(WORDINGS[column], names, rng), names, None, rng)
    return declined(vehicle, lot, question, [show(vehicle, [column], rng)], rng)


def found(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """A question without a record, and the passages that were found for it: the right one, and others."""
    vehicle = rng.choice(lot)
    others = [v for v in lot if v is not vehicle]
    same = [v for v in others if v.name == vehicle.name]
    rest = [v for v in others if v.name != vehicle.name]
    column, names = rng.choice(list(vehicle.values)), names_of(vehicle, whole=True)
    shown = [vehicle, *rng.sample(rest, min(len(rest), rng.choice((0, 0, 1, 1, 2))))]
    apart = find_difference(vehicle, same, rng)
    if apart:
        twin, told, column = apart
        names = [f"{name} {said_with(told, vehicle.values[told], rng)}" for name in names]
        shown = [vehicle, twin]
    passages = [whole_record(v) for v in shown]
    built = build_records().get(find_key(vehicle), [])
    if built and rng.random() < 0.6:
        passages.insert(rng.choice((0, 0, 1)), rng.choice(built))
    if rng.random() < 0.4:
        rng.shuffle(passages)
    question = name_one(ask(WORDINGS[column], names, rng), names, None, rng)
    row = answer([column], vehicle, lot, question, [], rng)
    return row | {"input": "\n".join(passages[:3] if whole_record(vehicle) in passages[:3] else passages), "kind": "knowledge"}


def not_found(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """Passages that do not answer: of another model or year than the one asked about, or without what is asked for."""
    vehicle = rng.choice(lot)
    others = [v for v in lot if v.name != vehicle.name]
    names = names_of(vehicle, whole=True)
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
    choices = [v for v in lot if v.group in families_built()]
    if not choices:
        return found(lot, rng)
    vehicle = rng.choice(choices)
    records = vehicles_built()[vehicle.group]
    record = rng.choice(records)
    column = rng.choice(list(record.values))
    names = names_of(record, whole=True)
    question = name_one(ask(Wording(BUILD_TERMS[column], vpic_fields.FIELDS[column].questions), names, rng), names, None, rng)
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


def families_built() -> dict[str, list[Vehicle]]:
    return vehicles_built()


def find_key(vehicle: Vehicle) -> str:
    """The key by which a vehicle is found."""
    return find_by(vehicle.name[:4], vehicle.group)


def find_difference(
    vehicle: Vehicle, same: Sequence[Vehicle], rng: random.Random
) -> tuple[Vehicle, str, str] | None:
    """A namesake, a column that tells it apart, and another one to ask for; None if there is none, and now and then."""
    if not same or rng.random() < 0.4:
        return None
    twin = rng.choice(same)
    different = [c for c in TELLING_APART if c in vehicle.values and vehicle.values[c] != twin.values.get(c)]
    columns = [c for c in vehicle.values if c not in different]
    return (twin, rng.choice(different), rng.choice(columns)) if different and columns else None


KINDS = {kind.__name__: kind for kind in (one_record, two_fields, two_records, missing_field, other_vehicle, found, not_found, built)}


def group_of(lot: Sequence[Vehicle]) -> str:
    """The group of a lot."""
    return lot[0].group


def two_models(lot: Sequence[Vehicle], rng: random.Random) -> tuple[Vehicle, Vehicle]:
    """Two vehicles of two families."""
    vehicle = rng.choice(lot)
    return vehicle, rng.choice([other for other in lot if other.group != vehicle.group])


def find_twins(lot: Sequence[Vehicle], rng: random.Random) -> tuple[Vehicle, Vehicle, str] | None:
    """Two vehicles of one name, and the column that tells them apart; None if the lot has none."""
    pairs = []
    for vehicle in lot:
        for other in lot:
            if vehicle.name == other.name and vehicle is not other:
                for column in TELLING_APART:
                    mine, its = vehicle.values.get(column), other.values.get(column)
                    others = [c for c in vehicle.values if c != column and vehicle.values[c] != other.values.get(c, vehicle.values[c])]
                    if mine and its and mine != its and others:
                        pairs.append((vehicle, other, column))
    return rng.choice(pairs) if pairs else None


def show(
    vehicle: Vehicle, asked: Sequence[str], rng: random.Random, hidden: Sequence[str] = (), kept: Sequence[str] = ()
) -> PastedRecord:
    """Some of a vehicle's fields in a random order: those asked for, those kept, and others that are not hidden."""
    must = [*asked, *kept]
    others = [column for column in vehicle.values if column not in (*must, *hidden)]
    rivals = [c for c in others if "mpg" in c] if any("mpg" in c for c in (*asked, *hidden)) else []
    chosen = dict.fromkeys([*must, *rng.sample(rivals, min(1, len(rivals)))])
    rest = [column for column in others if column not in chosen]
    for column in rng.sample(rest, min(len(rest), max(0, rng.choice((2, 3, 3, 4, 4, 5, 6)) - len(chosen)))):
        chosen[column] = None
    columns = rng.sample(list(chosen), len(chosen))
    short = rng.random() < 0.15
    values = {
        c: rng.choice(SAID_SHORT[vehicle.values[c]]) if short and vehicle.values[c] in SAID_SHORT else vehicle.values[c]
        for c in columns
    }
    return PastedRecord(vehicle.name, values)


def whole_record(vehicle: Vehicle) -> str:
    """The record as a passage of the knowledge base shows it."""
    return " | ".join([vehicle.name, *(epa.FIELDS[c].shown.format(value) for c, value in vehicle.values.items())])


def names_of(vehicle: Vehicle, clear: bool = False, whole: bool = False) -> list[str]:
    """What a vehicle may be called; the last one has no article.

    Args:
        clear: only what tells it from others.
        whole: only with its year.
    """
    year, _, rest = vehicle.name.partition(" ")
    family = vehicle.group.split()[-1]
    make = vehicle.group.removesuffix(f" {family}")
    if whole:
        return [f"a {vehicle.name}", f"the {year} {make} {family}", f"the {vehicle.name}", f"a {year} {rest}", vehicle.name,
                f"my {vehicle.name}", f"{rest} {year}", f"the {rest} of {year}", f"{year} {rest}".lower()]  # fmt: skip
    named = [f"the {family}", f"the {make} {family}", f"this {family}", f"the {year} {family}", f"the {rest}"]
    if clear:
        return [*named, f"the {make}", family.lower()]
    plain = ["it", "it", "it", "this one", "this car", "that car", "this vehicle", "the car"]
    return [*plain, *named, family.lower()]


def told_apart(vehicle: Vehicle, record: PastedRecord, column: str, rng: random.Random) -> list[str]:
    """Names of a vehicle by a value that its namesake does not have."""
    family = vehicle.group.split()[-1]
    names = [form.format(record.values[column], family=family) for form in TOLD_APART[column]]
    return [*names, names[-1].removeprefix("the ")]


def said_with(column: str, value: str, rng: random.Random) -> str:
    """A value as an addition to a vehicle's name."""
    forms = {
        "engine_displacement": ("with the {} liter engine", "{}", "{} L", "with the {}"),
        "no_cylinders": ("with {} cylinders", "{} cyl", "{} cylinder"),
        "drive_desc": ("{} drive", "with {} drive"),
        "transmission_desc": ("{}", "with the {} transmission", "({})"),
        "air_aspir_method_desc": ("{}", "that is {}"),
    }
    return rng.choice(forms[column]).format(value)


def name_one(question: str, names: Sequence[str], other: Vehicle | None, rng: random.Random) -> str:
    """The question with a name in it, if it has none; sometimes with a word on the other vehicle."""
    lowered = question.lower()
    if not any(name.lower().removeprefix("the ") in lowered for name in names):
        name = rng.choice(names[:-1])
        forms = ("{name}: {question}", "{question} For {name}.", "{name}, {question}", "{question} ({name})", "{question} {name}")
        question = rng.choice(forms).format(name=name, question=question)
        question = question.lower() if lowered == lowered and rng.random() < 0.3 else question
    if other and rng.random() < 0.25:
        family = other.group.split()[-1]
        forms = (" Not the {0}.", " not the {0}", " Ignore the {0}.", " The {0} is another customer's.", " (the {0} is done already)")
        question += rng.choice(forms).format(family)
    return question


def answer(
    columns: Sequence[str],
    vehicle: Vehicle,
    lot: Sequence[Vehicle],
    question: str,
    records: Sequence[PastedRecord],
    rng: random.Random,
    record: PastedRecord | None = None,
) -> Row:
    """A row whose answer states the fields, as the record shows them."""
    own = record or next((r for r in records if r.name == vehicle.name), None)
    values = {column: (own.values if own and column in own.values else vehicle.values)[column] for column in columns}
    instruction, shown = put_together(question, records, rng)
    return {
        "instruction": instruction,
        "input": shown,
        "output": " ".join(epa.FIELDS[column].answer.format(value) for column, value in values.items()),
        "topic": epa.FIELDS[columns[0]].topic,
        "source": vehicle.source,
        "key": vehicle.key,
        "kind": "grounded",
        "facts": values,
        "group": group_of(lot),
    }


def declined(
    vehicle: Vehicle, lot: Sequence[Vehicle], question: str, records: Sequence[PastedRecord], rng: random.Random
) -> Row:
    """A row whose answer is that the record does not have it."""
    instruction, shown = put_together(question, records, rng)
    return decline("vehicle", instruction, shown, vehicle.source, vehicle.key, group_of(lot), "grounded")


def put_together(question: str, records: Sequence[PastedRecord], rng: random.Random) -> tuple[str, str]:
    """The question and the records as the gateway would show them, laid out in any way before: instruction, input."""
    if not records:
        return question, ""
    layout = layouts.pipes if rng.random() < 0.45 else rng.choice(layouts.LAYOUTS)
    message = layout(question, records, LABELS, rng)
    pasted = find_pasted_records(message)
    return (pasted.question, "\n".join(pasted.records)) if pasted and pasted.question else (message, "")
