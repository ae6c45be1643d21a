"""Read a text in which lines say what is a question and what its answer: `Q: …` and `A: …`, as of a FAQ page."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipelines.readers.encodings import read_lines
from pipelines.readers.source import Rejected, Row, Source

SAMPLED_LINES = 200
QUESTION = r"(?:Q|Question|Frage|Pregunta|P|Vraag|Domanda)"
ANSWER = r"(?:A|Answer|Antwort|Respuesta|R|Réponse|Antwoord|Risposta)"
MARK = re.compile(
    rf"\s*(?:\*\*)?(?:(?P<question>{QUESTION})|(?P<answer>{ANSWER}))\s*\d{{0,4}}\s*[:.)](?:\*\*)?\s+(?P<text>\S.*)",
    re.I,
)


def has_question_lines(path: Path, name: str, encoding: str) -> bool:
    """Whether the first lines alternate between marked questions and answers, two at least of each or only one pair."""
    marks = [mark for line in islice(read_lines(path, name, encoding), SAMPLED_LINES) if (mark := MARK.match(line))]
    kinds = ["question" if mark["question"] else "answer" for mark in marks]
    return len(kinds) > 1 and kinds[:2] == ["question", "answer"] and abs(2 * kinds.count("question") - len(kinds)) <= 1


def read_question_lines(path: Path, name: str, encoding: str, notes: list[str]) -> Source:
    """A text of questions and answers; a line without a mark belongs to what is above it."""

    def rows() -> Iterator[Row]:
        number, row, last = 0, dict[str, str](), ""
        for at, line in enumerate(read_lines(path, name, encoding), 1):
            mark = MARK.match(line)
            if mark and mark["question"]:
                if row:
                    yield number, finish(row)
                number, row, last = at, {"question": mark["text"].strip()}, "question"
            elif mark and row and "answer" not in row:
                row["answer"], last = mark["text"].strip(), "answer"
            elif last and line.strip():
                row[last] += "\n" + line.strip()
        if row:
            yield number, finish(row)

    notes.append("lines with Q: and A: are questions and answers; other lines belong to the one above")
    return Source("text of questions and answers", encoding, ["question", "answer"], "line", rows, notes)


def finish(row: dict[str, str]) -> dict[str, str] | Rejected:
    """A row, if its question has an answer."""
    return row if "answer" in row else Rejected("no answer", f"after the question '{row['question'][:60]}'", dict(row))
