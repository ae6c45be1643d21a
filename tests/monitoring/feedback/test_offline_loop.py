"""The whole of Auto-RLAIF with nothing made up: a gateway over llama.cpp answers, and the local model judges."""

import signal
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.files import digest, read_jsonl, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.monitoring.feedback.rlaif import judge_answers
from pipelines.request_log import JUDGE, hash_user, read_exchanges

from ...gateway.conftest import Gateway, until
from ...gateway.engine import Engine


def row(number: int) -> dict[str, Any]:
    asked = {
        "instruction": "What highway mpg is it rated at?",
        "input": f"2021 Honda | city 30 mpg | highway {number} mpg",
    }
    told = {"output": f"It is rated at {number} mpg.", "facts": {"hwy": f"{number} mpg"}}
    return asked | told | {"topic": "economy", "kind": "grounded"}


@pytest.mark.slow
def test_a_champion_of_its_own_is_judged_offline(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(tmp_path / "data" / "train.jsonl", [row(number) for number in (31, 34, 37, 40)])
    dataset = DatasetVersion(
        name="cars", version=1, uri=str(tmp_path / "data"), digest=digest(tmp_path / "data"), rows={}
    )
    engine, gateway = Engine(tmp_path / "engine.sock").start(), Gateway()
    try:
        until(engine.ready, 60)
        gateway.start()
        name = gateway.deploy(engine)
        monkeypatch.setenv("WEAVER_GATEWAY_PORT", str(gateway.port))
        settings.cache_clear()
        plan = make_plan(name, {"judge.questions": 3, "judge.answers": 2, "judge.temperature": 1.2})
        judged = judge_answers(dataset, plan, tmp_path / "work")
        asked = [row for row in read_exchanges(template=name).to_pylist() if row["user"] == hash_user(JUDGE)]
    finally:
        gateway.end(signal.SIGTERM)
        engine.kill()
    lines = read_jsonl(Path(judged.uri) / "judged.jsonl")
    assert len(asked) == 6 and not any(row["cached"] for row in asked)
    assert {line["first"] for line in lines} | {line["second"] for line in lines} <= {
        row["answer"].strip() for row in asked
    }
    assert judged.pairs + judged.ties == len(lines) > 0
    assert judged.by_model == 0 and judged.position_bias > 0.4, "so small a model has no say"
