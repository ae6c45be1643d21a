"""Near-duplicates and leaks: copies of the templates' real rows, changed by rule, are found; real rows stay apart."""

import importlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.core.files import canonical_json
from pipelines.core.kits import find_builders
from pipelines.core.make_plan import make_plan
from pipelines.datasets.collect import fill_defaults
from pipelines.datasets.refine import near_duplicates
from pipelines.datasets.refine.row_table import parse_lines
from pipelines.datasets.split import find_leaks
from pipelines.text.question_index import Question, asks_the_same
from pipelines.text.same_text import Text, says_the_same

Row = dict[str, Any]
Change = Callable[[Row, random.Random], Row]

TEMPLATE = "service_advisor"
COPIES = 120  # copies of each kind, of each builder's rows
REAL_PAIRS = 100_000
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
UNITS = {
    "mpg": "miles per gallon", "miles per gallon": "MPG", "L": "liters", "miles": "mi", "dollars": "USD", "psi": "PSI",
    "Nm": "newton meters", "km": "kilometers", "months": "mo", "pounds": "lbs", "lbs": "pounds", "quarts": "qt",
}  # fmt: skip
FRAMES = (
    *(
        "Hi, {} Thanks!",
        "Please tell me: {}",
        "Could you tell me: {}",
        "Quick question: {}",
        "{} Thank you in advance.",
    ),
    "I would like to know: {}",
)
WORDS = {
    "what is": "what's", "which": "what", "vehicle": "car", "show": "display", "need": "require", 
    "does it have": "has it",
    "fix": "repair", "cost": "price", "recommend": "suggest", "customer": "client",
    "do not": "don't", "is not": "isn't",
}  # fmt: skip


def run(pairs: Path | None = None) -> dict[str, Any]:
    """Measure the step `near_duplicates`, and the check for leaks.

    Args:
        pairs: a .jsonl file of pairs with a, b (texts, or rows), same (whether they say the same) and how.

    Returns:
        recall_<kind>, recall: share of the changed copies of which only one, copy or original, is kept.
        originals_lost: copies of which neither is kept.
        leaks_<kind>, leaks: share of the copies whose question is found again among the originals.
        false_pairs: of `real_pairs` pairs of real rows with different facts, those that are taken for one.
        pairs_<how>: of the pairs of a file, the share that is judged right.
    """
    figures: Counter[str] = Counter()
    rows_per_builder = [real_rows(module) for module in find_builders().values()]
    for number, rows in enumerate(rows_per_builder):
        figures.update(measure_copies(rows, random.Random(number)))
    figures.update(measure_real_pairs(rows_per_builder))
    kinds = [*CHANGES]
    shares = {kind: figures[f"found {kind}"] / figures[f"copies {kind}"] for kind in kinds}
    leaks = {
        kind: figures[f"leaks {kind}"] / figures[f"questions {kind}"] for kind in kinds if figures[f"questions {kind}"]
    }
    totals = {
        name: sum(figures[f"{name} {kind}"] for kind in kinds) for name in ("found", "copies", "leaks", "questions")
    }
    return {
        "real_rows": sum(map(len, rows_per_builder)),
        "copies": totals["copies"],
        "recall": totals["found"] / totals["copies"],
        **{f"recall_{kind}": share for kind, share in shares.items()},
        "originals_lost": figures["lost"],
        "leaks_found": totals["leaks"] / totals["questions"],
        **{f"leaks_{kind}": share for kind, share in leaks.items()},
        "real_pairs": figures["real pairs"],
        "false_pairs": figures["false pairs"],
        "real_rows_dropped": figures["real rows dropped"],
        "real_rows_dropped_wrongly": figures["dropped wrongly"],
        "step_rows_per_cpu_s": figures["rows"] / (figures["milliseconds"] / 1000),
        **(measure_pairs(pairs) if pairs else {}),
    }


def real_rows(module: str) -> list[Row]:
    """The rows of a builder, as the stage `collect` fills them in; without those that the kit itself has changed."""
    rows = importlib.import_module(module).build()
    return [fill_defaults(row, f"{module.rpartition('.')[2]}:{number}") for number, row in enumerate(rows)]


