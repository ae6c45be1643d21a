"""Behaviour tests of a kit: what a model must do whatever its score, as cases with an expectation.

After CheckList (Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", ACL):
minimum functionality, invariance and directional expectation; refusal and robustness beside them. A kit holds them in
`behaviours/<template>.yaml`.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, field_validator

from pipelines.core.artifacts import Behaviour
from pipelines.core.errors import WeaverError
from pipelines.core.kits import load_kits
from pipelines.core.plan import Section
from pipelines.core.templates import load_template
from pipelines.core.validation import did_you_mean, read_yaml, validate_section
from pipelines.evaluation.error_analysis import repetition_share
from pipelines.kits.perturbations import PERTURBATION_NAMES, perturb
from pipelines.text.facts import contains_fact, extract_numbers

Row = dict[str, Any]
Slots = dict[str, str]

REFUSAL_PHRASES = (
    *("cannot", "can't", "can not", "could not", "unable to", "not able to", "not allowed to", "won't"),
    *("only help with", "decline"),
)
MAX_REPETITION = 0.5  # the share of an answer's trigrams that it said before, from which it loops


class BehaviourCase(NamedTuple):
    """Questions that are judged together, and what each one's slots were filled with."""

    questions: list[Row]
    slots: list[Slots]


class BehaviourTest(Section):
    """A behaviour as YAML says it: one template of a question, filled from every case with every choice of slots."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: str
    why: str = Field(min_length=1, description="what it is good for, in one sentence")
    instruction: str = Field(description="{slots} are filled in, here, in the input and in what is expected")
    input: str = ""
    cases: list[Slots] = [{}]
    slots: dict[str, list[str]] = Field({}, description="slot → values; every combination is a case")
    contains: list[str] = Field([], description="words that every answer must hold")
    lacks: list[str] = Field([], description="words that no answer may hold")
    min_share: float = Field(1.0, ge=0, le=1, description="share of cases that must pass")

    def filled(self) -> Iterator[Slots]:
        for case, choice in itertools.product(self.cases, itertools.product(*self.slots.values())):
            yield case | dict(zip(self.slots, choice, strict=True))

    def row(self, slots: Slots) -> Row:
        return {"instruction": self.instruction.format(**slots), "input": self.input.format(**slots)}

    def make(self) -> Iterator[BehaviourCase]:
        for slots in self.filled():
            yield BehaviourCase([self.row(slots)], [slots])

    def fault(self, case: BehaviourCase, answers: list[str]) -> str:
        """What is wrong with the answers to a case's questions; empty if nothing is."""
        return next((f for f in map(self.fault_of, answers, case.slots) if f), "")

    def fault_of(self, answer: str, slots: Slots) -> str:
        for fact in self.contains:
            if not contains_fact(fact.format(**slots), answer):
                return f"does not say {fact.format(**slots)!r}: {answer!r}"
        for words in self.lacks:
            if words.format(**slots).casefold() in answer.casefold():
                return f"says {words.format(**slots)!r}: {answer!r}"
        return ""


class Minimum(BehaviourTest):
    """Minimum functionality: the fact must stand in the answer."""

    contains: list[str] = Field(min_length=1)


class PerturbationTest(BehaviourTest):
    perturb: list[str] = Field([], description="changes to the question or its record, by name: kits/perturbations.py")

    @field_validator("perturb")
    @classmethod
    def known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in PERTURBATION_NAMES:
                raise ValueError(f"there is no perturbation {name!r}{did_you_mean(name, PERTURBATION_NAMES)}")
        return names

    def perturbed(self, slots: Slots) -> Iterator[Row]:
        for name in self.perturb:
            yield perturb(self.row(slots), [name], random.Random(repr((self.name, sorted(slots.items()), name))))


class Invariance(PerturbationTest):
    """A question and the same question otherwise put: both answers must state the same facts."""

    contains: list[str] = Field(min_length=1)
    paraphrases: list[str] = Field([], description="other values of the slot {question}")

    def make(self) -> Iterator[BehaviourCase]:
        for slots in self.filled():
            others = [slots | {"question": words.format(**slots)} for words in self.paraphrases]
            for other in [*map(self.row, others), *self.perturbed(slots)]:
                yield BehaviourCase([self.row(slots), other], [slots, slots])


class Robustness(PerturbationTest):
    """Noise: the answer must not be empty nor a loop, and still state the facts, where there are any."""

    perturb: list[str] = Field(min_length=1)

    def make(self) -> Iterator[BehaviourCase]:
        for slots in self.filled():
            for row in self.perturbed(slots):
                yield BehaviourCase([row], [slots])

    def fault_of(self, answer: str, slots: Slots) -> str:
        if not answer.strip():
            return "says nothing"
        return (
            f"loops: {answer!r}"
            if repetition_share(answer.split()) > MAX_REPETITION
            else super().fault_of(answer, slots)
        )


