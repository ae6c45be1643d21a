"""What is measured of requests: of the question, of the answer, and of how people and servers took it.

Whatever needs the truth is for evaluation. Here nobody knows it, so an answer is held to what the question itself
carries: a figure in an answer from a record must stand in that record.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.artifacts import Signal
from pipelines.core.plan import Drift
from pipelines.core.settings import quiet_libraries
from pipelines.monitoring.drift import embeddings, signals
from pipelines.text import embedder
from pipelines.text.facts import contains_fact

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

WORD = re.compile(r"[a-z]{2,}")
FIGURE = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?!\w)")
FIELD = re.compile(r"([A-Za-z][A-Za-z .-]*?)\s+\$?(\d[\d,]*(?:\.\d+)?)\s*([A-Za-z%]*)$")
YEAR = re.compile(r"((?:19|20)\d\d)\s")
DECLINES = re.compile(r"^\W*(?:i'?m |i am )?sorry\b|\bi (?:can ?not|can'?t|only help|am not able to)\b", re.IGNORECASE)
FAR = 5  # per cent of normal questions that count as unlike all that are known
QUESTION = ("question characters", "question words", "question marks")
ANSWER = ("answer characters",)


@dataclass(frozen=True)
class Known:
    """What questions are compared with: those the champion learnt from."""

    words: frozenset[str]
    vectors: np.ndarray  # unit vectors, [questions, dimensions]
    topics: list[str]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Known":
        """Rows with question and topic."""
        texts = [row["question"] for row in rows]
        words = frozenset(word for text in texts for word in WORD.findall(text.lower()))
        return cls(words, embedder.embed_rows(texts), [row["topic"] for row in rows])


@dataclass(frozen=True)
class Requests:
    """Requests as measured: a row of `frame` and of `vectors` each; `down` is of the thumbs that came meanwhile."""

    frame: "pd.DataFrame"
    vectors: np.ndarray
    down: list[bool]

    def some(self, places: Any) -> "Requests":
        return Requests(self.frame.iloc[places].reset_index(drop=True), self.vectors[places], self.down)


def measure(rows: Sequence[Row], known: Known, down: Sequence[bool] = ()) -> Requests:
    """
    Args:
        rows: question of each; answer and status where it is a request, and no dataset's question.
        down: of the answers that people judged meanwhile, whether the thumb was down.

    Returns:
        The columns of `frame`: question and what is told of it by Evidently's descriptors (characters, words, and the
        percentage of marks and digits), its topic (its nearest known question's), `nearest` (the cosine to that one),
        `unseen` (a word of it is unknown), a column a field of the records that it carries; and, NaN where there is no
        answer: answer characters, declines, unsupported, failed.
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
    places, cosines = embeddings.nearest(vectors, known.vectors)
    frame["topic"] = [known.topics[place] for place in places]
    frame["nearest"] = cosines
    frame["unseen"] = [bool({*WORD.findall(text.lower())} - known.words) for text in questions]
    frame.loc[[answer is None for answer in answers], "answer characters"] = np.nan
    pairs = list(zip(questions, answers, strict=True))
    frame["declines"] = [None if answer is None else bool(DECLINES.search(answer)) for answer in answers]
    frame["unsupported"] = [None if answer is None else unsupported(question, answer) for question, answer in pairs]
    frame["failed"] = [None if "status" not in row else row["status"] not in ("ok", "cancelled") for row in rows]
    return Requests(frame.join(pd.DataFrame([fields(text) for text in questions])), vectors, list(down))


def unsupported(question: str, answer: str) -> bool | None:
    """Whether a figure in the answer does not stand in the record that the question carries; None without either."""
    said = FIGURE.findall(answer)
    if not said or "|" not in question:
        return None
    return not all(contains_fact(figure, question.replace("$", " ")) for figure in said)


def fields(question: str) -> dict[str, float]:
    """The numbers of the record that a question carries: `2021 Kia | city 30 mpg` → record year, record city mpg."""
    found = {}
    if "|" in question:
        for part in re.split(r"[|\n]", question):
            if year := YEAR.match(part.strip()):
                found["record year"] = float(year[1])
            elif field := FIELD.match(part.strip()):
                name = " ".join(("record", field[1].lower(), field[3].lower())).strip()
                found[name] = float(field[2].replace(",", ""))
    return found


def compare(reference: Requests, current: Requests, policy: Drift) -> list[Signal]:
    """Every signal that both sides have enough rows for; nobody has judged them yet."""
    before, now = reference.frame, current.frame
    found = [signals.numbers(name, "text", before[name], now[name], policy) for name in QUESTION]
    found += [
        signals.categories("topics", "text", before["topic"].tolist(), now["topic"].tolist(), policy),
        signals.share("unseen words", "text", before["unseen"].tolist(), now["unseen"].tolist(), policy),
        embeddings.centre("centre of questions", reference.vectors, current.vectors, policy),
        novelty(before, now, policy),
    ]
    found += [signals.numbers(name, "answers", before[name], now[name], policy) for name in ANSWER]
    found += [
        signals.share("declines", "answers", told(before["declines"]), told(now["declines"]), policy),
        signals.share("unsupported", "quality", told(before["unsupported"]), told(now["unsupported"]), policy),
        signals.share("failed", "quality", told(before["failed"]), told(now["failed"]), policy),
        signals.share("thumbs down", "quality", reference.down, current.down, policy),
    ]
    records = [name for name in before.columns if name.startswith("record ") and name in now.columns]
    return [signal for signal in found if signal] + signals.columns(before[records], now[records], policy)


def novelty(before: "pd.DataFrame", now: "pd.DataFrame", policy: Drift) -> Signal | None:
    """Questions that are farther from all known ones than all but FAR per cent of the normal questions are."""
    if not len(before):
        return None
    far = float(np.percentile(before["nearest"], FAR))
    strange = now.loc[now["nearest"] < far].sort_values("nearest")
    example = " ".join(str(strange["question"].iloc[0]).split())[:80] if len(strange) else ""
    old, new = ((side["nearest"] < far).tolist() for side in (before, now))
    return signals.share("unlike known questions", "embedding", old, new, policy, example)


def told(column: "pd.Series") -> list[bool]:
    return [bool(value) for value in column.dropna()]
