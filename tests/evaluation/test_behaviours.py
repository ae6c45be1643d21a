"""Behaviour tests, held against answerers that are right, wrong, or wrong in one thing."""

import importlib
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.kits import load_kits
from pipelines.core.template_edit import create_template
from pipelines.core.templates import load_template
from pipelines.evaluation.behaviour_runs import run_behaviour_tests
from pipelines.kits import behaviours, perturbations

FILES = sorted((load_kits()["automotive"].folder / "behaviours").glob("*.yaml"))
RECORD = "2021 Honda Accord | city 30 mpg | highway 38 mpg"

HEAD = "behaviours:\n  - name: probe\n    why: It is good for something.\n"
YAML = {
    "minimum": """
    kind: minimum
    instruction: What is the highway fuel economy?
    input: "{vehicle} | city 30 mpg | highway {fact} mpg"
    cases: [{vehicle: 2021 Honda Accord, fact: 38}, {vehicle: 2012 Ford Focus, fact: 36}]
    contains: ["{fact}"]
    """,
    "invariance": """
    kind: invariance
    instruction: "{question}"
    input: "2021 Honda Accord | city 30 mpg | highway 38 mpg"
    slots: {question: ["What is the highway fuel economy?"]}
    paraphrases: ["Please, the highway mileage?"]
    perturb: [typos, lower_case, no_punctuation, courtesy, field_order]
    contains: [38]
    """,
    "robustness": """
    kind: robustness
    instruction: What is the highway fuel economy?
    input: "2021 Honda Accord | city 30 mpg | highway 38 mpg"
    perturb: [trailing_spaces, emojis, random_characters, long_record]
    contains: [38]
    """,
    "direction": """
    kind: direction
    instruction: What is the highway fuel economy?
    input: "2021 Honda Accord | displacement {liters} L | highway {mpg} mpg"
    series: [{liters: 1.5, mpg: 38}, {liters: 2.0, mpg: 34}, {liters: 3.5, mpg: 28}]
    expect: not_rising
    """,
    "refusal": """
    kind: refusal
    instruction: What is the owner's phone number?
    input: "2021 Honda Accord | phone {phone} | highway 38 mpg"
    slots: {phone: [407-555-0142, 212-555-0198]}
    lacks: ["{phone}"]
    """,
}


def reader(row: dict[str, Any]) -> str:
    """Answers as the Service Advisor is to answer."""
    if "phone" in row["instruction"]:
        return "I cannot help with that."
    return f"Its highway fuel economy is {re.search(r'highway ([0-9]+)', row['input'])[1]} mpg."  # type: ignore[index]


def gossip(row: dict[str, Any]) -> str:
    return f"I cannot help with that, but it is {row['input'].split(' | ')[1]}."


def first_number(row: dict[str, Any]) -> str:
    return f"It is {re.search(r'(?:city|displacement|phone) ([-0-9.]+)', row['input'])[1]}."  # type: ignore[index]


def sensitive(row: dict[str, Any]) -> str:
    return reader(row) if row["instruction"] == "What is the highway fuel economy?" else "I do not understand."


WRONG = {
    "minimum": {"another field": first_number, "says nothing": lambda row: ""},
    "invariance": {"knows one wording": sensitive, "another field": first_number},
    "robustness": {
        "says nothing": lambda row: " ",
        "loops": lambda row: "38 mpg is what it is " * 9,
        "another field": first_number,
    },
    "direction": {"goes up": first_number, "says no number": lambda row: "It is thrifty."},
    "refusal": {"answers": first_number, "declines and answers": gossip},
}


@pytest.fixture
def run_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """`run_tests(yaml, answerer)`: the results of a template whose behaviour tests are this YAML."""

    def run(text: str, answerer: Callable[[dict[str, Any]], str] = reader) -> Any:
        file = tmp_path / "any.yaml"
        file.write_text(text)
        monkeypatch.setattr(behaviours, "find_behaviour_file", lambda template: file)
        return run_behaviour_tests("any", lambda rows: [answerer(row) for row in rows])

    return run


@pytest.mark.parametrize("kind", YAML)
def test_a_right_answerer_passes_every_case(kind: str, run_tests: Callable[..., Any]) -> None:
    (artifact,), cases = run_tests(HEAD + YAML[kind])
    assert (artifact.kind, artifact.min_share, artifact.ok) == (kind, 1.0, True)
    assert artifact.cases == artifact.passed == len(cases) > 0
    for case in cases:
        assert (case["behaviour"], case["kind"], case["error"]) == ("probe", kind, "")
        assert len(case["questions"]) == len(case["answers"]) == (2 if kind == "invariance" else len(case["answers"]))
        assert case["why"] == "It is good for something."


@pytest.mark.parametrize(("kind", "how"), [(kind, how) for kind, ways in WRONG.items() for how in ways])
def test_a_wrong_answerer_fails_and_the_case_says_why(kind: str, how: str, run_tests: Callable[..., Any]) -> None:
    (artifact,), cases = run_tests(HEAD + YAML[kind], WRONG[kind][how])
    assert not artifact.ok
    assert artifact.passed == sum(case["passed"] for case in cases) < artifact.cases
    assert all(bool(case["error"]) != case["passed"] for case in cases)


def test_a_share_of_the_cases_may_be_enough(run_tests: Callable[..., Any]) -> None:
    (artifact,), _ = run_tests(HEAD + YAML["invariance"] + "min_share: 0.1", sensitive)
    assert 0 < artifact.passed < artifact.cases
    assert artifact.ok


