"""What is measured of requests: the question, the answer, and how people rated it and servers handled it.

Whatever needs the true answer belongs to evaluation. Here nobody knows it, so an answer is checked against the
question: a number in an answer from a record must stand in that record.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.artifacts import Signal, SignalKind
from pipelines.core.plan import Drift
from pipelines.core.settings import quiet_libraries
from pipelines.monitoring.drift import embeddings, index_coverage, signals
from pipelines.text import embedder
from pipelines.text.declines import is_decline
from pipelines.text.facts import contains_fact

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

WORD = re.compile(r"[a-z]{2,}")
NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?!\w)")
FIELD = re.compile(r"([A-Za-z][A-Za-z .-]*?)\s+\$?(\d[\d,]*(?:\.\d+)?)\s*([A-Za-z%]*)$")
YEAR = re.compile(r"((?:19|20)\d\d)\s")
NOVELTY_PERCENTILE = 5  # percent of the reference's questions that count as unlike all training questions
QUESTION_COLUMNS = ("question characters", "question words", "question marks")
ANSWER_COLUMNS = ("answer characters",)
SHARE_COLUMNS: dict[str, SignalKind] = {"declines": "answers", "unsupported": "quality", "failed": "quality"}


@dataclass(frozen=True)
class TrainingQuestions:
    """What questions are compared with: those the champion was trained on."""

    words: frozenset[str]
    vectors: np.ndarray  # unit vectors, [questions, dimensions]
    topics: list[str]

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> "TrainingQuestions":
        """From rows with question and topic."""
        texts = [row["question"] for row in rows]
        words = frozenset(word for text in texts for word in WORD.findall(text.lower()))
        return cls(words, embedder.embed_rows(texts), [row["topic"] for row in rows])


@dataclass(frozen=True)
class RequestFeatures:
    """Measured requests: a row of `frame` and of `vectors` each; `thumbs_down` of the ratings in the same window."""

    frame: "pd.DataFrame"
    vectors: np.ndarray
    thumbs_down: list[bool]

    def select(self, rows: Any) -> "RequestFeatures":
        """Some of the rows, by their positions."""
        return RequestFeatures(self.frame.iloc[rows].reset_index(drop=True), self.vectors[rows], self.thumbs_down)


def measure_requests(
    rows: Sequence[Row],
    training: TrainingQuestions,
    thumbs_down: Sequence[bool] = (),
    passages: np.ndarray | None = None,
) -> RequestFeatures:
    """Measure requests, or the questions of a dataset.

    Args:
        rows: question of each; answer and status if it is a request and not a dataset's question.
        thumbs_down: of the answers that people rated in the same window, whether the thumb was down.
        passages: vectors of the live index, [passages, dimensions]; None: nothing is looked up.

    Returns:
        The columns of `frame`: question and Evidently's descriptors of it (characters, words, and the percentage of
        marks and digits), its topic (that of the nearest training question), `nearest` (the cosine to that one),
        `unseen` (one of its words is in no training question), the columns of `index_coverage`, a column per
        field of its record; and, NaN without an answer: answer characters, declines, unsupported, failed.
    """
    quiet_libraries()
    import pandas as pd
    from evidently import DataDefinition, Dataset
    from evidently.descriptors import NonLetterCharacterPercentage, TextLength, WordCount

    questions = [row["question"] for row in rows]
    answers = [row.get("answer") if row.get("status") == "ok" else None for row in rows]
    texts = pd.DataFrame({"question": questions, "answer": [answer or "" for answer in answers]}, dtype=str)
    descriptors: list[Any] = [
        TextLength("question", alias="question characters"),
        WordCount("question", alias="question words"),
        NonLetterCharacterPercentage("question", alias="question marks"),
        TextLength("answer", alias="answer characters"),
    ]
    definition = DataDefinition(text_columns=["question", "answer"])
    frame = Dataset.from_pandas(texts, data_definition=definition, descriptors=descriptors).as_dataframe().copy()
    vectors = embedder.embed_rows(questions)
    positions, cosines = embeddings.find_nearest(vectors, training.vectors)
    frame["topic"] = [training.topics[position] for position in positions]
    frame["nearest"] = cosines
    if passages is not None:
        for column, cosines in index_coverage.measure_coverage(questions, passages).items():
            frame[column] = cosines
    frame["unseen"] = [bool({*WORD.findall(text.lower())} - training.words) for text in questions]
    frame.loc[[answer is None for answer in answers], "answer characters"] = np.nan
    pairs = list(zip(questions, answers, strict=True))
    frame["declines"] = [None if answer is None else is_decline(answer) for answer in answers]
    frame["unsupported"] = [
        None if answer is None else has_unsupported_number(question, answer) for question, answer in pairs
    ]
    frame["failed"] = [None if "status" not in row else row["status"] not in ("ok", "cancelled") for row in rows]
    records = pd.DataFrame([read_record_fields(text) for text in questions])
    return RequestFeatures(frame.join(records), vectors, list(thumbs_down))


def has_unsupported_number(question: str, answer: str) -> bool | None:
    """Whether a number in the answer does not stand in the question's record; None without a number or a record."""
    numbers = NUMBER.findall(answer)
    if not numbers or "|" not in question:
        return None
    return not all(contains_fact(number, question.replace("$", " ")) for number in numbers)


