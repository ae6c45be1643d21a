"""The marks of facts: what they may say, and which facts a right answer must state."""

from typing import Any

import pytest

from pipelines.text.importance import find_importance_fault, required_facts, safety_critical_facts

FACTS = {"urgency": "stop", "cause": "oil pressure", "part": "pump"}


def test_a_fact_without_a_mark_is_essential() -> None:
    row = {"facts": FACTS, "importance": {"urgency": "safety_critical", "part": "optional"}}
    assert required_facts(row) == {"urgency": "stop", "cause": "oil pressure"}
    assert safety_critical_facts(row) == {"urgency": "stop"}
    for importance in (None, {}):
        assert required_facts({"facts": FACTS, "importance": importance}) == FACTS
    assert required_facts({"facts": FACTS}) == FACTS and safety_critical_facts({"facts": FACTS}) == {}


@pytest.mark.parametrize(
    ("importance", "fault"),
    [
        (None, ""),
        ({}, ""),
        ({"part": "optional", "urgency": "safety_critical"}, ""),
        ("High", "'High' does not say it for each fact"),
        (["urgency"], "does not say it for each fact"),
        ({"urgency": "safety critical"}, "'urgency' is 'safety critical'; did you mean 'safety_critical'?"),
        ({"urgency": True}, "'urgency' is 'True'"),
        ({"urgency": ["optional"]}, "'urgency' is '['optional']'"),
        ({"urgent": "optional"}, "'urgent' is no fact of the row; did you mean 'urgency'?"),
    ],
)
def test_a_fault_names_the_fact_and_what_is_allowed(importance: Any, fault: str) -> None:
    found = find_importance_fault(importance, FACTS)
    assert fault in found and bool(found) == bool(fault)
    assert not importance or find_importance_fault(importance, None)
