"""The stage that renders the refinement report: one HTML page that needs no server and no network."""

import json
import random
import shutil
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pipelines.core.artifacts import DataReport, Splits, Validation
from pipelines.core.files import canonical_json, digest, memoize_dir, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import quiet_libraries
from pipelines.datasets.refine import refine_plots, score
from pipelines.datasets.refine.relevance import THRESHOLDS, rows_kept_by_threshold
from pipelines.text import html_page
from pipelines.text.html_page import format_thousands

if TYPE_CHECKING:
    import pandas as pd

CODE = SourceCode(__name__)

Row = dict[str, Any]

PAGE, SUMMARY, CONTRACT = "report.html", "summary.html", "contract/index.html"
TEXT_COLUMNS = ("instruction", "input", "output")
EXAMPLES, EXAMPLE_CHARS = 5, 300
SAMPLE_ROWS = 5_000  # rows per side whose texts are kept in memory for examples, counts, part scores and the summary


def render_data_report(validation: Validation, splits: Splits, plan: TrainingPlan, work: Path) -> DataReport:
    """Render report.html, Evidently's summary and the Data Docs of the contract, once per splits.

    report.json, with the same statistics for programs, is copied beside them.
    """

    def build(new: Path) -> None:
        shutil.copytree(Path(validation.uri) / "docs", new / "contract")
        shutil.copyfile(Path(splits.uri) / "report.json", new / "report.json")
        report = json.loads((Path(splits.uri) / "report.json").read_text(encoding="utf-8"))
        rows = {side: read_rows(Path(splits.uri) / f"{side}.jsonl") for side in ("train", "heldout", "dropped")}
        write_report(report, **rows, plan=plan, folder=new)

    settings = plan.digest("template", "questions", "refine")
    fingerprint = digest([splits.uri, splits.digest, validation.uri, settings, CODE.digest])[:12]
    folder = memoize_dir(work / "render_data_report" / fingerprint, build)
    return DataReport(uri=str(folder), digest=splits.digest)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON Lines file, one at a time."""
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def write_report(
    report: Row, train: Iterable[Row], heldout: Iterable[Row], dropped: Iterable[Row], plan: TrainingPlan, folder: Path
) -> Path:
    """Write report.html, and summary.html by Evidently beside it, into `folder`.

    Args:
        report: the content of report.json.
        train, heldout, dropped: the rows of the three files. They may be generators: each is read once, and of most
            rows only lengths and scores are kept.

    Returns:
        The page's file.
    """
    frame, sample = collect_stats({"train": train, "heldout": heldout, "dropped": dropped})
    kept = frame[frame.side != "dropped"]
    values: dict[str, Any] = {
        "report": report,
        "report_only": {step["step"] for step in report["steps"] if step["report_only"]},
        "title": plan.template.replace("_", " ").capitalize(),
        "tiles": {
            "rows collected": format_thousands(len(frame)),
            "train rows": format_thousands(report["train"]["rows"]),
            "held-out rows": format_thousands(report["heldout"]["rows"]),
            "rows dropped": format_thousands(len(frame) - len(kept)),
            "seconds of processing": f"{sum(step['seconds'] for step in report['steps']):,.1f}",
        },
        "balance": describe_balance(kept),
        "topics": refine_plots.plot_topics(kept),
        "lengths": refine_plots.plot_lengths(kept),
        "repeats": count_repeats(sample["train"] + sample["heldout"]),
        "summary": write_evidently_summary(sample["train"] + sample["heldout"], folder),
        "contract": CONTRACT if (folder / CONTRACT).exists() else "",
        "relevance": describe_relevance(frame, sample, plan),
        "quality": describe_quality(frame, sample, plan),
    }
    write_text(folder / PAGE, html_page.render_page(Path(__file__).with_suffix(".html"), **values))
    return folder / PAGE


def collect_stats(sides: dict[str, Iterable[Row]]) -> tuple["pd.DataFrame", dict[str, list[Row]]]:
    """A frame of every row's side, labels, lengths and scores; and a sample of complete rows of each side."""
    import pandas as pd

    generator, columns = random.Random(0), []
    sample: dict[str, list[Row]] = {side: [] for side in sides}
    for side, rows in sides.items():
        for number, row in enumerate(rows):
            names = (side, intern(row["topic"]), intern(row["kind"]), intern(row.get("step", "")))
            scores = (row.get("relevance"), row.get("quality"))
            columns.append((*names, *(len(row[column]) for column in TEXT_COLUMNS), *scores))
            if number < SAMPLE_ROWS:
                sample[side].append(row)
            elif (index := generator.randrange(number + 1)) < SAMPLE_ROWS:
                sample[side][index] = row
    frame = pd.DataFrame(columns, columns=["side", "topic", "kind", "step", *TEXT_COLUMNS, "relevance", "quality"])
    return frame.astype({"relevance": float, "quality": float}), sample


