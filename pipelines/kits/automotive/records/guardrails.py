"""What keeps an assistant at its work: requests that it declines, and its own questions in rough words. Made up.

A request is no record of anybody, and says so: `source` is `synthetic:guardrails`. Half of the requests stand above a
record, so that it is the question that is declined and not the lack of a record.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipelines.kits.automotive.records.declined import REQUESTS
from pipelines.kits.perturbations import perturb

Row = dict[str, Any]
Asking = Callable[[str, str, random.Random], tuple[str, str]]  # request, record → instruction, input

TOPIC = KIND = "refusal"
SEED = 43
ALONE = 2  # of a theme's requests, the first ones that have no record below them
ROUGH = 20  # questions of the builder that are put in rough words
ROUGHLY = (
    ["courtesy", "typos", "lower_case"],
    ["courtesy", "typos", "field_order"],
    ["typos", "no_punctuation", "random_characters"],
)
DECLINED = "Sorry, I only help with"


def plainly(request: str, record: str, rng: random.Random) -> tuple[str, str]:
    """The request as it is, with the record as input."""
    return request, record


def add_guardrails(dataset: Iterable[Row], work: str, asking: Asking = plainly) -> list[Row]:
    """The rows of `dataset`, ROUGH of them in rough words, and refusals.

    A rough question takes the place of the plain one: beside it, refinement would drop it as a near-duplicate.

    Args:
        dataset: the rows of a builder; their records are shown below half of the requests.
        work: what the assistant is for, which a refusal names.
        asking: how a request is put, where the rows are not questions above a record.
    """
    rng, rows = random.Random(SEED), [*dataset]
    grounded = [number for number, row in enumerate(rows) if row["kind"] == "grounded"]
    records = [record for number in grounded if " | " in (record := rows[number]["input"].partition("\n")[0])]
    declined = [*refusals(records, work, asking, rng)]
    for count, number in enumerate(rng.sample(grounded, ROUGH)):
        rows[number] = perturb(rows[number], ROUGHLY[count % len(ROUGHLY)], rng)
    return [*rows, *declined]


def refusals(records: list[str], work: str, asking: Asking, rng: random.Random) -> Iterator[Row]:
    """A row per theme and wording of REQUESTS; the first ALONE wordings of a theme have no record."""
    themes = ((reason, theme, wordings) for reason, some in REQUESTS.items() for theme, wordings in some.items())
    for reason, theme, requests in themes:
        for number, request in enumerate(requests):
            record = "" if number < ALONE else rng.choice(records)
            if record and reason == "personal_data":
                record = with_field(record, f"{theme} on file", rng)
            instruction, shown = asking(request, record, rng)
            yield {
                "instruction": instruction,
                "input": shown,
                "output": f"{DECLINED} {work}.",
                "topic": TOPIC,
                "source": "synthetic:guardrails",
                "key": f"{reason} {theme} {number}",
                "kind": KIND,
                "facts": {"refusal": DECLINED},
                "group": f"{reason} {theme}",
            }


def with_field(record: str, field: str, rng: random.Random) -> str:
    """The record with one more field, anywhere behind the name of what it is about."""
    name, *fields = record.split(" | ")
    fields.insert(rng.randrange(len(fields) + 1), field)
    return " | ".join([name, *fields])