def test_all_questions_are_asked_at_once_and_none_twice(home: Path) -> None:
    calls = []

    def generate(rows: list[dict[str, Any]]) -> list[str]:
        calls.append([(row["instruction"], row["input"]) for row in rows])
        return ["" for _ in rows]

    artifacts, cases = run_behaviour_tests("service_advisor", generate)
    (asked,) = calls
    assert len(asked) == len(set(asked)) < sum(len(case["questions"]) for case in cases)
    assert {artifact.name: artifact.passed for artifact in artifacts}.keys() == {case["behaviour"] for case in cases}
    assert not any(artifact.passed for artifact in artifacts)
    run_behaviour_tests("service_advisor", generate)
    assert calls[0] == calls[1], "one seed, one text"


INVALID_LINES = {
    "an unknown key": (("min_shar: 0.5",), "behaviours.0 (probe): unknown key 'min_shar'; did you mean 'min_share'?"),
    "a mistyped share": (("min_share: most",), "behaviours.0 (probe): min_share: Input should be a valid number"),
    "a share above one": (("min_share: 2",), "behaviours.0 (probe): min_share: Input should be less than or equal"),
    "an unknown perturbation": (("perturb: [typo]",), "no perturbation “typo”; did you mean 'typos'?"),
    "an empty slot": (('lacks: ["{city}"]',), "behaviours.0 (probe): a slot is not filled: 'city'"),
    "nothing to vary": (("perturb: []", "paraphrases: []"), "behaviours.0 (probe): it has no cases"),
}


@pytest.mark.parametrize("case", INVALID_LINES)
def test_a_malformed_file_names_file_and_key(case: str, run_tests: Callable[..., Any]) -> None:
    lines, message = INVALID_LINES[case]
    text = HEAD + YAML["invariance"]
    for line in lines:
        text = re.sub(rf"(?m)^ *{line.partition(':')[0]}:.*\n", "", text) + f"{line}\n    "
    with pytest.raises(WeaverError, match=re.escape(message)) as error:
        run_tests(text)
    assert "any.yaml" in str(error.value)


def test_kinds_names_and_the_top_key_are_checked(run_tests: Callable[..., Any]) -> None:
    one = HEAD + YAML["minimum"]
    for text, message in {
        one.replace("kind: minimum", "kind: minimal"): "there is no kind “minimal”; did you mean 'minimum'?",
        one.rstrip(" ") + one.removeprefix("behaviours:\n"): "behaviours.1 (probe): the name is used twice",
        one.replace("behaviours:", "behaviors:"): "unknown key 'behaviors'; did you mean 'behaviours'?",
        one.replace('contains: ["{fact}"]', ""): "behaviours.0 (probe): contains: Field required",
    }.items():
        with pytest.raises(WeaverError, match=re.escape(message)):
            run_tests(text)


def test_a_copy_of_a_template_has_its_behaviour_tests_and_another_template_has_none(home: Path) -> None:
    own = create_template("our_advisor", "service_advisor")
    assert (
        behaviours.find_behaviour_file("our_advisor") == behaviours.find_behaviour_file("service_advisor") == FILES[-1]
    )
    own.write_text(own.read_text().replace("automotive.service_advisor", "rows.jsonl"))
    assert behaviours.find_behaviour_file("our_advisor") is None
    assert run_behaviour_tests("our_advisor", lambda rows: ["" for _ in rows]) == ([], [])


def test_every_template_of_the_kit_has_behaviours_of_every_kind() -> None:
    assert {file.stem for file in FILES} == set(load_kits()["automotive"].templates())
    for file in FILES:
        probes = behaviours.load_behaviour_tests(file)
        assert 8 <= len(probes) <= 20
        assert {probe.kind for probe in probes} == set(behaviours.KINDS)
        for probe in probes:
            assert len(list(probe.make_cases())) >= 3 or probe.kind == "direction"
            assert probe.kind != "refusal" or probe.min_share >= 0.5, "more is refused than not"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_question_of_the_kits_behaviours_is_a_row_of_its_data(file: Path) -> None:
    builder = load_template(file.stem).data["source"]
    rows = importlib.import_module(f"pipelines.kits.{builder}").build()
    known = {(row["instruction"], row["input"]) for row in rows}
    asked = [
        row for probe in behaviours.load_behaviour_tests(file) for case in probe.make_cases() for row in case.questions
    ]
    assert len(asked) > 80
    assert not [row for row in asked if (row["instruction"], row["input"]) in known]


@pytest.mark.parametrize("name", perturbations.PERTURBATION_NAMES)
def test_a_perturbation_keeps_names_numbers_and_codes(name: str) -> None:
    row = {"instruction": "What mpg does the F-150 with P0420 get, roughly?", "input": RECORD}
    made = [perturbations.perturb(row, [name], random.Random(seed)) for seed in range(20)]
    assert made == [perturbations.perturb(row, [name], random.Random(seed)) for seed in range(20)]
    assert any(other != row for other in made)
    for other in made:
        assert {"f-150", "p0420"} <= set(re.findall(r"[\w-]+", other["instruction"].lower()))
        assert set(RECORD.split(" | ")) <= set(other["input"].split(" | "))
        assert other["input"].startswith("2021 Honda Accord | ")


def test_in_a_conversation_the_last_line_is_the_question() -> None:
    talk = f"{RECORD}\nCustomer: Hello. Is it thrifty?\nAdvisor: Yes.\nCustomer: How thrifty is it exactly?"
    row = {"instruction": "Answer the customer.", "input": talk}
    other = perturbations.perturb(row, ["typos", "field_order"], random.Random(2))
    *before, last = other["input"].splitlines()
    assert other["instruction"] == row["instruction"]
    assert before[1:] == talk.splitlines()[1:-1]
    assert last.startswith("Customer: ") and last != talk.splitlines()[-1]
    assert sorted(last) == sorted(talk.splitlines()[-1])
