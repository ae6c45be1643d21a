"""What every builder of made-up dealership records shares: real vehicles to hang them on, and the row they become.

No package holds a dealership's own records, so these are invented and say so: `source` begins with `synthetic:`. Their
answers are computed from what the record shows, and from nothing else.
"""

import random
from typing import Any

from pipelines.kits.automotive.records import epa
from pipelines.kits.automotive.records.lookup import Vehicle


def vehicles(rng: random.Random) -> list[Vehicle]:
    """Of the EPA guides, one a group, in a random order."""
    candidates = epa.vehicles()
    rng.shuffle(candidates)
    return list({vehicle.group: vehicle for vehicle in candidates}.values())


def lots(rng: random.Random, size: int) -> list[list[Vehicle]]:
    """Vehicles that share records, and therefore a group: that of the first of them."""
    candidates = vehicles(rng)
    return [candidates[i : i + size] for i in range(0, len(candidates) - size + 1, size)]


def row(
    kind: str, key: str, group: str, question: str, record: list[str], answer: str, facts: dict[str, str]
) -> dict[str, Any]:
    """A grounded row; `kind` is what the record is (repair_order), and its topic."""
    return {
        "instruction": question,
        "input": " | ".join(record),
        "output": answer,
        "topic": kind,
        "source": f"synthetic:{kind}",
        "key": key,
        "kind": "grounded",
        "facts": facts,
        "group": group,
    }
