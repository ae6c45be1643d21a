"""Check a row of an upload against the template's contract, before it is added."""

from collections.abc import Iterator
from typing import Any

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.plan import Contract
from pipelines.readers.source import Rejected
from pipelines.text.importance import find_importance_fault

KINDS = ("grounded", "knowledge", "refusal")


def check_topic(topic: str, contract: Contract) -> str:
    """A topic that the contract has.

    Raises:
        WeaverError: it has no such topic.
    """
    if contract.topics and topic not in contract.topics:
        raise WeaverError(
            f"--topic: the template has no topic '{topic}'{did_you_mean(topic, contract.topics)}",
            f"Choose one of {', '.join(contract.topics)}.",
        )
    return topic


def check_contract(row: dict[str, Any], contract: Contract) -> Iterator[Rejected]:
    """The faults for which the contract would reject this row."""
    if fault := find_importance_fault(row.get("importance"), row.get("facts")):
        yield Rejected("importance is wrong", fault)
    for field in ("instruction", "input", "output"):
        most = getattr(contract, f"max_{field}_chars")
        if len(row[field]) > most:
            yield Rejected(f"{field} is too long", f"{len(row[field])} characters, the contract allows {most}")
    for field, allowed in (("topic", contract.topics), ("kind", KINDS)):
        if allowed and row.get(field, allowed[0]) not in allowed:
            yield Rejected(
                f"unknown {field}",
                f"'{row[field]}'{did_you_mean(row[field], allowed)}; allowed are {', '.join(allowed)}",
            )
