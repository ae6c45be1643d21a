"""What the tests of this room share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.artifacts import Splits
from pipelines.core.files import write_jsonl
from pipelines.datasets.split import digest_files

# What fails in there says what differs, as it does in a test.
pytest.register_assert_rewrite("tests.datasets.upload_files", "tests.datasets.dvc_repository")


@pytest.fixture
def splits(home: Path, tmp_path: Path) -> Callable[..., Splits]:
    """Splits of some training rows and one held-out row."""

    def make(rows: int) -> Splits:
        folder = tmp_path / f"splits of {rows}"
        write_jsonl(folder / "train.jsonl", [{"instruction": f"question {number}"} for number in range(rows)])
        write_jsonl(folder / "heldout.jsonl", [{"instruction": "held out"}])
        return Splits(uri=str(folder), digest=digest_files(folder), rows={"train": rows, "heldout": 1}, dropped={})

    return make
