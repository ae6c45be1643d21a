"""A gateway that is ready never pauses for work that it could have done before."""

import json
import subprocess
import sys
from pathlib import Path

from ..request_log.rows import exchange
from .conftest import Gateway, route, until
from .engine import Engine

PROGRAM = """
import gc, json, sys
from pipelines.gateway.state import Gateway
from pipelines.request_log import Exchange

gateway = Gateway()
gateway.warm_up()
frozen, collected = gc.get_freeze_count(), len(gc.get_objects())
gateway.log.write(Exchange.model_validate_json(sys.argv[1]))
loaded_before = set(sys.modules)
gateway.log.protect_text("My VIN is 1HGCM82633A004352, call Jane Doe at 313-555-0134.", "service_advisor")
gateway.flush()
print(json.dumps([frozen, collected, sorted(set(sys.modules) - loaded_before)]))
"""


def test_after_the_warm_up_no_module_is_imported_and_few_objects_are_collected(home: Path) -> None:
    route("service_advisor", Engine(home / "nobody.sock"))
    command = [sys.executable, "-c", PROGRAM, exchange("a").model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    frozen, collected, loaded = json.loads(done.stdout)
    assert frozen > 100_000 and collected < frozen / 100
    assert loaded == []


def test_the_first_question_to_a_new_version_is_shown_the_field_that_it_asks_for(
    own_gateway: Gateway, engine: Engine
) -> None:
    """It takes seconds to load how people ask: the question waits, and is not answered from the whole record."""
    own_gateway.start()
    route("service_advisor", engine)
    until(lambda: "service_advisor" in own_gateway.get("/v1/models").text)
    question = "What is the highway fuel economy?\n2021 Honda Civic | city 30 mpg | highway 38 mpg"
    answer = own_gateway.ask(question, model="service_advisor", max_tokens=24).choices[0].message.content
    assert "38" in answer and "30" not in answer
