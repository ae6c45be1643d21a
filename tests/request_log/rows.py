"""Rows as the gateway writes them, and what the log then holds."""

import json
import time
from typing import Any

from pipelines.request_log import Exchange, Feedback, exchanges, folder

T = "service_advisor"
DAY = 86_400


def exchange(id: str, at: float = 0, **other: Any) -> Exchange:
    asked = [{"role": "user", "content": "What does P0420 mean?"}]
    texts = {"messages": json.dumps(asked), "answer": "The catalyst is worn.", "route": f"{T}-v3@llama_cpp"}
    who = {
        "template": T,
        "version": 3,
        "backend": "llama_cpp",
        "key": "local",
        "user": "",
        "status": "ok",
        "cached": "",
    }
    figures = {"prompt_tokens": 12, "completion_tokens": 5, "queue_s": 0.0, "first_token_s": 0.1, "latency_s": 0.4}
    return Exchange(**{"id": id, "at": at or time.time(), "cost": 0.0} | texts | who | figures | other)


def opinion(id: str, key: str = "local", **said: Any) -> Feedback:
    return Feedback(**{"id": id, "at": time.time(), "key": key} | said)


def ids() -> list[str]:
    return exchanges()["id"].to_pylist()


def files(kind: str = "exchanges") -> list[str]:
    return sorted(str(path.relative_to(folder() / kind)) for path in (folder() / kind).rglob("*.parquet"))
