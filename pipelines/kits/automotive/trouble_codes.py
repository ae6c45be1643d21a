"""Questions about trouble codes, answered in the words of elm327obd's guide (dtc_guide.toml)."""

import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

from pipelines.errors import WeaverError

# Codes a counter hears, of every severity, whose guidance is short enough for a small model to learn by heart.
CODES = (
    "P0016", "P0128", "P0217", "P0219", "P0299", "P0301", "P0401", "P0420", "P0455", "P0505", "P0524", "P0562",
)  # fmt: skip
ASKED = 5  # wordings in which each fact is asked; at most a fifth of the wordings is held out, so each fact is learnt


class Facet(NamedTuple):
    """What can be asked about a code: the answer's form, and wordings that share few words."""

    answer: str
    wordings: tuple[str, ...]


FACETS = {
    "code_meaning": Facet(
        "{}",
        (
            "What does trouble code {} mean?",
            "My scanner shows {}. What is wrong?",
            "Explain {} to me in plain English.",
            "The check-engine light is on with {}. What happened?",
            "What is the car telling us with {}?",
            "A customer asks about {}: what is it?",
            "Which fault is stored as {}?",
            "Meaning of diagnostic code {}, please.",
            "We read {} from the engine computer. Describe the problem.",
            "{} came up during the inspection. What should I tell the owner?",
        ),
    ),
    "code_urgency": Facet(
        "{}",
        (
            "How urgent is trouble code {}?",
            "Can I keep driving with {}?",
            "How soon does {} have to be fixed?",
            "What is the severity of {}?",
            "Is {} serious?",
            "A customer with {} wants to wait. What is your advice?",
            "Does {} need attention today?",
            "How dangerous is it to ignore {}?",
            "Which priority does a repair for {} get?",
            "My car threw {} on a road trip. Should I stop?",
        ),
    ),
    "code_cause": Facet(
        "Most likely cause: {}.",
        (
            "What is the most likely cause of {}?",
            "Why did my car set {}?",
            "What usually triggers {}?",
            "Which part tends to be behind {}?",
            "Where does {} come from?",
            "Name the common reason for trouble code {}.",
            "The technician found {}. What probably failed?",
            "What makes a car store {}?",
            "If you see {}, what do you suspect?",
            "Tell me the leading culprit when {} appears.",
        ),
    ),
    "code_check": Facet(
        "Recommended check: {}.",
        (
            "What should be checked for {}?",
            "How do I begin to diagnose {}?",
            "Give me a first check for trouble code {}.",
            "Which inspection helps with {}?",
            "The scanner says {}. Where do we look?",
            "How would a technician confirm {}?",
            "What test do you recommend after {}?",
            "A car with {} is on the lift. What do I examine?",
            "Before replacing parts for {}, what comes first?",
            "I want to troubleshoot {} at home. Any tip?",
        ),
    ),
}


def rows() -> Iterator[dict[str, Any]]:
    """Rows of kind knowledge; a group is a wording, so that held-out rows ask what was learnt in other words."""
    known = guide()
    for topic, facet in FACETS.items():
        for number, code in enumerate(CODES):
            fact, text = known[code][topic]
            for step in range(ASKED):
                wording = facet.wordings[(number + step) % len(facet.wordings)]
                yield {
                    "instruction": wording.format(code),
                    "input": "",
                    "output": facet.answer.format(text),
                    "topic": topic,
                    "source": "elm327obd:dtc_guide.toml",
                    "key": code,
                    "kind": "knowledge",
                    "facts": {topic.removeprefix("code_"): fact},
                    "group": wording,
                }


def guide() -> dict[str, dict[str, tuple[str, str]]]:
    """Code → topic → (the fact, the text that says it).

    Read from the package's file and not through `elm327obd.dtc.guide`, which mixes in the user's own entries.

    Raises:
        WeaverError: a code of CODES is not in the guide.
    """
    from elm327obd.dtc import SEVERITY_TEXT, expand_codes

    known = {}
    text = (resources.files("elm327obd") / "dtc_guide.toml").read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["entry"]:
        severity, cause, check = entry["severity"], entry["causes"][0], entry["checks"][0]
        advice, _, _ = SEVERITY_TEXT[severity].partition(" \N{EN DASH} ")
        facts = {
            "code_meaning": (entry["summary"], entry["summary"]),
            "code_urgency": (f"Severity: {severity}", f"Severity: {severity}. {advice}."),
            "code_cause": (cause, cause),
            "code_check": (check, check),
        }
        known.update({code: facts for span in entry["codes"] for code in expand_codes(span)})
    if missing := set(CODES) - set(known):
        raise WeaverError(
            f"elm327obd's guide does not hold {', '.join(sorted(missing))}", "Install the version that uv.lock pins."
        )
    return known
