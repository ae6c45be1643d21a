"""A second kit comes with a package of its own: nothing here is touched."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from ..servers import Server

BUILDER = '''"""A builder as another package's author would write it."""

PARTS = {part: n for n, part in enumerate("chain saddle fork pedal rim spoke hub brake lever grip".split(), 1)}


def build():
    return [
        {
            "instruction": f"{ask} the {part}?", "input": "", "output": f"Shelf {shelf}.", "topic": "shelves",
            "source": "bikes", "key": part, "kind": "knowledge", "facts": {"shelf": str(shelf)}, "group": part,
        }
        for part, shelf in PARTS.items()
        for ask in ("Where is", "Which shelf holds")
    ]


def sources():
    return {"bikes": "1"}
'''
TEMPLATE = """\
name: bike_parts
title: Bike Parts
purpose: Says on which shelf a bicycle part lies.
owner: workshop
system_prompt: You are a bicycle workshop's storekeeper.
questions: ["Where is the chain?"]
contract: {min_rows: 10, min_topics: 1}
data: {source: bikes.shelves}
"""


@pytest.fixture
def weaver(tmp_path: Path, server: Server):
    """`weaver` in an environment where a package `bikes_kit` is installed, entry point and all."""
    site = tmp_path / "site"
    places = {"PYTHONPATH": str(site), "WEAVER_HOME": str(tmp_path / "home"), "WEAVER_TRACKING_URI": server.url}
    for file, text in {
        "bikes_kit/__init__.py": "",
        "bikes_kit/shelves.py": BUILDER,
        "bikes_kit/templates/bike_parts.yaml": TEMPLATE,
        "bikes_kit-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: bikes-kit\nVersion: 1\n",
        "bikes_kit-1.dist-info/entry_points.txt": "[neuroweaver.kits]\nbikes = bikes_kit\n",
    }.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)

    def run(*verb: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sysconfig.get_path("scripts"), "weaver"), *verb],
            env=os.environ | places,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_its_template_is_offered_and_its_rows_are_collected(weaver) -> None:
    listed = weaver("template", "list", "--json")
    assert {"service_advisor", "bike_parts"} <= {template["name"] for template in json.loads(listed.stdout)}
    assert weaver("template", "validate", "bike_parts").returncode == 0
    assert weaver("collect-feedback", "bike_parts").returncode == 0
    collected = weaver("collect", "bike_parts", "--json")
    assert collected.returncode == 0, collected.stderr
    records = json.loads(collected.stdout)
    assert records["rows"] == 20 and records["sources"]["bikes"] == "1"


def test_its_template_is_held_to_the_same_schema(weaver, tmp_path: Path) -> None:
    file = tmp_path / "site/bikes_kit/templates/bike_parts.yaml"
    file.write_text(TEMPLATE.replace("bikes.shelves", "bikes.shelfs"))
    refused = weaver("template", "validate", "bike_parts")
    assert refused.returncode == 1
    assert "no dataset builder 'bikes.shelfs'; did you mean 'bikes.shelves'?" in " ".join(refused.stderr.split())