def read_record_fields(question: str) -> dict[str, float]:
    """The numbers of a question's record: `2021 Kia | city 30 mpg` → record year, record city mpg."""
    columns = {}
    if "|" in question:
        for part in re.split(r"[|\n]", question):
            if year := YEAR.match(part.strip()):
                columns["record year"] = float(year[1])
            elif field := FIELD.match(part.strip()):
                name = " ".join(("record", field[1].lower(), field[3].lower())).strip()
                columns[name] = float(field[2].replace(",", ""))
    return columns


def compare_requests(reference: RequestFeatures, current: RequestFeatures, policy: Drift) -> list[Signal]:
    """Every signal that both sides have enough rows for; `decision.mark_violations` judges them."""
    before, now = reference.frame, current.frame
    compared = [signals.compare_numbers(name, "text", before[name], now[name], policy) for name in QUESTION_COLUMNS]
    compared += [
        signals.compare_categories("topics", "text", before["topic"].tolist(), now["topic"].tolist(), policy),
        signals.compare_shares("unseen words", "text", before["unseen"].tolist(), now["unseen"].tolist(), policy),
        embeddings.compare_centroids("centre of questions", reference.vectors, current.vectors, policy),
        compare_novelty(before, now, policy),
        *index_coverage.compare_coverage(before, now, policy),
    ]
    compared += [signals.compare_numbers(name, "answers", before[name], now[name], policy) for name in ANSWER_COLUMNS]
    for name, kind in SHARE_COLUMNS.items():
        compared.append(signals.compare_shares(name, kind, drop_missing(before[name]), drop_missing(now[name]), policy))
    compared.append(
        signals.compare_shares("thumbs down", "quality", reference.thumbs_down, current.thumbs_down, policy)
    )
    records = [name for name in before.columns if name.startswith("record ") and name in now.columns]
    return [signal for signal in compared if signal] + signals.compare_columns(before[records], now[records], policy)


def compare_novelty(before: "pd.DataFrame", now: "pd.DataFrame", policy: Drift) -> Signal | None:
    """Questions that are farther from all training questions than NOVELTY_PERCENTILE percent of the reference's are."""
    if not len(before):
        return None
    far = float(np.percentile(before["nearest"], NOVELTY_PERCENTILE))
    strange = now.loc[now["nearest"] < far].sort_values("nearest")
    example = " ".join(str(strange["question"].iloc[0]).split())[:80] if len(strange) else ""
    old, new = ((side["nearest"] < far).tolist() for side in (before, now))
    return signals.compare_shares("unlike known questions", "embedding", old, new, policy, example)


def drop_missing(column: "pd.Series[Any]") -> list[bool]:
    """The values of a column that are not missing."""
    return [bool(value) for value in column.dropna()]
