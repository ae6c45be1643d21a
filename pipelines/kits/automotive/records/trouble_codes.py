"""Questions about trouble codes, answered in the words of elm327obd's guide (dtc_guide.toml)."""

import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, NamedTuple

from pipelines.core.errors import WeaverError

# Codes a counter hears, two of each severity, whose guidance is short. Few facts asked often: a small model learns by
# heart only what it meets many times.
CODES = ("P0128", "P0217", "P0301", "P0420", "P0455", "P0505", "P0524", "P0562")
SOURCE = "elm327obd:dtc_guide.toml"
ASKED = 8  # wordings in which each fact is asked, out of ten: with a fifth held out, at least six are memorised


class Facet(NamedTuple):
    """What can be asked about a code: the words that an answer must hold, the answer, and wordings far apart."""

    fact: str
    answer: str
    wordings: tuple[str, ...]


FACETS = {
    "code_meaning": Facet(
        "{summary}",
        "{summary}",
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
        "Severity: {severity}",
        "Severity: {severity}. {advice}.",
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
        "{cause}",
        "Most likely cause: {cause}.",
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
        "{check}",
        "Recommended check: {check}.",
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


def rows(codes: Sequence[str] = CODES) -> Iterator[dict[str, Any]]:
    """Rows of kind knowledge; a group is a wording, so that held-out rows ask for memorised facts in other words."""
    guides = guide()
    for topic, facet in FACETS.items():
        for number, code in enumerate(codes):
            for step in range(ASKED):
                wording = facet.wordings[(number + step) % len(facet.wordings)]
                yield {
                    "instruction": wording.format(code),
                    "input": "",
                    "output": facet.answer.format(**guides[code]),
                    "topic": topic,
                    "source": SOURCE,
                    "key": code,
                    "kind": "knowledge",
                    "facts": {topic.removeprefix("code_"): facet.fact.format(**guides[code])},
                    "group": wording,
                }


def guide() -> dict[str, dict[str, str]]:
    """Code → summary, severity, advice (what the severity means), the likeliest cause and a check, and `entry`: the
    first code of those that the guide has this to say about.

    Read from the package's file and not through `elm327obd.dtc.guide`, which mixes in the user's own entries.

    Raises:
        WeaverError: a code of CODES is not in the guide.
    """
    from elm327obd.dtc import SEVERITY_TEXT, expand_codes

    guides = {}
    text = (resources.files("elm327obd") / "dtc_guide.toml").read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["entry"]:
        advice, _, _ = SEVERITY_TEXT[entry["severity"]].partition(" \N{EN DASH} ")
        guidance = {
            "summary": entry["summary"],
            "severity": entry["severity"],
            "advice": advice,
            "cause": entry["causes"][0],
            "check": entry["checks"][0],
        }
        codes = [code for span in entry["codes"] for code in expand_codes(span)]
        guides.update({code: guidance | {"entry": codes[0]} for code in codes})
    if missing := set(CODES) - set(guides):
        raise WeaverError(
            f"elm327obd's guide does not hold {', '.join(sorted(missing))}",
            "Install the version that pyproject.toml pins.",
        )
    return guides