def measure_copies(rows: list[Row], rng: random.Random) -> Counter[str]:
    """Add changed copies to the rows, and count which are found."""
    figures: Counter[str] = Counter()
    plan = make_plan(TEMPLATE)
    alone = drop_reasons(rows, plan)
    originals = [number for number, reason in enumerate(alone) if reason is None]
    figures["real rows dropped"] = len(rows) - len(originals)
    figures["dropped wrongly"] = sum(not has_twin(row, rows) for row, reason in zip(rows, alone, strict=True) if reason)
    for kind, change in CHANGES.items():
        chosen = rng.sample(originals, min(COPIES, len(originals)))
        copies = {number: change(rows[number], rng) for number in chosen}
        copies = {number: copy for number, copy in copies.items() if copy != rows[number]}
        marked = [copy | {"source": f"copy:{number}", "group": f"copy {number}"} for number, copy in copies.items()]
        began = time.process_time()
        reasons = drop_reasons(rows + marked, plan)
        figures["milliseconds"] += round(1000 * (time.process_time() - began))
        figures["rows"] += len(rows) + len(marked)
        for number, reason in zip(copies, reasons[len(rows) :], strict=True):
            figures[f"copies {kind}"] += 1
            figures[f"found {kind}"] += (reason is None) != (reasons[number] is None)
            figures["lost"] += reason is not None and reasons[number] is not None
        questions = [copy for number, copy in zip(copies, marked, strict=True) if differs(copy, rows[number])]
        figures[f"questions {kind}"] = len(questions)
        kept = [rows[number] for number in originals]
        figures[f"leaks {kind}"] = len(
            {row["source"] for row, _ in find_leaks(questions, kept, plan.refine.near_duplicate)}
        )
    return figures


def differs(copy: Row, original: Row) -> bool:
    """Whether the question of a copy is written otherwise."""
    return any(copy[column] != original[column] for column in ("instruction", "input"))


def drop_reasons(rows: list[Row], plan: Any) -> list[str | None]:
    """What the step near_duplicates says of each row."""
    batch = parse_lines(pa.table({"line": pa.array([canonical_json(row).encode() for row in rows], pa.binary())}))
    reasons: list[str | None] = near_duplicates.decide(near_duplicates.prepare(batch, plan), batch, plan).to_pylist()
    return reasons


def has_twin(row: Row, rows: list[Row]) -> bool:
    """Whether another row has the same facts of the same record: the kit writes some questions twice, once misspelt."""
    same = ("topic", "facts", "group", "output")
    return any(other is not row and all(other[column] == row[column] for column in same) for other in rows)


def measure_real_pairs(rows_per_builder: list[list[Row]]) -> Counter[str]:
    """Compare pairs of real rows with different facts: first those of one group, which are the most alike."""
    rng, threshold = random.Random(0), make_plan(TEMPLATE).refine.near_duplicate
    figures: Counter[str] = Counter()
    groups: dict[str, list[Row]] = {}
    everything = [row for rows in rows_per_builder for row in rows]
    for row in everything:
        groups.setdefault(f"{row['group']} {row['topic']}", []).append(row)
        groups.setdefault(f"{row['group']}", []).append(row)
        groups.setdefault(f"{row['topic']}", []).append(row)
    near = [(a, b) for rows in groups.values() for i, a in enumerate(rows) for b in rows[i + 1 :] if len(rows) <= 40]
    random_pairs = (rng.sample(everything, 2) for _ in range(REAL_PAIRS))
    compared = {row["source"]: (Question(row), Text(row["output"])) for row in everything}
    for a, b in (*near[:REAL_PAIRS], *random_pairs):
        if figures["real pairs"] >= REAL_PAIRS:
            break
        if a["source"] == b["source"] or (a["facts"], a["output"]) == (b["facts"], b["output"]):
            continue
        (question, answer), (other, other_answer) = compared[a["source"]], compared[b["source"]]
        figures["real pairs"] += 1
        same = asks_the_same(question, other, threshold) and says_the_same(answer, other_answer, threshold)
        figures["false pairs"] += same
    return figures


