"""Refinement at scale: real conversations through the whole stage, and its near-duplicates beside rensa's own."""

import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import Records, Validation
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json, digest, write_text
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan

TEMPLATE = "service_advisor"
LEFT_OUT = {"personal"}  # `make bench B=pii` measures it
EVERYTHING = -1.0  # small talk is off every topic: its relevance is judged, and none goes for it


def run(rows: int = 0) -> dict[str, Any]:
    """Refine `rows` rows (0: all 258,145) of chitchat-dataset, in a fresh process, with the plan's own settings.

    A row is an utterance (output), the one before it (instruction) and the one before that (input); its group is the
    conversation.

    All steps but personal data, which has a bench of its own. The word vectors and the tokenizer, which are made once
    in a home, are there before the clock starts.

    Returns:
        rows_per_s: of the whole stage, from records.jsonl to the split files; rows_per_cpu_s: per second of processors,
        of the process and its workers from their start. serial_cpu_seconds: of the process without its workers.
        near_duplicate_ratio: processor seconds of the step `near_duplicates` over those of rensa called directly, each
        in one process. Either starts from the rows, with shingles of the same function. Ours compares what MinHash
        proposes word by word; rensa's are shingled, sketched into one matrix and looked up in one query, and flag
        candidates.
        peak_memory_mib: of the process and its workers, each at its peak; pages of mapped files count too.
        seconds and rows/s of each step: of processing, over all processes.
    """
    plan = make_plan(TEMPLATE)
    steps = [step for step in plan.refine.steps if step not in LEFT_OUT]
    with tempfile.TemporaryDirectory(prefix="weaver-bench-") as scratch:
        folder = Path(scratch, "records")
        count = write(folder / "records.jsonl", rows)
        options = {"rows": count, "steps": steps}
        figures = {side: apart(side, options, Path(scratch)) for side in ("embedded", "refined", "near", "direct")}
    refined, near, direct = (figures[side] for side in ("refined", "near", "direct"))
    return {
        "rows": count,
        "rows_per_s": count / refined["seconds"],
        "near_duplicate_ratio": near["cpu_seconds"] / direct["cpu_seconds"],
        "peak_memory_mib": refined["peak_memory_mib"],
        "seconds": refined["seconds"],
        "rows_per_cpu_s": count / refined["cpu_seconds"],
        "serial_cpu_seconds": refined["serial_cpu_seconds"],
        "kept": refined["kept"],
        **{f"{step['step']}_seconds": step["seconds"] for step in refined["steps"]},
        **{f"{step['step']}_rows_per_s": step["in"] / max(step["seconds"], 1e-3) for step in refined["steps"]},
        "near_duplicates_cpu_seconds": near["cpu_seconds"],
        "near_duplicates_dropped": near["dropped"],
        "rensa_cpu_seconds": direct["cpu_seconds"],
        "rensa_cpu_seconds_of_shingles": direct["shingle_seconds"],
    }


def write(path: Path, rows: int) -> int:
    """The first `rows` rows as records.jsonl; 0: all. Returns how many there are."""
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as stream:
        return sum(bool(stream.write(canonical_json(row) + "\n")) for row in islice(utterances(), rows or None))


def utterances() -> Iterator[dict[str, Any]]:
    from chitchat_dataset import Dataset

    for conversation, turns in enumerate(Dataset().values()):
        before = ["", f"Open conversation {conversation}."]
        for number, message in enumerate(message for turn in turns["messages"] for message in turn):
            yield {
                "instruction": before[1],
                "input": before[0],
                "output": message["text"],
                "topic": "conversation",
                "source": f"chitchat-dataset:{conversation}:{number}",
                "key": "",
                "kind": "knowledge",
                "facts": {},
                "group": f"conversation {conversation}",
            }
            before = [before[1], message["text"]]


