"""The refinement report: everything is there, nothing is fetched, and a row's text stays text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.artifacts import Records, Splits, Validation
from pipelines.core.files import write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.datasets.refine.refine_report import SAMPLE_ROWS, collect_stats, render_data_report, write_report

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
ROW = {
    "instruction": "How many gears?",
    "input": "gears 8",
    "output": "Eight: 8.",
    "topic": "engine",
    "kind": "grounded",
    "source": "epa:1",
    "facts": {"gears": "8"},
    "relevance": 0.4,
    "quality": 0.9,
}
EXAMPLE = {"id": "1", "source": EVIL, "reason": f"off topic: {EVIL}", "instruction": EVIL, "input": "", "output": EVIL}
SECRET = "123-45-6789"


def step(name: str, rows_in: int, dropped: dict[str, int], examples: dict[str, list[dict[str, str]]]) -> dict[str, Any]:
    rows_out = rows_in - sum(dropped.values())
    counts = {"step": name, "in": rows_in, "out": rows_out, "dropped": dropped, "examples": examples}
    return counts | {"seconds": 0.25, "changed": 0, "released": 0, "report_only": "", "flagged": {}}


REPORT = {
    "digest": "d1" * 32,
    "steps": [
        step(
            "personal", 1208, {"holds ssn": 1}, {"holds ssn": [{"id": "9", "source": "crm:9", "reason": "holds ssn"}]}
        ),
        step("relevance", 1207, {"off topic": 2, EVIL: 1}, {"off topic": [EXAMPLE], EVIL: [EXAMPLE]}),
    ],
    "train": {"rows": 1000, "topics": {"engine": 1000}, "kinds": {"grounded": 1000}},
    "heldout": {"rows": 204, "topics": {"engine": 203, EVIL: 1}, "kinds": {"grounded": 204}},
}


class Page(HTMLParser):
    """The elements of a page, its texts, and whatever it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.linked: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.linked += [value or "" for name, value in attributes if name in ("src", "href", "xlink:href", "data")]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report")
    train = (ROW | {"instruction": f"How many gears? {number}", "relevance": number / 2000} for number in range(1000))
    heldout = [*[ROW] * 203, ROW | {"topic": EVIL, "instruction": EVIL, "quality": 0.1}]
    gone = {"step": "relevance", "reason": "off topic: 0.07 < 0.08"}
    dropped = [
        *[ROW | gone | {"relevance": 0.07, "instruction": EVIL, "quality": None}] * 3,
        ROW | {"step": "personal", "reason": "holds ssn", "instruction": SECRET, "relevance": None, "quality": None},
    ]
    plan = make_plan("service_advisor", {"refine.relevance": 0.08})
    assert write_report(REPORT, train, iter(heldout), dropped, plan, made) == made / "report.html"
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_nothing_is_fetched_and_the_summary_lies_beside(folder: Path, page: Page) -> None:
    links = [link for link in page.linked if not link.startswith("#")]
    assert links == ["summary.html"]
    assert (folder / "summary.html").stat().st_size > 100_000
    summary = Page((folder / "summary.html").read_text(encoding="utf-8"))
    assert not [link for link in summary.linked if link.startswith(("http", "//")) and "plotly.com" not in link]


def test_texts_of_rows_stay_text(folder: Path, page: Page) -> None:
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not page.handlers
    assert EVIL in "".join(page.texts)
    summary = (folder / "summary.html").read_text(encoding="utf-8")
    assert "<script>alert" not in summary
    assert "<img src=x" not in summary
    assert r"\u2039script>alert" in summary


def test_counts_are_told(page: Page) -> None:
    text = re.sub(r"\s+", " ", " ".join(page.texts))
    for told in (
        "1,208 rows collected",
        "1,000 train rows",
        "204 held-out rows",
        "0.5 seconds of processing",
        "off topic · relevance",
    ):
        assert told in text
    assert (
        "Of 1,207 rows, 163 are below the threshold of 0.08" in text
    )  # of the train rows with 0, 0.0005, 0.001, …: 160; of the dropped: 3
    assert "rows kept 1,207" in text


def test_withheld_texts_stay_withheld(folder: Path) -> None:
    for file in ("report.html", "summary.html"):
        assert SECRET not in (folder / file).read_text(encoding="utf-8")


def test_dark_pages_have_light_ink(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 4
    assert "currentColor" in text
    assert "#0d0e0f" not in text


def test_without_scores_there_are_no_such_sections(tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key not in ("relevance", "quality")}
    plain = json.loads(json.dumps(REPORT)) | {"steps": []}
    text = write_report(plain, [row] * 3, [row], [], make_plan("service_advisor"), tmp_path).read_text(encoding="utf-8")
    assert "<h2>Lengths</h2>" in text
    assert "<h2>Relevance</h2>" not in text
    assert "<h2>Quality</h2>" not in text


def test_of_many_rows_a_sample_is_kept() -> None:
    rows = (ROW | {"source": str(number)} for number in range(4 * SAMPLE_ROWS))
    frame, sample = collect_stats({"train": rows, "heldout": [], "dropped": []})
    assert len(frame) == 4 * SAMPLE_ROWS
    numbers = [int(row["source"]) for row in sample["train"]]
    assert len(set(numbers)) == SAMPLE_ROWS
    assert 1.9 * SAMPLE_ROWS < sum(numbers) / SAMPLE_ROWS < 2.1 * SAMPLE_ROWS


def test_the_account_goes_along_for_programs(tmp_path: Path) -> None:
    folder = tmp_path / "refine" / "abc"
    for side in ("train", "heldout"):
        write_jsonl(folder / f"{side}.jsonl", [ROW] * 3)
    write_jsonl(folder / "dropped.jsonl", [])
    (folder / "report.json").write_text(json.dumps(REPORT))
    (tmp_path / "docs").mkdir()
    records = Records(uri="", digest="", rows=6, sources={})
    splits = Splits(uri=str(folder), digest="", rows={"train": 3, "heldout": 3}, dropped={})
    validation = Validation(uri=str(tmp_path), records=records, expectations=1)
    made = render_data_report(validation, splits, make_plan("service_advisor"), tmp_path / "work")
    assert json.loads((Path(made.uri) / "report.json").read_text()) == REPORT
