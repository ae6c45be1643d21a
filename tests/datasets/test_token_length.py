"""A row that is too long to train on is dropped by name in refinement, whatever its source; the others go on."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.core.files import canonical_json
from pipelines.core.make_plan import make_plan
from pipelines.datasets.collect import fill_defaults
from pipelines.datasets.refine.row_table import parse_lines
from pipelines.datasets.refine.text_steps import length

pytestmark = pytest.mark.usefixtures("home")

LONG = json.loads((Path(__file__).parent / "uploads" / "long_row2.jsonl").read_text())
SHORT = LONG | {"input": "2019 Ford Escape | gears 6", "output": "6 gears."}


def reasons(*rows: dict[str, str], **overrides: int) -> list[str | None]:
    lines = [canonical_json(fill_defaults(row, f"own.jsonl:{at}")).encode() for at, row in enumerate(rows, 1)]
    plan = make_plan("service_advisor", {f"train.{key}": value for key, value in overrides.items()})
    return length(parse_lines(pa.table({"line": pa.array(lines, pa.binary())})), plan)["reason"].to_pylist()


def test_a_long_row_is_dropped_by_file_and_line() -> None:
    assert reasons(SHORT, LONG) == [None, "too many tokens: 576 in own.jsonl:2, train.max_length is 384"]


@pytest.mark.parametrize(("max_length", "kept"), [(575, False), (576, True)])
def test_the_limit_is_that_of_training(max_length: int, kept: bool) -> None:
    assert (reasons(LONG, max_length=max_length) == [None]) == kept
