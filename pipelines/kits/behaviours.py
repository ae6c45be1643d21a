"""Behaviour tests of a kit: what a model must do whatever its score, as cases with an expectation.

Source: CheckList (Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", ACL):
minimum functionality, invariance and directional expectation; with refusal and robustness added. A kit keeps them in
`behaviours/<template>.yaml`; evaluation runs them, and datasets keep their questions out of training.
"""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, field_validator

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.kits import load_kits
from pipelines.core.plan import Section
from pipelines.core.templates import load_template
from pipelines.core.validation import read_yaml, validate_section
from pipelines.kits.perturbations import PERTURBATION_NAMES, perturb
from pipelines.text.facts import contains_fact, extract_numbers
from pipelines.text.trigrams import repetition_share

Row = dict[str, Any]
Slots = dict[str, str]

REFUSAL_PHRASES = (
    *("cannot", "can't", "can not", "could not", "unable to", "not able to", "not allowed to", "won't"),
    *("only help with", "decline", "not in the record"),
)
MAX_REPETITION = 0.5  # share of repeated trigrams above which an answer counts as a loop


class BehaviourCase(NamedTuple):
    """Questions that are checked together, and the values of each one's slots."""

    questions: list[Row]
    slots: list[Slots]


class BehaviourTest(Section):
    """A behaviour test as YAML defines it: a question template, filled for each case with each combination of slots."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: str
    why: str = Field(min_length=1, description="the purpose, in one sentence")
    instruction: str = Field(description="{slots} are filled in: here, in the input and in contains and lacks")
    input: str = ""
    cases: list[Slots] = [{}]
    slots: dict[str, list[str]] = Field({}, description="slot → values; every combination is a case")
    contains: list[str] = Field([], description="words that every answer must contain")
    lacks: list[str] = Field([], description="words that no answer may contain")
    min_share: float = Field(1.0, ge=0, le=1, description="share of cases that must pass")

    def fill_slots(self) -> Iterator[Slots]:
        """The slot values of each case."""
        for case, choice in itertools.product(self.cases, itertools.product(*self.slots.values())):
            yield case | dict(zip(self.slots, choice, strict=True))

    def make_row(self, slots: Slots) -> Row:
        """The question with its slots filled."""
        return {"instruction": self.instruction.format(**slots), "input": self.input.format(**slots)}

    def make_cases(self) -> Iterator[BehaviourCase]:
        """The cases of the test."""
        for slots in self.fill_slots():
            yield BehaviourCase([self.make_row(slots)], [slots])

    def find_error(self, case: BehaviourCase, answers: list[str]) -> str:
        """Return what is wrong with the answers to a case's questions; an empty string if the case passes."""
        return next((error for error in map(self.find_answer_error, answers, case.slots) if error), "")

    def find_answer_error(self, answer: str, slots: Slots) -> str:
        """Return what is wrong with one answer; an empty string if nothing is."""
        for fact in self.contains:
            if not contains_fact(fact.format(**slots), answer):
                return f"does not say “{fact.format(**slots)}”: “{answer}”"
        for words in self.lacks:
            if words.format(**slots).casefold() in answer.casefold():
                return f"says “{words.format(**slots)}”: “{answer}”"
        return ""


class Minimum(BehaviourTest):
    """Minimum functionality: the answer must contain the fact."""

    contains: list[str] = Field(min_length=1)


class PerturbationTest(BehaviourTest):
    """A test that changes its questions."""

    perturb: list[str] = Field(
        [], description="names of perturbations of the question or its record: kits/perturbations.py"
    )

    @field_validator("perturb")
    @classmethod
    def check_names(cls, names: list[str]) -> list[str]:
        """Refuse a perturbation that does not exist, and name the nearest."""
        for name in names:
            if name not in PERTURBATION_NAMES:
                raise ValueError(f"there is no perturbation “{name}”{did_you_mean(name, PERTURBATION_NAMES)}")
        return names

    def make_perturbed_rows(self, slots: Slots) -> Iterator[Row]:
        """The question, perturbed once by each name."""
        for name in self.perturb:
            yield perturb(self.make_row(slots), [name], random.Random(repr((self.name, sorted(slots.items()), name))))


class Invariance(PerturbationTest):
    """A question and a paraphrase or perturbation of it: both answers must state the same facts."""

    contains: list[str] = Field(min_length=1)
    paraphrases: list[str] = Field([], description="other values of the slot {question}")

    def make_cases(self) -> Iterator[BehaviourCase]:
        """The cases of the test."""
        for slots in self.fill_slots():
            paraphrased = [slots | {"question": words.format(**slots)} for words in self.paraphrases]
            for variant in [*map(self.make_row, paraphrased), *self.make_perturbed_rows(slots)]:
                yield BehaviourCase([self.make_row(slots), variant], [slots, slots])


