"""Questions about vehicles over a record that the asker pasted: in any layout, beside another, without the field."""

import random
from collections.abc import Sequence
from typing import Any

from pipelines.kits.automotive.records import epa, layouts
from pipelines.kits.automotive.records.decline_rows import decline
from pipelines.kits.automotive.records.epa_labels import LABELS
from pipelines.kits.automotive.records.epa_wordings import WORDINGS
from pipelines.kits.automotive.records.layouts import PastedRecord
from pipelines.kits.automotive.records.lookup import Vehicle
from pipelines.kits.automotive.records.not_recorded import NOT_RECORDED
from pipelines.kits.automotive.records.phrasing import ask, roughen
from pipelines.kits.automotive.records.vehicle_lots import find_twins, group_of, two_models
from pipelines.kits.automotive.records.vehicle_names import name_one, names_of, told_apart
from pipelines.text.own_records import lay_out_pasted

Row = dict[str, Any]
MAX_CHARS = 390  # of a message with its records, before they are laid out
SAID_SHORT = {  # what people write for a value
    "front-wheel": ("FWD", "fwd", "front wheel"),
    "rear-wheel": ("RWD", "rwd", "rear wheel"),
    "all-wheel": ("AWD", "awd", "all wheel"),
    "four-wheel": ("4WD", "4x4", "four wheel"),
    "continuously variable": ("CVT", "cvt"),
    "automatic": ("auto",),
    "turbocharged": ("turbo",),
}

TWO_FIELDS = (
    "{0} and {1}?", "{0} and {1} of {it} please", "I need both, {0} and {1}.",
    "what are the {0} and the {1} of {it}",
    "Could you give me the {0} and the {1} for {it}?", "{0} + {1}", "need {0} and also the {1}", "{0} & {1} pls",
)  # fmt: skip


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
    question = roughen(rng.choice(TWO_FIELDS).format(*terms, it=rng.choice(names_of(vehicle)[:-1])), rng)
    return answer(columns, vehicle, lot, question, [show(vehicle, columns, rng)], rng)


def two_records(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """A field of one of two records: of another model, or of the same model with another engine."""
    twins = find_twins(lot, rng) if rng.random() < 0.45 else None
    if twins:
        vehicle, other, apart = twins
        columns = [
            c for c in vehicle.values if c != apart and vehicle.values[c] != other.values.get(c, vehicle.values[c])
        ]
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
    own = shown[0]  # its namesake may come first
    if rng.random() < 0.5:
        shown.reverse()
    return answer([column], vehicle, lot, question, shown, rng, own)


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
        its = [column for column in hidden if column in other.values and other.name != vehicle.name]
        records.append(show(other, its, rng, hidden=hidden))
        question = name_one(ask(wording, names_of(vehicle, clear=True), rng), names_of(vehicle, clear=True), None, rng)
    else:
        question = ask(wording, names_of(vehicle), rng)
    return declined("field" if hidden else "nowhere", vehicle, lot, question, records, rng)


def other_vehicle(lot: Sequence[Vehicle], rng: random.Random) -> Row:
    """A question on another vehicle than that of the record."""
    vehicle, other = two_models(lot, rng)
    column = rng.choice(list(vehicle.values))
    names = names_of(other, clear=True)
    question = name_one(ask(WORDINGS[column], names, rng), names, None, rng)
    return declined("other vehicle", vehicle, lot, question, [show(vehicle, [column], rng)], rng)


def show(
    vehicle: Vehicle,
    columns_needed: Sequence[str],
    rng: random.Random,
    hidden: Sequence[str] = (),
    kept: Sequence[str] = (),
) -> PastedRecord:
    """Some of a vehicle's fields in a random order: those asked for, those kept, and others that are not hidden."""
    must = [*columns_needed, *kept]
    others = [column for column in vehicle.values if column not in (*must, *hidden)]
    rivals = [c for c in others if "mpg" in c] if any("mpg" in c for c in (*columns_needed, *hidden)) else []
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
    about: str,
    vehicle: Vehicle,
    lot: Sequence[Vehicle],
    question: str,
    records: Sequence[PastedRecord],
    rng: random.Random,
) -> Row:
    """A row whose answer is that the record does not have it; `about` is why, a part of the key."""
    instruction, shown = put_together(question, records, rng)
    return decline(about, instruction, shown, vehicle.source, vehicle.key, group_of(lot), "grounded")


def put_together(question: str, records: Sequence[PastedRecord], rng: random.Random) -> tuple[str, str]:
    """The question and the records as the gateway would show them, laid out in any way before: instruction, input."""
    if not records:
        return question, ""
    layout = layouts.pipes if rng.random() < 0.45 else rng.choice(layouts.LAYOUTS)
    message = layout(question, records, LABELS, rng)
    if len(message) > MAX_CHARS:
        message = layouts.pipes(question, records, LABELS, rng)
    laid_out = lay_out_pasted(message)
    question, _, record = laid_out.partition("\n")
    return (question, record) if laid_out != message or " | " in record else (message, "")
