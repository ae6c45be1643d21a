"""The dealership of the bench of the loop: a home with all servers, and a counter that knows one of its two subjects.

The desk answers for vehicles and for parts, but whoever set it up had no questions about parts yet: its model learns
vehicles' records alone, and parts are what the world moves to.
"""

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_jsonl, write_text
from pipelines.core.settings import settings
from pipelines.stack import control
from tests.bench.loop_traffic import COLLEAGUES, Counter, Row
from tests.bench.own_home import own_home

TEMPLATE = "front_counter"
KNOWN, NEW = "vehicles", "parts"
LEARNT = 160  # rows that the first champion learns: a small desk's, among which what people correct has a weight


def subjects() -> dict[str, list[Row]]:
    """What people may ask: grounded rows of the kit, a subject each, in an order that mixes their topics."""
    from pipelines.kits.automotive import parts_inventory
    from pipelines.kits.automotive.records import epa

    parts = [row for row in parts_inventory.build() if row["kind"] == "grounded"]
    return {KNOWN: list(epa.rows()), NEW: sorted(parts, key=lambda row: row["key"])}


@contextmanager
def dealership(plan: dict[str, Any], corrections: float) -> Iterator[Counter]:
    """All servers, the template with these sections in place of its own, and its counter.

    Args:
        plan: section → values, as in a template's YAML.
    """
    subject_names = subjects()
    with own_home() as home:
        training_file = home / "vehicles.jsonl"
        write_jsonl(training_file, subject_names[KNOWN][-LEARNT:])  # people ask about the others first
        write_text(
            settings().templates / f"{TEMPLATE}.yaml", yaml.safe_dump(template(training_file) | plan, sort_keys=False)
        )
        control.up()
        keys = [weaver("key", "add", f"till {n}", "--rate", "")["key"] for n in range(1 + COLLEAGUES)]
        yield Counter(TEMPLATE, subject_names, keys, corrections)


def template(data: Path) -> dict[str, Any]:
    return {
        "name": TEMPLATE,
        "title": "Front counter",
        "purpose": "Answers from a vehicle's record and from a stock line.",
        "owner": "parts-department",
        "system_prompt": "You work at the counter of a car dealership.",
        "questions": [
            "What is the city fuel economy?\n2021 Honda Civic | city 30 mpg | cylinders 4 | highway 38 mpg",
            "Which wheels are driven?\n2021 Subaru Outback | drive all-wheel | city 26 mpg",
            "In which bin do I find it?\n2012 Ford Focus oil filter | on hand 4 | bin C21 | lead time 3 days",
        ],
        "contract": {"min_rows": 100, "min_topics": 2},
        "data": {"source": str(data)},
    }


def weaver(*verb: str) -> Any:
    """What `weaver … --json` prints, in this home.

    Raises:
        WeaverError: it failed; with its words.
    """
    program = Path(sysconfig.get_path("scripts"), "weaver")
    done = subprocess.run([program, *verb, "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise WeaverError(f"weaver {' '.join(verb)} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout)