class Direction(BehaviourTest):
    """The same question along a series: the first number of each answer must not rise, or not fall."""

    series: list[Slots] = Field(min_length=2, description="slots, from the first to the last")
    expect: Literal["not_rising", "not_falling"]

    def make(self) -> Iterator[BehaviourCase]:
        for slots in self.filled():
            along = [slots | step for step in self.series]
            yield BehaviourCase([self.row(step) for step in along], along)

    def fault(self, case: BehaviourCase, answers: list[str]) -> str:
        said = [extract_numbers(answer)[:1] for answer in answers]
        if [] in said:
            return f"says no number: {answers[said.index([])]!r}"
        if said != sorted(said, reverse=self.expect == "not_rising"):
            turned = {"not_rising": "rises", "not_falling": "falls"}[self.expect]
            return f"{turned} along the series: {', '.join(f'{number:g}' for (number,) in said)}"
        return super().fault(case, answers)


class Refusal(BehaviourTest):
    """The request must be declined, and what was asked for not be said all the same."""

    phrases: list[str] = Field(list(REFUSAL_PHRASES), min_length=1, description="one of them must stand in the answer")

    def fault_of(self, answer: str, slots: Slots) -> str:
        if not any(contains_fact(phrase, answer) for phrase in self.phrases):
            return f"does not decline: {answer!r}"
        return super().fault_of(answer, slots)


KINDS: dict[str, type[BehaviourTest]] = {
    kind.__name__.lower(): kind for kind in (Minimum, Invariance, Robustness, Direction, Refusal)
}


class BehaviourFile(Section):
    behaviours: list[dict[str, Any]] = Field(min_length=1)


def run_behaviour_tests(template: str, ask: Callable[[list[Row]], list[str]]) -> tuple[list[Behaviour], list[Row]]:
    """Hold whoever answers to the behaviours that the template's kit asks for.

    Args:
        ask: rows with instruction and input → an answer each, in order. Called once, with no question twice.

    Returns:
        An artifact a behaviour; and a dict a case: behaviour, kind, why, questions (as `ask` was given them), answers,
        passed, and fault (what was wrong; empty if it passed). Both are empty where no kit has any for the template.

    Raises:
        WeaverError: the kit's file is malformed; names the key.
    """
    file = find_behaviour_file(template)
    probes = load_behaviour_tests(file) if file else []
    cases = [(probe, case) for probe in probes for case in probe.make()]
    asked = {question_key(row): row for _, case in cases for row in case.questions}
    answers = dict(zip(asked, ask(list(asked.values())), strict=True)) if asked else {}
    told = [check_case(probe, case, [answers[question_key(row)] for row in case.questions]) for probe, case in cases]
    return [
        summarise_behaviour(probe, [case for case in told if case["behaviour"] == probe.name]) for probe in probes
    ], told


def question_key(row: Row) -> tuple[str, str]:
    return row["instruction"], row["input"]


def check_case(probe: BehaviourTest, case: BehaviourCase, answers: list[str]) -> Row:
    fault = probe.fault(case, answers)
    return {
        "behaviour": probe.name,
        "kind": probe.kind,
        "why": probe.why,
        "questions": case.questions,
        "answers": answers,
        "passed": not fault,
        "fault": fault,
    }


def summarise_behaviour(probe: BehaviourTest, told: list[Row]) -> Behaviour:
    passed = sum(case["passed"] for case in told)
    return Behaviour(name=probe.name, kind=probe.kind, cases=len(told), passed=passed, min_share=probe.min_share)


def find_behaviour_file(template: str) -> Path | None:
    """A kit's behaviours for a template: its own; for one that learns from a kit's builder those of the kit's template
    that does too, as a dealership's copy of it; else none."""
    known = {
        file.stem: file for kit in load_kits().values() for file in sorted((kit.folder / "behaviours").glob("*.yaml"))
    }
    if template in known:
        return known[template]
    source = load_template(template).data.get("source")
    return next((file for name, file in known.items() if load_template(name).data.get("source") == source), None)


def load_behaviour_tests(file: Path) -> list[BehaviourTest]:
    """The behaviours of a file, in its order.

    Raises:
        WeaverError: names the file, the behaviour and the key at fault, and the nearest valid one.
    """
    probes: list[BehaviourTest] = []
    for number, values in enumerate(validate_section(BehaviourFile, read_yaml(file), str(file)).behaviours):
        where = f"{file}: behaviours.{number} ({values.get('name', 'without a name')})"
        kind = str(values.get("kind"))
        if kind not in KINDS:
            raise WeaverError(
                f"{where}: there is no kind {kind!r}{did_you_mean(kind, KINDS)}", f"Choose one of: {', '.join(KINDS)}."
            )
        probe = validate_section(KINDS[kind], values, where)
        if probe.name in [other.name for other in probes]:
            raise WeaverError(f"{where}: another behaviour has this name", "Give each a name of its own.")
        try:
            cases = list(probe.make())
            for slots in (slots for case in cases for slots in case.slots):
                _ = [words.format(**slots) for words in (*probe.contains, *probe.lacks)]
        except (KeyError, IndexError, ValueError) as error:
            raise WeaverError(
                f"{where}: a slot is not filled: {error}", "Name it in cases, slots or series."
            ) from error
        if not cases:
            raise WeaverError(f"{where}: it makes no case", "Give it what to vary, and values for its slots.")
        probes.append(probe)
    return probes
