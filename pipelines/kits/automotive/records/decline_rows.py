"""Rows in which the record does not have what was asked."""

from typing import Any

from pipelines.core.plan.knowledge import Knowledge

NOT_IN_RECORD = Knowledge().decline_sentence
TOPIC, KIND, FACT = "not_in_record", "refusal", "not in the record"


def decline(about: str, question: str, record: str, source: str, key: str, group: str, kind: str) -> dict[str, Any]:
    """A row that says so.

    Args:
        about: what the record is of; kind: of the row that would have an answer. Both go into the key.
    """
    return {
        "instruction": question,
        "input": record,
        "output": NOT_IN_RECORD,
        "topic": TOPIC,
        "source": source,
        "key": f"{key} {about} {kind}",
        "kind": KIND,
        "facts": {"refusal": FACT},
        "group": group,
    }
