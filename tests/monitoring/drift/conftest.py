"""A template with windows of an hour, a champion since yesterday, and people who ask it things."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core.artifacts import DatasetVersion, DeployedVersion, DriftReport, Records
from pipelines.core.files import digest, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import Drift
from pipelines.kits.automotive import dealership_operations, service_advisor
from pipelines.monitoring.drift.detect_drift import detect_drift
from pipelines.request_log import Exchange, Feedback, RequestLog, log_folder
from pipelines.text.chat_format import user_messages

from ...models import Home

HOUR = 3_600
POLICY = Drift(hours=1, min_rows=60, reference_rows=100, sample=500)


class Desk:
    """Hours are counted from the one in which the champion came to answer."""

    def __init__(self, home: Home, log: RequestLog) -> None:
        self.name, self.log, self.home = home.name, log, home
        self.usual, self.other = service_advisor.build(), dealership_operations.build()
        self.began = time.time() // HOUR * HOUR - 20 * HOUR
        self.dataset = DatasetVersion(
            name=self.name, version=1, uri=str(home.folder / "learnt"), digest="d" * 64, rows={"train": 1}
        )
        write_jsonl(Path(self.dataset.uri) / "train.jsonl", self.usual[::2])
        write_jsonl(Path(self.dataset.uri) / "heldout.jsonl", self.usual[1::4])
        self.champion = DeployedVersion(
            name=self.name, version=1, since=self.began, dataset=self.dataset.tag, trained=self.began - HOUR
        )
        self.records = self.collected(self.usual)

    @property
    def plan(self) -> Any:
        return make_plan(self.name)

    def collected(self, rows: list[dict[str, Any]]) -> Records:
        place = self.home.folder / "collected" / digest(rows)[:8]
        write_jsonl(place / "records.jsonl", rows)
        return Records(uri=str(place), digest=digest(rows), rows=len(rows), sources={})

    def ask(self, hour: int, rows: list[dict[str, Any]], count: int = 120, **other: Any) -> list[str]:
        """So many of these questions in an hour, answered as the rows say; the ids of the answers."""
        dice, ids = random.Random(hour), []
        for number in range(count):
            row, at = dice.choice(rows), self.began + hour * HOUR + number * HOUR / count
            texts = {"messages": json.dumps(user_messages(row)), "answer": row["output"], "status": "ok"}
            figures = dict.fromkeys(("prompt_tokens", "completion_tokens"), 9) | {"latency_s": 0.2, "cost": 0.0}
            who = {"template": self.name, "version": 1, "backend": "llama_cpp", "route": "r", "key": "k", "user": ""}
            rest = {"cached": "", "queue_s": 0.0, "first_token_s": 0.1}
            changed = {key: value(dice) if callable(value) else value for key, value in other.items()}
            told = {"id": f"{hour}-{number}", "at": at} | who | texts | figures | rest | changed
            self.log.write(Exchange(**told))
            ids.append(f"{hour}-{number}")
        return ids

    def judge(self, ids: list[str], thumb: str, hour: int) -> None:
        for number, id in enumerate(ids):
            at = self.began + hour * HOUR + number
            self.log.write_feedback(Feedback(id=id, at=at, key="k", thumb=thumb))

    def look(self, hour: float, **other: Any) -> DriftReport:
        """What monitoring finds two minutes after so many hours are over."""
        given = {"champion": self.champion, "dataset": self.dataset, "records": self.records, "plan": self.plan} | other
        return detect_drift(**given, now=self.began + hour * HOUR + 120)


@pytest.fixture
def desk(models: Home) -> Iterator[Desk]:
    own = models.folder / "templates" / f"{models.name}.yaml"
    own.write_text(yaml.safe_dump(yaml.safe_load(own.read_text()) | {"drift": POLICY.model_dump()}))
    log = RequestLog(log_folder())
    yield Desk(models, log)
    log.close()