def measure_pairs(path: Path) -> dict[str, float]:
    """The share of a file's pairs that are judged right, by how they were made; totals only."""
    right: dict[str, list[bool]] = {}
    threshold = make_plan(TEMPLATE).refine.near_duplicate
    for line in path.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        same = same_pair(pair["a"], pair["b"], threshold)
        names = (pair["how"], "same" if pair["same"] else "different")
        for name in names:
            right.setdefault(f"pairs_{name}", []).append(same == pair["same"])
    return {f"{name} (of {len(values)})": sum(values) / len(values) for name, values in right.items()}


def same_pair(one: Any, other: Any, threshold: float) -> bool:
    """Whether two texts, or all texts of two rows, say the same."""
    if isinstance(one, str):
        return says_the_same(Text(one), Text(other), threshold)
    return all(says_the_same(Text(str(one[key])), Text(str(other.get(key, ""))), threshold) for key in one)


# ---- the changes


def misspell(text: str, rng: random.Random, words: int = 1) -> str:
    """A letter left out, doubled, changed for its neighbour on the keyboard, or swapped with the next one."""
    places = list(re.finditer(r"(?<![\w'-])[a-z]{5,}(?![\w'-])", text))
    for word in sorted(rng.sample(places, min(words, len(places))), key=lambda word: -word.start()):
        at = rng.randrange(word.start() + 1, word.end() - 1)
        row = next(keys for keys in KEYBOARD if text[at] in keys)
        neighbour = row[row.index(text[at]) - 1] if row.index(text[at]) else row[1]
        new = rng.choice(("", 2 * text[at], neighbour, text[at + 1] + text[at]))
        text = text[:at] + new + text[at + (2 if len(new) == 2 and new != 2 * text[at] else 1) :]
    return text


def typos(row: Row, rng: random.Random) -> Row:
    """A misspelt word in the question, and one in the answer if it is long."""
    answer = misspell(row["output"], rng) if len(row["output"].split()) > 8 else row["output"]
    return row | {"instruction": misspell(row["instruction"], rng), "output": answer}


def order(row: Row, rng: random.Random) -> Row:
    """The fields of the record and the sentences of the answer in another order."""
    record, *turns = row["input"].split("\n")
    name, *fields = record.split(" | ")
    sentences = re.split(r"(?<=\.) ", row["output"])
    rng.shuffle(fields)
    return row | {
        "input": "\n".join([" | ".join([name, *fields]), *turns]),
        "output": " ".join(sentences[1:] + sentences[:1]),
    }


def units(row: Row, rng: random.Random) -> Row:
    """Units spelled out or abbreviated, numbers with thousands separators or without."""

    def change(text: str) -> str:
        text = re.sub(r"\b(?!19|20)[1-9]\d{3,5}\b(?=\s[a-z])", lambda number: f"{int(number[0]):,}", text)
        return re.sub(rf"(?<![A-Za-z]\d )(?<=\d )(?:{'|'.join(UNITS)})\b(?!/)", lambda unit: UNITS[unit[0]], text)

    return row | {column: change(row[column]) for column in ("instruction", "input", "output")}


def case(row: Row, rng: random.Random) -> Row:
    """Lower case or capitals, and no punctuation at the end."""
    write = rng.choice((str.lower, str.upper))
    return row | {column: write(row[column]).rstrip(".?!") for column in ("instruction", "output")}


def paraphrase(row: Row, rng: random.Random) -> Row:
    """A courtesy, a contraction or a synonym."""
    question = row["instruction"]
    for word, other in WORDS.items():
        question = re.sub(rf"\b{word}\b", other, question, flags=re.IGNORECASE)
    return row | {"instruction": rng.choice(FRAMES).format(question[0].lower() + question[1:])}


def everything(row: Row, rng: random.Random) -> Row:
    """All of it at once, as when somebody types a row anew."""
    for change in (units, order, paraphrase, typos):
        row = change(row, rng)
    return row


CHANGES: dict[str, Change] = {change.__name__: change for change in (typos, order, units, case, paraphrase, everything)}
