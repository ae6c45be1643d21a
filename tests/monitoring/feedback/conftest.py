"""A counter at which people ask, and say what they think of the answers: through a real request log."""

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.request_log import RequestLog, log_folder

from ...models import Home
from ...request_log.rows import exchange, feedback


class Counter:
    def __init__(self, models: Home) -> None:
        self.models, self.log, self.ids = models, RequestLog(log_folder()), itertools.count()

    def say(self, key: str, question: str, answer: str, at: float = 0, user: str = "", **said: Any) -> str:
        """Somebody asks, is answered, and says what they think of it; the answer's id."""
        id, at = f"chatcmpl-{next(self.ids)}", at or time.time()
        asked = json.dumps([{"role": "user", "content": question}])
        about = {"template": self.models.name, "messages": asked, "answer": answer, "key": key, "user": user}
        self.log.write(exchange(id, at, **about))
        self.log.write_feedback(feedback(id, key, user=user, **said).model_copy(update={"at": at}))
        return id

    def collect(self) -> Any:
        return self.models.run("collect_feedback", {})


@pytest.fixture
def counter(models: Home) -> Iterator[Counter]:
    counter = Counter(models)
    yield counter
    counter.log.close()