def rows_scored_by(rows: list[Row], step: str) -> list[Row]:
    """The rows that a step scored and no other step dropped; so texts that another step withholds are not shown."""
    return [row for row in rows if row.get(step) is not None and row.get("step", step) == step]


def shorten_texts(row: Row) -> Row:
    """A row with its texts cut to EXAMPLE_CHARS."""
    return row | {column: row[column][:EXAMPLE_CHARS] for column in TEXT_COLUMNS}


def describe_balance(kept: "pd.DataFrame") -> str:
    """A sentence on the largest and the smallest topic."""
    counts = kept.topic.value_counts()
    if counts.empty:
        return "No row was kept."
    most, least = counts.index[0], counts.index[-1]
    ratio = f"{counts.iloc[0] / counts.iloc[-1]:.1f}"
    return (
        f"{len(counts)} topics; the largest, {most}, has {ratio} times the rows of the smallest, {least} "
        f"({format_thousands(counts.iloc[0])} and {format_thousands(counts.iloc[-1])})."
    )


def count_repeats(rows: list[Row]) -> list[Row]:
    """For each text column of the kept rows: how many texts are different, and which is the most frequent."""
    lines = []
    for column in TEXT_COLUMNS:
        if texts := Counter(row[column] for row in rows if row[column]):
            ((most, times),) = texts.most_common(1)
            lines.append(
                {"column": column, "rows": texts.total(), "different": len(texts), "most": most[:EXAMPLE_CHARS]}
            )
            lines[-1] |= {"share": len(texts) / texts.total(), "times": times}
    return lines


def describe_relevance(frame: "pd.DataFrame", sample: dict[str, list[Row]], plan: TrainingPlan) -> Row | None:
    """The report's section on relevance: how many rows each threshold would keep, and the rows nearest to it."""
    scored = frame[frame.relevance.notna() & frame.step.isin(["", "relevance"])]
    if scored.empty:
        return None
    least, kept = plan.refine.relevance, rows_kept_by_threshold(scored.relevance.to_numpy())
    rows = sorted(
        rows_scored_by([row for rows in sample.values() for row in rows], "relevance"), key=itemgetter("relevance")
    )
    middle = bisect_left(rows, least, key=itemgetter("relevance"))
    return {
        "questions": plan.questions,
        "figure": refine_plots.plot_relevance(scored, kept, least),
        "effect": {f"{at:.2f}": int(kept[round(at * 100)]) for at in THRESHOLDS[0:41:5]},
        "threshold": least,
        "dropped": int((scored.relevance < least).sum()),
        "scored": len(scored),
        "nearest": [shorten_texts(row) for row in rows[max(0, middle - EXAMPLES) : middle + EXAMPLES]],
    }


def describe_quality(frame: "pd.DataFrame", sample: dict[str, list[Row]], plan: TrainingPlan) -> Row | None:
    """The report's section on quality: the scores, their parts, and the rows with the lowest."""
    scored = frame[frame.quality.notna() & frame.step.isin(["", "quality"])]
    rows = rows_scored_by([row for rows in sample.values() for row in rows], "quality")
    if scored.empty or not rows:
        return None
    texts = [row | {"facts": canonical_json(row["facts"])} for row in rows]
    part_scores = score.score_parts(pa.Table.from_pylist(texts))
    parts = []
    for name, part in score.SCORE_PARTS.items():
        values = part_scores[name].to_numpy()
        some = values[~np.isnan(values)]
        parts.append({"name": name, "part": part, "rows": len(some), "mean": some.mean() if len(some) else None})
    return {
        "figure": refine_plots.plot_quality(scored, plan.refine.min_quality),
        "threshold": plan.refine.min_quality,
        "parts": parts,
        "sampled": len(rows),
        "lowest": [shorten_texts(row) for row in sorted(rows, key=itemgetter("quality"))[:EXAMPLES]],
    }


def write_evidently_summary(rows: list[Row], folder: Path) -> str:
    """Write Evidently's summary of the kept rows' columns as a separate page of 4 MB. Returns its file name."""
    quiet_libraries()
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataSummaryPreset

    scores = [name for name in ("relevance", "quality") if any(row.get(name) is not None for row in rows)]
    table = pd.DataFrame([{name: row.get(name) for name in (*TEXT_COLUMNS, "topic", "kind", *scores)} for row in rows])
    lengths = {f"{column} characters": table[column].str.len() for column in TEXT_COLUMNS}
    definition = DataDefinition(
        text_columns=list(TEXT_COLUMNS), categorical_columns=["topic", "kind"], numerical_columns=[*lengths, *scores]
    )
    # Evidently writes values unescaped into a script element, which "</script>" in a topic would end.
    table = table.replace({column: {"<": "\u2039"} for column in (*TEXT_COLUMNS, "topic", "kind")}, regex=True)
    data = Dataset.from_pandas(table.assign(**lengths), data_definition=definition)
    Report([DataSummaryPreset()]).run(data, None).save_html(str(folder / SUMMARY))
    return SUMMARY
