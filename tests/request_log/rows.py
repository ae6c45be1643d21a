"""Rows as the gateway writes them, and what the log then holds."""

import json
import time
from typing import Any

from pipelines.request_log import Exchange, Feedback, log_folder, read_exchanges

T = "service_advisor"
DAY = 86_400


def exchange(id: str, at: float = 0, **other: Any) -> Exchange:
    messages = [{"role": "user", "content": "What does P0420 mean?"}]
    texts = {"messages": json.dumps(messages), "answer": "The catalyst is worn.", "route": f"{T}-v3@llama_cpp"}
    who = {
        "template": T,
        "version": 3,
        "backend": "llama_cpp",
        "key": "local",
        "user": "",
        "status": "ok",
        "cached": "",
    }
    measurements = {"prompt_tokens": 12, "completion_tokens": 5, "queue_s": 0.0, "first_token_s": 0.1, "latency_s": 0.4}
    return Exchange(**{"id": id, "at": at or time.time(), "cost": 0.0} | texts | who | measurements | other)


def feedback(id: str, key: str = "local", **fields: Any) -> Feedback:
    return Feedback(**{"id": id, "at": time.time(), "key": key} | fields)


def ids() -> list[str]:
    return read_exchanges()["id"].to_pylist()


def files(kind: str = "exchanges") -> list[str]:
    return sorted(str(path.relative_to(log_folder() / kind)) for path in (log_folder() / kind).rglob("*.parquet"))
