"""Split rows into train and held-out rows that share no group and no near-duplicate question."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.core.files import digest
from pipelines.datasets.refine.duplicates import Row
from pipelines.text.question_index import find_same_questions, sketch_rows

SPLIT_FILES = ("train.jsonl", "heldout.jsonl")


def split_rows(rows: list[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Split rows by group; about `share` of each topic is held out. Both sides keep the order of the rows.

    The order in which groups are considered depends only on their names and the seed, so that a group mostly keeps its
    side when other groups are added or removed. (scikit-learn's StratifiedGroupKFold supports only shares of 1/n, and
    reshuffles all groups.)

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
        """Whether its topics come nearer to their shares in total if it is held out; one may exceed its share."""
        return sum(abs(missing(t)) - abs(missing(t) - count) for t, count in groups[group].items()) > 0

    def leaves_some(group: str) -> bool:
        return all(held[topic] + count < total[topic] for topic, count in groups[group].items())

    def hold(group: str) -> None:
        out.add(group)
        held.update(groups[group])

    order = sorted(groups, key=lambda group: digest([seed, group]))
    for criterion in (fits, helps):  # first the groups that fit exactly, then as near as whole groups allow
        for group in order:
            if group not in out and criterion(group) and leaves_some(group):
                hold(group)
    for topic in sorted(total):  # a topic of which every group is larger than its share: hold out its smallest group
        if not held[topic] and (free := [group for group in order if groups[group][topic] and leaves_some(group)]):
            hold(min(free, key=lambda group: groups[group].total()))
    return [row for row in rows if row["group"] not in out], [row for row in rows if row["group"] in out]


def find_leaks(train: Sequence[Row], heldout: Sequence[Row], threshold: float) -> Iterator[tuple[Row, Row]]:
    """Train rows that ask the same as a held-out row, whatever their answers; each with that held-out row."""
    pairs = find_same_questions(train, sketch_rows(train), heldout, sketch_rows(heldout), threshold)
    return ((train[place], heldout[twin]) for place, twin in pairs)


def assert_topics_on_both_sides(train: list[Row], heldout: list[Row]) -> None:
    """Check that every topic is both trained and evaluated.

    Raises:
        WeaverError: a topic has no train row or no held-out row; or no row is left at all.
    """
    topics = {side: {row["topic"] for row in rows} for side, rows in (("train", train), ("held-out", heldout))}
    every = set().union(*topics.values())
    if not every:
        raise WeaverError("refine left no row to train on", "See dropped.jsonl for the reasons, and collect more rows.")
    missing = [f"{side} rows: {', '.join(sorted(every - some))}" for side, some in topics.items() if every - some]
    if missing:
        raise WeaverError(
            f"these topics have no {'; no '.join(missing)}",
            "A topic needs at least two groups (vehicles, codes, …), one to train on and one to evaluate on: add rows, "
            "raise refine.rows, or leave the topic out.",
        )


def digest_files(folder: Path, files: Iterable[str] = SPLIT_FILES) -> str:
    """SHA-256 of the two splits in a folder, or of the files named; other files in the folder do not count."""
    return digest({name: digest(folder / name) for name in files})
