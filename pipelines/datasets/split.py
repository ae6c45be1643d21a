"""Train and held-out rows that have nothing in common: no group, no near-duplicate question."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.core.files import digest
from pipelines.datasets.refine.duplicates import QUESTION_COLUMNS, NearDuplicateIndex, Row

SPLIT_FILES = ("train.jsonl", "heldout.jsonl")


def split_rows(rows: list[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Train and held-out rows: whole groups, about `share` of every topic held out, both in the order given.

    Groups are tried in an order that depends on their names and the seed alone, so that a group mostly keeps its side
    when others come and go. (scikit-learn's StratifiedGroupKFold knows only shares of 1/n, and reshuffles all.)

    Args:
        share: share of each topic's rows to hold out, between 0 and 1.
    """
    groups: dict[str, Counter[str]] = {}
    for row in rows:
        groups.setdefault(row["group"], Counter())[row["topic"]] += 1
    total = Counter(row["topic"] for row in rows)
    held: Counter[str] = Counter()
    out: set[str] = set()

    def missing(topic: str) -> float:
        return share * total[topic] - held[topic]

    def fits(group: str) -> bool:
        return all(count <= missing(topic) for topic, count in groups[group].items())

    def helps(group: str) -> bool:
        """It overshoots some topic, but brings its topics nearer to their shares on the whole."""
        return sum(abs(missing(t)) - abs(missing(t) - count) for t, count in groups[group].items()) > 0

    def leaves_some(group: str) -> bool:
        return all(held[topic] + count < total[topic] for topic, count in groups[group].items())

    def hold(group: str) -> None:
        out.add(group)
        held.update(groups[group])

    order = sorted(groups, key=lambda group: digest([seed, group]))
    for wanted in (fits, helps):  # fill what can be filled exactly, then get as near as whole groups allow
        for group in order:
            if group not in out and wanted(group) and leaves_some(group):
                hold(group)
    for topic in sorted(total):  # a topic whose every group is larger than its share: its smallest
        if not held[topic] and (free := [group for group in order if groups[group][topic] and leaves_some(group)]):
            hold(min(free, key=lambda group: groups[group].total()))
    return [row for row in rows if row["group"] not in out], [row for row in rows if row["group"] in out]


def find_leaks(train: list[Row], heldout: list[Row], threshold: float) -> Iterator[tuple[Row, Row]]:
    """Train rows that ask nearly what a held-out row asks, whatever they answer; each with that row."""
    index = NearDuplicateIndex(threshold, QUESTION_COLUMNS)
    for row in heldout:
        index.add(row)
    for row in train:
        if twin := index.find(row):
            yield row, twin


def assert_no_leak(train: list[Row], heldout: list[Row], threshold: float) -> None:
    """
    Raises:
        WeaverError: a group stands on both sides, or a question is a near-duplicate of a held-out one; shows both.
    """
    known = {row["group"] for row in heldout}
    pairs = [(row, next(h for h in heldout if h["group"] == row["group"])) for row in train if row["group"] in known]
    for row, twin in pairs or find_leaks(train, heldout, threshold):
        raise WeaverError(
            "the training rows ask a held-out question:\n"
            f"  train     {format_row(row)}\n  held out  {format_row(twin)}",
            "Give rows that ask the same the same `group`, or lower refine.near_duplicate.",
        )


def assert_topics_on_both_sides(train: list[Row], heldout: list[Row]) -> None:
    """
    Raises:
        WeaverError: a topic is missing on a side, so that it would not be learnt, or not be measured.
    """
    topics = {side: {row["topic"] for row in rows} for side, rows in (("train", train), ("held-out", heldout))}
    every = set().union(*topics.values())
    if not every:
        raise WeaverError("no row is left to train on", "Look into dropped.jsonl for why, and collect more rows.")
    missing = [f"{side} rows: {', '.join(sorted(every - seen))}" for side, seen in topics.items() if every - seen]
    if missing:
        raise WeaverError(
            f"these topics have no {'; no '.join(missing)}",
            "A topic needs two groups (vehicles, codes, …) at least, one to learn and one to be measured on: add rows, "
            "raise refine.rows, or leave the topic out.",
        )


def digest_files(folder: Path, files: Iterable[str] = SPLIT_FILES) -> str:
    """SHA-256 of the two splits in a folder, or of other files, whatever else lies there."""
    return digest({name: digest(folder / name) for name in files})


def format_row(row: Row) -> str:
    return " | ".join(" ".join(row[column].split()) for column in QUESTION_COLUMNS) + f" [{row['source']}]"