class Robustness(PerturbationTest):
    """Noise in the question: the answer must be neither empty nor a loop, and must still state the facts, if any."""

    perturb: list[str] = Field(min_length=1)

    def make_cases(self) -> Iterator[BehaviourCase]:
        """The cases of the test."""
        for slots in self.fill_slots():
            for row in self.make_perturbed_rows(slots):
                yield BehaviourCase([row], [slots])

    def find_answer_error(self, answer: str, slots: Slots) -> str:
        if not answer.strip():
            return "is empty"
        return (
            f"loops: {answer!r}"
            if repetition_share(answer.split()) > MAX_REPETITION
            else super().find_answer_error(answer, slots)
        )


class Direction(BehaviourTest):
    """A question asked along a series of slot values: the first number of each answer must not rise, or not fall."""

    series: list[Slots] = Field(min_length=2, description="slots, from the first to the last")
    expect: Literal["not_rising", "not_falling"]

    def make_cases(self) -> Iterator[BehaviourCase]:
        """The cases of the test."""
        for slots in self.fill_slots():
            series = [slots | step for step in self.series]
            yield BehaviourCase([self.make_row(step) for step in series], series)

    def find_error(self, case: BehaviourCase, answers: list[str]) -> str:
        first_numbers = [extract_numbers(answer)[:1] for answer in answers]
        if [] in first_numbers:
            return f"contains no number: “{answers[first_numbers.index([])]}”"
        if first_numbers != sorted(first_numbers, reverse=self.expect == "not_rising"):
            direction = {"not_rising": "rises", "not_falling": "falls"}[self.expect]
            return f"{direction} along the series: {', '.join(f'{number:g}' for (number,) in first_numbers)}"
        return super().find_error(case, answers)


class Refusal(BehaviourTest):
    """The request must be declined, without giving what was asked for."""

    phrases: list[str] = Field(list(REFUSAL_PHRASES), min_length=1, description="the answer must contain one of them")

    def find_answer_error(self, answer: str, slots: Slots) -> str:
        if not any(contains_fact(phrase, answer) for phrase in self.phrases):
            return f"does not decline: “{answer}”"
        return super().find_answer_error(answer, slots)


KINDS: dict[str, type[BehaviourTest]] = {
    kind.__name__.lower(): kind for kind in (Minimum, Invariance, Robustness, Direction, Refusal)
}


class BehaviourFile(Section):
    """A kit's file of behaviour tests."""

    behaviours: list[dict[str, Any]] = Field(min_length=1)


def find_behaviour_file(template: str) -> Path | None:
    """Return the file of behaviour tests for a template; None if there is none.

    A copy of a kit's template, which has the same data source, is tested by that template's file.
    """
    files = {
        file.stem: file for kit in load_kits().values() for file in sorted((kit.folder / "behaviours").glob("*.yaml"))
    }
    if template in files:
        return files[template]
    source = load_template(template).data.get("source")
    return next((file for name, file in files.items() if load_template(name).data.get("source") == source), None)


def find_behaviour_tests(template: str) -> list[BehaviourTest]:
    """Return the behaviour tests of a template; none if no kit has any for it.

    Raises:
        WeaverError: the kit's file is malformed; names the key.
    """
    file = find_behaviour_file(template)
    return load_behaviour_tests(file) if file else []


def list_behaviour_questions(template: str) -> list[Row]:
    """The questions of a template's behaviour tests, each once: rows with instruction, input and `source`, the test.

    Raises:
        WeaverError: the kit's file is malformed; names the key.
    """
    questions = {
        (row["instruction"], row["input"]): row | {"source": f"behaviour test {test.name}"}
        for test in find_behaviour_tests(template)
        for case in test.make_cases()
        for row in case.questions
    }
    return list(questions.values())


def load_behaviour_tests(file: Path) -> list[BehaviourTest]:
    """Return the behaviour tests of a file, in its order.

    Raises:
        WeaverError: a test is invalid; names the file, the test and the key, and the nearest valid name.
    """
    tests: list[BehaviourTest] = []
    for number, values in enumerate(validate_section(BehaviourFile, read_yaml(file), str(file)).behaviours):
        where = f"{file}: behaviours.{number} ({values.get('name', 'without a name')})"
        kind = str(values.get("kind"))
        if kind not in KINDS:
            raise WeaverError(
                f"{where}: there is no kind “{kind}”{did_you_mean(kind, KINDS)}", f"Choose one of: {', '.join(KINDS)}."
            )
        test = validate_section(KINDS[kind], values, where)
        if test.name in [other.name for other in tests]:
            raise WeaverError(f"{where}: the name is used twice.", "Give each behaviour a unique name.")
        try:
            cases = list(test.make_cases())
            for slots in (slots for case in cases for slots in case.slots):
                _ = [words.format(**slots) for words in (*test.contains, *test.lacks)]
        except (KeyError, IndexError, ValueError) as error:
            raise WeaverError(
                f"{where}: a slot is not filled: {error}", "Name it in cases, slots or series."
            ) from error
        if not cases:
            raise WeaverError(f"{where}: it has no cases.", "Give it cases, slots, paraphrases or perturbations.")
        tests.append(test)
    return tests
