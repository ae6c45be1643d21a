"""Other kinds of a builder's rows: the record in other layouts, without the field asked for, beside another record.

A builder makes plain rows, a question over one record whose fields stand between pipes. `add_variants` puts some of
them into the layouts in which people paste records, takes the field in question from some, and shows some beside a
record of the same vehicle's other part, as a search finds it.
"""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pipelines.kits.automotive.records import layouts
from pipelines.kits.automotive.records.decline_rows import decline
from pipelines.kits.automotive.records.layouts import Labels, PastedRecord
from pipelines.kits.automotive.records.phrasing import Wording, ask, roughen
from pipelines.text.own_records import lay_out_pasted

Row = dict[str, Any]
SEED = 47


class Variety(NamedTuple):
    """What a builder's variants are made of."""

    labels: Mapping[str, Labels]  # field → how it is written down; its first phrase is the builder's own
    needed: Mapping[str, Sequence[str]]  # fact → fields of which none may be missing for an answer
    not_recorded: Wording  # what no record has
    layouts: float = 0.35  # shares of the rows that are laid out in another way,
    missing: float = 0.12  # made again without what they need,
    unknown: float = 0.06  # made again with a question that no record answers,
    beside: float = 0.15  # made again beside another record
    terms: Mapping[str, str] = {}  # fact → what is asked for, where the record is one of several: location


def add_variants(rows: Iterable[Row], variety: Variety) -> list[Row]:
    """The rows, some of them laid out in another way, and further ones."""
    rng = random.Random(SEED)
    plain = list(rows)
    by_group: dict[str, list[Row]] = defaultdict(list)
    for row in plain:
        by_group[row["group"]].append(row)
    variants: list[Row] = []
    for row in plain:
        record = read_record(row["input"], variety.labels) if row["kind"] == "grounded" else None
        if record is None:
            variants.append(row)
            continue
        variants.append(lay_out_again(row, record, variety, rng) if rng.random() < variety.layouts else row)
        chance = rng.random()
        if chance < variety.missing:
            variants += without_field(row, record, variety, rng)
        elif chance < variety.missing + variety.unknown:
            variants.append(ask_unknown(row, record, variety, rng))
        elif chance < variety.missing + variety.unknown + variety.beside:
            variants += beside_another(row, by_group[row["group"]], variety, rng)
    return variants


def read_record(line: str, labels: Mapping[str, Labels]) -> PastedRecord | None:
    """A record of a builder: its name, and its fields by their labels; None if a field has none."""
    name, *fields = line.split(" | ")
    values = {}
    for field in fields:
        for column, label in labels.items():
            before, after = label.phrases[0].split("{}")
            if field.startswith(before) and field.endswith(after) and (before or not re.search(r"\d", field)):
                values[column] = field.removeprefix(before).removesuffix(after) if after else field.removeprefix(before)
                break
        else:
            return None
    return PastedRecord(name, values) if values and "\n" not in line and re.match(r"\d{4} ", name) else None


def lay_out_again(row: Row, record: PastedRecord, variety: Variety, rng: random.Random) -> Row:
    """The row with its record in another layout, the question in rougher words."""
    columns = rng.sample(list(record.values), len(record.values))
    shown = PastedRecord(record.name, {column: record.values[column] for column in columns})
    instruction, context = put_together(roughen(row["instruction"], rng), [shown], variety.labels, rng)
    return row | {"instruction": instruction, "input": context}


def without_field(row: Row, record: PastedRecord, variety: Variety, rng: random.Random) -> list[Row]:
    """The row's question over a record that lacks what it needs; nothing if the builder does not say what that is."""
    needed = [field for fact in row["facts"] for field in variety.needed.get(fact, ()) if field in record.values]
    others = [field for field in record.values if field not in needed]
    if not needed or not others:
        return []
    hidden = rng.choice(needed)
    shown = PastedRecord(record.name, {c: v for c, v in record.values.items() if c != hidden})
    instruction, context = put_together(roughen(row["instruction"], rng), [shown], variety.labels, rng)
    return [decline("record", instruction, context, row["source"], f"{row['key']} {hidden}", row["group"], "grounded")]


def ask_unknown(row: Row, record: PastedRecord, variety: Variety, rng: random.Random) -> Row:
    """A question that no record of the builder answers."""
    question = ask(variety.not_recorded, ("it", "this one", "this line", "this"), rng)
    instruction, context = put_together(question, [record], variety.labels, rng)
    return decline("unknown", instruction, context, row["source"], row["key"], row["group"], "grounded")


def beside_another(row: Row, group: Sequence[Row], variety: Variety, rng: random.Random) -> list[Row]:
    """The row's record beside another one of its group, as a search finds them; the question names the one meant."""
    fact = next((fact for fact in row["facts"] if fact in variety.terms), "")
    name = row["input"].partition(" | ")[0]
    others = {other["input"] for other in group if other["kind"] == "grounded" and "\n" not in other["input"]}
    others = {other for other in others if other.partition(" | ")[0] != name}
    if not fact or not others:
        return []
    wording = Wording((variety.terms[fact],))
    names = (f"the {name}", f"a {name}", name, f"the {name[5:]}", name[5:])
    question = ask(wording, names, rng)
    if name[5:].lower() not in question.lower():
        question = f"{question} {rng.choice(('for', 'of', '-'))} {name}"
    shown = [row["input"], rng.choice(sorted(others))]
    if rng.random() < 0.4:
        shown.reverse()
    return [row | {"instruction": question, "input": "\n".join(shown), "kind": "knowledge"}]


def put_together(
    question: str, records: Sequence[PastedRecord], labels: Mapping[str, Labels], rng: random.Random
) -> tuple[str, str]:
    """The question and the records as the gateway would show them, laid out in any way before: instruction, input."""
    layout = layouts.pipes if rng.random() < 0.4 else rng.choice(layouts.LAYOUTS)
    message = layout(question, records, labels, rng)
    laid_out = lay_out_pasted(message)
    question, _, record = laid_out.partition("\n")
    return (question, record) if laid_out != message or " | " in record else (message, "")


def plain_labels(fields: Mapping[str, str], clause: Callable[[str], str] = "has {}".format) -> dict[str, Labels]:
    """Labels of fields of which no other words are known: field → its phrase, such as `bin {}`."""
    labels = {}
    for column, phrase in fields.items():
        key = phrase.partition("{}")[0].strip() or column
        labels[column] = Labels(
            (phrase, f"{key}: {{}}", phrase), (key, key.replace(" ", "_"), key.title()), (clause(phrase),)
        )
    return labels
