"""What the classifier of asked fields keeps, and what it does where that is damaged or cannot be kept."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.settings import settings
from pipelines.text import field_classifier
from pipelines.text.field_classifier import NOTHING, AskedExample, FieldClassifier

EXAMPLES = [
    AskedExample("how many miles in the city", ("city {} mpg",)),
    AskedExample("what does it get in town", ("city {} mpg",)),
    AskedExample("how many cylinders", ("cylinders {}",)),
    AskedExample("is it a six or an eight", ("cylinders {}",)),
    AskedExample("what colour is it", ()),
]


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("WEAVER_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_it_is_fitted_once_for_a_home(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = FieldClassifier(EXAMPLES)
    assert next(iter(fitted.find("miles in town?"))) == "city {} mpg"
    assert fitted.find_asked("how many cylinders?") == {"cylinders {}"}
    assert set(fitted.names) == {"city {} mpg", "cylinders {}", NOTHING}
    monkeypatch.setattr(field_classifier, "fit_weights", None)
    assert FieldClassifier(EXAMPLES).find("miles in town?") == fitted.find("miles in town?")


def test_other_examples_are_fitted_anew(empty_home: Path) -> None:
    FieldClassifier(EXAMPLES)
    swapped = FieldClassifier([example._replace(fields=EXAMPLES[-1 - n].fields) for n, example in enumerate(EXAMPLES)])
    assert next(iter(swapped.find("what colour is it"))) == "city {} mpg"
    assert len(list((empty_home / "field_classifiers").glob("[!.]*"))) == 2


def test_a_damaged_file_is_named_and_the_answer_stays(empty_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = FieldClassifier(EXAMPLES).find("miles in town?")
    (file,) = (empty_home / "field_classifiers").rglob("*.safetensors")
    for content in (b"", file.read_bytes()[:100]):
        file.write_bytes(content)
        with caplog.at_level(logging.WARNING):
            assert FieldClassifier(EXAMPLES).find("miles in town?") == before
        assert str(file.parent) in caplog.text and "delete the folder" in caplog.text
        caplog.clear()


def test_where_nothing_can_be_kept_it_still_answers(empty_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    (empty_home / "field_classifiers").write_text("a file where the folder should be")
    assert FieldClassifier(EXAMPLES).find_asked("how many cylinders?") == {"cylinders {}"}
    assert "fitting again for this process" in caplog.text
