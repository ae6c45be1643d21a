"""Questions about vehicles' records, as people ask them."""

import random
from collections.abc import Mapping
from typing import Any

from pipelines.kits.automotive.records.found_rows import built, found_record, not_found
from pipelines.kits.automotive.records.pasted_rows import (
    missing_field,
    one_record,
    other_vehicle,
    two_fields,
    two_records,
)
from pipelines.kits.automotive.records.vehicle_lots import SEED, make_lots

Row = dict[str, Any]
OWN = (one_record, two_fields, two_records, missing_field, other_vehicle)
KINDS = {kind.__name__: kind for kind in (*OWN, found_record, not_found, built)}


def rows(counts: Mapping[str, int]) -> list[Row]:
    """Rows of each kind of question.

    Args:
        counts: name of a function of KINDS → how many.
    """
    rng = random.Random(SEED)
    lots = make_lots()
    questions = []
    for name, count in counts.items():
        for number in range(count):
            questions.append(KINDS[name](lots[number % len(lots)], rng))
        rng.shuffle(lots)
    return questions
