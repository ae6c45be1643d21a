"""What refinement did to the rows, as one page that needs no server and no network."""

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
SAMPLE_ROWS = 5_000  # rows a side whose texts are kept in memory, to be shown, counted, scored again, summarised


def render_data_report(validation: Validation, splits: Splits, plan: TrainingPlan, work: Path) -> DataReport:
    """Draw report.html, Evidently's summary and the pages of the contract, once for the same splits.

    report.json, the same account for programs, goes along.
    """

    def build(new: Path) -> None:
        shutil.copytree(Path(validation.uri) / "docs", new / "contract")
        shutil.copyfile(Path(splits.uri) / "report.json", new / "report.json")
        told = json.loads((Path(splits.uri) / "report.json").read_text(encoding="utf-8"))
        rows = {side: read_rows(Path(splits.uri) / f"{side}.jsonl") for side in ("train", "heldout", "dropped")}
        write_report(told, **rows, plan=plan, folder=new)

    settings = plan.digest("template", "questions", "refine")
    fingerprint = digest([splits.uri, splits.digest, validation.uri, settings, CODE.digest])[:12]
    folder = memoize_dir(work / "render_data_report" / fingerprint, build)
    return DataReport(uri=str(folder), digest=splits.digest)


def read_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def write_report(
    report: Row, train: Iterable[Row], heldout: Iterable[Row], dropped: Iterable[Row], plan: TrainingPlan, folder: Path
) -> Path:
    """Write report.html, and summary.html by Evidently beside it, into `folder`.

    Args:
        report: as report.json has it.
        train, heldout, dropped: the rows of the three files, each read once: generators will do. Of most rows only
            lengths and scores are kept.
    """
    frame, sample = collect_stats({"train": train, "heldout": heldout, "dropped": dropped})
    kept = frame[frame.side != "dropped"]
    told: dict[str, Any] = {
        "report": report,
        "title": plan.template.replace("_", " ").capitalize(),
        "tiles": {
            "rows came in": format_thousands(len(frame)),
            "to train on": format_thousands(report["train"]["rows"]),
            "held out": format_thousands(report["heldout"]["rows"]),
            "dropped": format_thousands(len(frame) - len(kept)),
            "seconds of work": f"{sum(step['seconds'] for step in report['steps']):,.1f}",
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
    write_text(folder / PAGE, html_page.render_page(Path(__file__).with_suffix(".html"), **told))
    return folder / PAGE


def collect_stats(sides: dict[str, Iterable[Row]]) -> tuple["pd.DataFrame", dict[str, list[Row]]]:
    """What is counted of every row, and of each side a sample of whole rows."""
    import pandas as pd

    dice, columns = random.Random(0), []
    sample: dict[str, list[Row]] = {side: [] for side in sides}
    for side, rows in sides.items():
        for number, row in enumerate(rows):
            names = (side, intern(row["topic"]), intern(row["kind"]), intern(row.get("step", "")))
            scores = (row.get("relevance"), row.get("quality"))
            columns.append((*names, *(len(row[column]) for column in TEXT_COLUMNS), *scores))
            if number < SAMPLE_ROWS:
                sample[side].append(row)
            elif (place := dice.randrange(number + 1)) < SAMPLE_ROWS:
                sample[side][place] = row
    frame = pd.DataFrame(columns, columns=["side", "topic", "kind", "step", *TEXT_COLUMNS, "relevance", "quality"])
    return frame.astype({"relevance": float, "quality": float}), sample


def rows_scored_by(rows: list[Row], step: str) -> list[Row]:
    """Rows that a step gave a score, and that no other step dropped: what those withheld stays withheld."""
    return [row for row in rows if row.get(step) is not None and row.get("step", step) == step]


def shorten_texts(row: Row) -> Row:
    return row | {column: row[column][:EXAMPLE_CHARS] for column in TEXT_COLUMNS}


def describe_balance(kept: "pd.DataFrame") -> str:
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
    """How many of the kept rows' questions, records and answers differ, and which is there most often."""
    lines = []
    for column in TEXT_COLUMNS:
        if said := Counter(row[column] for row in rows if row[column]):
            ((most, times),) = said.most_common(1)
            lines.append({"what": column, "rows": said.total(), "different": len(said), "most": most[:EXAMPLE_CHARS]})
            lines[-1] |= {"share": len(said) / said.total(), "times": times}
    return lines


def describe_relevance(frame: "pd.DataFrame", sample: dict[str, list[Row]], plan: TrainingPlan) -> Row | None:
    """What the threshold does: the rows that stay at each, and those that stand nearest to it."""
    judged = frame[frame.relevance.notna() & frame.step.isin(["", "relevance"])]
    if judged.empty:
        return None
    least, staying = plan.refine.relevance, rows_kept_by_threshold(judged.relevance.to_numpy())
    rows = sorted(
        rows_scored_by([row for rows in sample.values() for row in rows], "relevance"), key=itemgetter("relevance")
    )
    middle = bisect_left(rows, least, key=itemgetter("relevance"))
    return {
        "questions": plan.questions,
        "figure": refine_plots.plot_relevance(judged, staying, least),
        "effect": {f"{at:.2f}": int(staying[round(at * 100)]) for at in THRESHOLDS[0:41:5]},
        "threshold": least,
        "dropped": int((judged.relevance < least).sum()),
        "judged": len(judged),
        "nearest": [shorten_texts(row) for row in rows[max(0, middle - EXAMPLES) : middle + EXAMPLES]],
    }


def describe_quality(frame: "pd.DataFrame", sample: dict[str, list[Row]], plan: TrainingPlan) -> Row | None:
    """How rows score, and of which parts that is made."""
    judged = frame[frame.quality.notna() & frame.step.isin(["", "quality"])]
    rows = rows_scored_by([row for rows in sample.values() for row in rows], "quality")
    if judged.empty or not rows:
        return None
    texts = [row | {"facts": canonical_json(row["facts"])} for row in rows]
    found = score.score_parts(pa.Table.from_pylist(texts), plan)
    parts = []
    for name, part in score.SCORE_PARTS.items():
        readings = found[name].to_numpy()
        some = readings[~np.isnan(readings)]
        parts.append({"name": name, "part": part, "rows": len(some), "mean": some.mean() if len(some) else None})
    return {
        "figure": refine_plots.plot_quality(judged, plan.refine.min_quality),
        "threshold": plan.refine.min_quality,
        "parts": parts,
        "sampled": len(rows),
        "lowest": [shorten_texts(row) for row in sorted(rows, key=itemgetter("quality"))[:EXAMPLES]],
    }


def write_evidently_summary(rows: list[Row], folder: Path) -> str:
    """Write Evidently's summary of the kept rows' columns, a page of its own (4 MB); returns its name."""
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
    # Evidently writes values into a script element as they are: "</script>" in a topic would end it.
    table = table.replace({column: {"<": "\u2039"} for column in (*TEXT_COLUMNS, "topic", "kind")}, regex=True)
    data = Dataset.from_pandas(table.assign(**lengths), data_definition=definition)
    Report([DataSummaryPreset()]).run(data, None).save_html(str(folder / SUMMARY))
    return SUMMARY