def apart(side: str, options: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Run a side in a fresh process, which tells its progress on stderr, in the bench's own home."""
    code = "import sys; from tests.bench.refine import main; main(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, side, json.dumps(options), str(scratch)],
        env=os.environ | {"WEAVER_HOME": str(scratch / "home")},
    )
    if done.returncode:
        raise WeaverError(f"bench: the {side} side failed", "Read what it printed above.")
    figures: dict[str, Any] = json.loads(Path(scratch, f"{side}.json").read_text())
    return figures


def main(side: str, options: str, scratch: str) -> None:
    """Run one side in this process; its figures go to <side>.json."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options_read, folder = json.loads(options), Path(scratch)
    plan = make_plan(TEMPLATE, {"refine.steps": options_read["steps"], "refine.relevance": EVERYTHING}, experiment=True)
    figures = {"embedded": embedded, "refined": refined, "near": near, "direct": direct}[side](
        folder / "records", options_read["rows"], plan
    )
    write_text(folder / f"{side}.json", json.dumps(figures))


def embedded(folder: Path, rows: int, plan: TrainingPlan) -> dict[str, Any]:
    """What relevance is judged and tokens are counted by: made once in a home, not for each dataset."""
    from pipelines.clients.token_counter import token_counter
    from pipelines.text import embedder

    embedder.load_word_vectors()
    token_counter(plan.base.model, plan.system_prompt).count([])
    return {"questions": len(embedder.embed_sentences(plan.questions))}


def refined(folder: Path, rows: int, plan: TrainingPlan) -> dict[str, Any]:
    """The stage itself."""
    from pipelines.datasets.refine import refine

    records = Records(uri=str(folder), digest=digest(folder / "records.jsonl"), rows=rows, sources={})
    began = time.perf_counter()
    splits = refine(Validation(uri=str(folder), records=records, expectations=0), plan, folder / "work")
    seconds = time.perf_counter() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    usage = [process.ru_maxrss for process in used]
    return {
        "seconds": seconds,
        "cpu_seconds": sum(process.ru_utime + process.ru_stime for process in used),
        "serial_cpu_seconds": used[0].ru_utime + used[0].ru_stime,
        "kept": sum(splits.rows.values()),
        "peak_memory_mib": (usage[0] + usage[1] * len(os.sched_getaffinity(0))) / 1024,
        "steps": json.loads(Path(splits.uri, "report.json").read_text())["steps"],
    }


def near(folder: Path, rows: int, plan: TrainingPlan) -> dict[str, Any]:
    """The step near_duplicates by itself, in this process, from the rows in memory."""
    import pyarrow as pa

    from pipelines.datasets.refine.near_duplicates import decide, prepare
    from pipelines.datasets.refine.row_table import parse_lines, read_lines

    batches = [parse_lines(lines) for lines in read_lines(folder / "records.jsonl", plan.refine.batch_rows)]
    began = time.process_time()
    sketches = pa.concat_tables([prepare(batch, plan) for batch in batches])
    reasons = decide(sketches, pa.concat_tables(batches), plan)
    return {"cpu_seconds": time.process_time() - began, "dropped": len(reasons) - reasons.null_count}


def direct(folder: Path, rows: int, plan: TrainingPlan) -> dict[str, Any]:
    """rensa as its documentation shows bulk work: all shingles, one digest matrix, one query."""
    from rensa import RMinHash, RMinHashLSH

    from pipelines.core.files import read_jsonl
    from pipelines.text.question_index import BAND_ROWS, BANDS, SEED, shingle_text

    source_rows = read_jsonl(folder / "records.jsonl")
    began = time.process_time()
    shingles_of_rows = [shingle_text(f"{row['instruction']}\n{row['input']}")[1] or [""] for row in source_rows]
    shingled = time.process_time()
    matrix = RMinHash.digest_matrix_from_token_sets(shingles_of_rows, BANDS * BAND_ROWS, SEED)
    index = RMinHashLSH(plan.refine.near_duplicate, BANDS * BAND_ROWS, BANDS)
    index.query_duplicate_flags_matrix_one_shot(matrix)
    ended = time.process_time()
    return {"cpu_seconds": ended - began, "shingle_seconds": shingled - began}
