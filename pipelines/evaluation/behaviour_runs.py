"""Run the behaviour tests of a kit on a model; `pipelines/kits/behaviours.py` defines them."""

from collections.abc import Callable
from typing import Any

from pipelines.core.artifacts import Behaviour
from pipelines.kits.behaviours import BehaviourCase, BehaviourTest, find_behaviour_tests

Row = dict[str, Any]


def run_behaviour_tests(template: str, generate: Callable[[list[Row]], list[str]]) -> tuple[list[Behaviour], list[Row]]:
    """Run the behaviour tests that a kit has for the template.

    Args:
        generate: takes rows with instruction and input, returns one answer per row, in order. Called once, without
            duplicate questions.

    Returns:
        One artifact per behaviour test; and one dict per case: behaviour, kind, why, questions (rows), answers, passed,
        and error (what is wrong; empty if it passed). Both are empty if no kit has tests for the template.

    Raises:
        WeaverError: the kit's file is malformed; names the key.
    """
    tests = find_behaviour_tests(template)
    cases = [(test, case) for test in tests for case in test.make_cases()]
    questions = {question_key(row): row for _, case in cases for row in case.questions}
    answers = dict(zip(questions, generate(list(questions.values())), strict=True)) if questions else {}
    checked = [check_case(test, case, [answers[question_key(row)] for row in case.questions]) for test, case in cases]
    summaries = [
        summarise_behaviour(test, [case for case in checked if case["behaviour"] == test.name]) for test in tests
    ]
    return summaries, checked


def question_key(row: Row) -> tuple[str, str]:
    """What makes two rows the same question."""
    return row["instruction"], row["input"]


def check_case(test: BehaviourTest, case: BehaviourCase, answers: list[str]) -> Row:
    """A case with its answers and what is wrong with them; see run_behaviour_tests."""
    error = test.find_error(case, answers)
    return {
        "behaviour": test.name,
        "kind": test.kind,
        "why": test.why,
        "questions": case.questions,
        "answers": answers,
        "passed": not error,
        "error": error,
    }


def summarise_behaviour(test: BehaviourTest, checked: list[Row]) -> Behaviour:
    """The artifact of a test, from its checked cases."""
    passed = sum(case["passed"] for case in checked)
    return Behaviour(name=test.name, kind=test.kind, cases=len(checked), passed=passed, min_share=test.min_share)
