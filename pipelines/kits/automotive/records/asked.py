"""How people ask for the fields of the kit's records, as examples for `text/asked_fields.py`.

Half of the questions are put together from terms and moods (`phrasing.py`), half were written as different people would
(`asked.json`: column → questions, `{it}` for the vehicle or code; `two` asks for two columns, `not_recorded` for none).
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.kits.automotive.records import (
    code_rows,
    code_wordings,
    epa,
    epa_wordings,
    not_recorded,
    trouble_codes,
    vpic_fields,
)
from pipelines.kits.automotive.records.declined import REQUESTS
from pipelines.kits.automotive.records.pasted_rows import TWO_FIELDS
from pipelines.kits.automotive.records.phrasing import Wording, ask, roughen
from pipelines.kits.automotive.records.vehicle_names import names_of
from pipelines.text.field_classifier import OFF_SUBJECT, AskedExample

SEED = 37
EACH = 150  # questions put together for a field
NOT_RECORDED = 600  # for what no record has
PAIRS = 400  # for two fields
AGAIN = 1  # times a written question is taken
CODE_FIELDS = {
    "meaning": "Meaning: {}",
    "urgency": "Severity: {}",
    "cause": "Most likely cause: {}",
    "check": "Recommended check: {}",
}


def read_written() -> dict[str, list[Any]]:
    """The questions of `asked.json`."""
    written: dict[str, list[Any]] = json.loads(Path(__file__).with_name("asked.json").read_text(encoding="utf-8"))
    return written


def vehicle_questions() -> Iterator[AskedExample]:
    """Questions for the fields of vehicles' records."""
    rng, vehicles, written = random.Random(SEED), epa.vehicles(), read_written()
    shown = {column: field.shown for column, field in (epa.FIELDS | vpic_fields.FIELDS).items()}
    wordings = epa_wordings.WORDINGS | {
        column: Wording(terms, tuple(vpic_fields.FIELDS[column].questions))
        for column, terms in epa_wordings.BUILD_TERMS.items()
        if column not in epa_wordings.WORDINGS
    }

    def names() -> list[str]:
        return names_of(rng.choice(vehicles), clear=rng.random() < 0.3)

    def put(question: str) -> Iterator[str]:
        for _ in range(AGAIN):
            yield roughen(question.replace("{it}", rng.choice(names()[:-1])), rng)

    for column, wording in wordings.items():
        for _ in range(EACH):
            yield AskedExample(ask(wording, names(), rng), (shown[column],))
        for question in written.get(column, ()):
            yield from (AskedExample(text, (shown[column],)) for text in put(question))
    for _ in range(NOT_RECORDED):
        yield AskedExample(ask(not_recorded.NOT_RECORDED, names(), rng), ())
    for question in written["not_recorded"]:
        yield from (AskedExample(text, ()) for text in put(question))
    for pair in written["two"]:
        fields = tuple(shown[column] for column in pair["fields"])
        yield from (AskedExample(text, fields) for text in put(pair["q"]))
    columns = list(epa_wordings.WORDINGS)
    for _ in range(PAIRS):
        both = rng.sample(columns, 2)
        terms = [rng.choice(wordings[column].terms) for column in both]
        text = rng.choice(TWO_FIELDS).format(*terms, it=rng.choice(names()[:-1]))
        yield AskedExample(roughen(text, rng), tuple(shown[column] for column in both))


def code_questions() -> Iterator[AskedExample]:
    """Questions for the parts of a trouble code's guidance."""
    rng, written = random.Random(SEED), read_written()
    codes = sorted(trouble_codes.guide())
    for facet, field in CODE_FIELDS.items():
        for _ in range(EACH):
            yield AskedExample(code_rows.put(code_wordings.WORDINGS[facet], rng.choice(codes), rng), (field,))
        for question in written[f"code_{facet}"]:
            for _ in range(AGAIN):
                spelled = code_rows.spell(rng.choice(codes), rng)
                yield AskedExample(roughen(question.replace("{it}", spelled), rng), (field,))
    for _ in range(NOT_RECORDED // 3):
        yield AskedExample(code_rows.put(code_wordings.NOT_RECORDED, rng.choice(codes), rng), ())


def declined_requests() -> Iterator[AskedExample]:
    """Requests that the model itself declines."""
    rng = random.Random(SEED)
    for themes in REQUESTS.values():
        for requests in themes.values():
            for request in requests:
                for _ in range(AGAIN):
                    yield AskedExample(roughen(request, rng), (OFF_SUBJECT,))
