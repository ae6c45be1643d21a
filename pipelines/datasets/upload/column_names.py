"""The fields of a row, and the names that people and programs give to their columns."""

import re
from typing import Any

SYNONYMS = {
    "instruction": ("question", "prompt", "query", "request", "user", "customer_question"),
    "input": ("context", "record", "passage", "background", "document"),
    "output": ("answer", "response", "reply", "completion", "assistant", "target", "chosen"),
    "topic": ("category", "subject", "intent", "department"),
    "source": ("origin", "reference", "url"),
    "key": ("vehicle", "part_number", "stock_number"),
    "kind": (),
    "facts": (),
    "group": ("conversation_id", "thread_id", "cluster"),
    "id": ("row_id", "uuid", "ticket_id"),
}
FIELD_OF_NAME = {name: field for field, names in SYNONYMS.items() for name in (field, *names)}
# Words that a column's name may contain, and the field that it then probably is; the first that fits.
WORDS = {
    "instruction": (
        "question",
        "prompt",
        "query",
        "concern",
        "complaint",
        "issue",
        "problem",
        "symptom",
        "asked",
        "ask",
    ),
    "output": ("answer", "response", "reply", "resolution", "solution", "correction", "fix", "advice", "explanation"),
    "topic": ("topic", "category", "subject", "intent", "label"),
    "input": ("context", "record", "background", "passage"),
}


def normalise_name(column: str) -> str:
    """A column's name in lower case, with underscores: `Customer Question` and `customerQuestion` are the same."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"\W+", "_", re.sub(r" \(\d+\)$", "", spaced).lower()).strip("_")


def field_of(column: Any) -> str:
    """The field whose name or synonym a column has; empty if none."""
    return FIELD_OF_NAME.get(normalise_name(column), "") if isinstance(column, str) else ""


def readable_name(column: str) -> str:
    """A column's name as words: `ListPrice` → `list price`."""
    return normalise_name(column).replace("_", " ")
