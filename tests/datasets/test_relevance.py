"""On topic or not: by MiniLM's own reading of the questions, and by the word vectors distilled from it of the rows."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.relevance import THRESHOLDS, max_similarity, relevance, rows_kept_by_threshold
from pipelines.kits.automotive import service_advisor
from pipelines.text import embedder

QUESTIONS = [
    "What is the highway fuel economy of this car?\n2021 Honda Civic | city 30 mpg | cylinders 4 | highway 38 mpg",
    "How many cylinders does the engine have?\n2012 Ford Focus | gears 6 | cylinders 4 | displacement 2.0 L",
    "Which wheels are driven?\n2021 Subaru Outback | drive all-wheel | city 26 mpg",
    "What does the trouble code P0420 mean?",
]


@pytest.fixture
def distilled(home: Path) -> Iterator[None]:
    """Word vectors read anew, from a home that has them."""
    embedder.load_word_vectors.cache_clear()
    yield
    embedder.load_word_vectors.cache_clear()


def plan(questions: list[str], **refine: float) -> TrainingPlan:
    made = make_plan("service_advisor", {f"refine.{key}": value for key, value in refine.items()})
    return made.model_copy(update={"questions": questions})


def batch(*questions: tuple[str, str]) -> pa.Table:
    columns = {"instruction": [q for q, _ in questions], "input": [i for _, i in questions]}
    return pa.table({**columns, "id": [str(number) for number in range(len(questions))]})


def asked_of_the_kit() -> list[str]:
    """Without the requests that are there to be declined: those are off topic for the four questions above."""
    rows = [row for row in service_advisor.build() if row["kind"] != "refusal"]
    return [f"{row['instruction']}\n{row['input']}" for row in rows]


def chatted(count: int) -> list[str]:
    from chitchat_dataset import ConversationDataset

    every = [text for talk in ConversationDataset() for text in talk if len(text) > 15]
    return random.Random(0).sample(every, count)


def auc(high: np.ndarray, low: np.ndarray) -> float:
    """How often a value of `high` is above one of `low`."""
    return (high[:, None] > low).mean() + (high[:, None] == low).mean() / 2


def test_rows_off_topic_go_and_say_why(distilled: None) -> None:
    rows = batch(
        ("How many gears does this car have?", "2012 Audi A4 | gears 8 | city 21 mpg"),
        ("Do you like to go to the beach with your friends?", ""),
        ("What does P0171 mean?", ""),
    )
    found = relevance(rows, plan(QUESTIONS, relevance=0.08))
    assert found.select(rows.column_names) == rows
    assert found["reason"].is_null().to_pylist() == [True, False, True]
    value = found["relevance"][1].as_py()
    assert found["reason"][1].as_py() == f"off topic: relevance {value:.3f} < 0.08"
    assert value < 0.08 < min(found["relevance"][0].as_py(), found["relevance"][2].as_py())


def test_no_threshold_drops_none(distilled: None) -> None:
    found = relevance(batch(("I love pizza", ""), ("", "")), plan(QUESTIONS, relevance=-1))
    assert found["reason"].null_count == 2
    assert found["relevance"].to_pylist()[1] == 0


def test_without_questions_all_stay_and_it_is_said(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = relevance(batch(("I love pizza", "")), plan([], relevance=0.5))
    assert found["reason"].null_count == found["relevance"].null_count == 1
    assert "no sample questions" in caplog.text


def test_the_default_threshold_keeps_the_kit_and_little_of_small_talk(distilled: None) -> None:
    kit, chat = max_similarity(asked_of_the_kit(), QUESTIONS), max_similarity(chatted(1_000), QUESTIONS)
    threshold = plan(QUESTIONS).refine.relevance
    assert auc(kit, chat) > 0.99
    assert (kit < threshold).mean() < 0.01
    assert (chat >= threshold).mean() < 0.1


def test_effect_counts_the_rows_that_stay() -> None:
    found = [-0.2, 0.0, 0.08, 0.08, 0.5, 0.999]
    assert rows_kept_by_threshold(found).tolist() == [
        sum(value >= round(at, 2) for value in found) for at in THRESHOLDS
    ]


def test_words_are_in_the_space_of_minilm(distilled: None) -> None:
    words = ["brake", "gearbox", "warranty", "mileage", "pizza", "beach"]
    cosines = embedder.embed_rows(words) @ embedder.embed_sentences(words).T
    assert (cosines.argmax(axis=1) == np.arange(len(words))).all()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedder, "PACKAGE", "gt-no-such-model")
    with pytest.raises(WeaverError, match="gt-no-such-model"):
        embedder.embedder_folder()


@pytest.mark.slow
def test_it_judges_nearly_as_minilm_itself(distilled: None) -> None:
    kit = random.Random(0).sample(asked_of_the_kit(), 200)
    texts = [*kit, *chatted(200)]
    ours = max_similarity(texts, QUESTIONS)
    theirs = (embedder.embed_sentences(texts) @ embedder.embed_sentences(QUESTIONS).T).max(axis=1)
    agreement = np.corrcoef(ours.argsort().argsort(), theirs.argsort().argsort())[0, 1]
    assert agreement > 0.8
    assert auc(ours[:200], ours[200:]) > auc(theirs[:200], theirs[200:]) - 0.02
