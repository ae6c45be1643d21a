"""The history of a dataset: its versions, the differences between two, export of one, and rollback to one."""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json
from pipelines.core.settings import settings
from pipelines.datasets import dvc_repository
from pipelines.datasets.split import SPLIT_FILES
from pipelines.datasets.versions import checkout_version, fetch_files, find_version, list_versions

EXAMPLES = 3  # changed questions that a diff shows


class VersionRows(NamedTuple):
    """A version's rows, as digests: about 200 MB per million rows."""

    topics: dict[bytes, str]  # a row's content → its topic
    questions: dict[bytes, bytes]  # a row's content → its question
    splits: dict[bytes, str]  # a row's content → train or heldout
    counts: Counter[bytes]  # a row's content → how many rows have it


def list_history(name: str) -> list[dict[str, Any]]:
    """All versions, oldest first: tag, version, rows (per split), digest, date (ISO 8601) and message."""
    dates = {}
    if versions := list_versions(name):
        fields = "%(refname:strip=2)%09%(taggerdate:iso-strict)%09%(*contents:subject)"
        lines = dvc_repository.run_git(
            settings().home / "registry", "for-each-ref", f"--format={fields}", f"refs/tags/{name}@v*"
        )
        dates = {tag: rest for tag, *rest in (line.split("\t", 2) for line in lines.splitlines())}
    return [
        {"tag": v.tag, "version": v.version, "rows": v.rows, "digest": v.digest}
        | dict(zip(("date", "message"), dates[v.tag], strict=True))
        for v in versions
    ]


def diff_versions(name: str, old: int, new: int) -> dict[str, Any]:
    """Compare two versions row by row; the order of the rows and their split do not matter.

    Returns:
        topics: topic → counts of rows added, removed, changed (same question, another answer or facts) and same;
        moved: count of rows of which only the split changed; examples: changed questions.

    Raises:
        WeaverError: there is no such version.
    """
    before, after = (read_version(checkout_version(name, version)) for version in (old, new))
    removed, added = before.counts - after.counts, after.counts - before.counts
    topics: dict[str, Counter[str]] = {}

    def count(topic: str, change: str, rows: int) -> None:
        topics.setdefault(topic, Counter(added=0, removed=0, changed=0, same=0))[change] += rows

    by_question: dict[bytes, list[bytes]] = {}
    for row in removed.elements():
        by_question.setdefault(before.questions[row], []).append(row)
    changed: list[bytes] = []
    for row in added.elements():
        if same_question := by_question.get(after.questions[row]):
            same_question.pop()
            changed.append(row)
            count(after.topics[row], "changed", 1)
        else:
            count(after.topics[row], "added", 1)
    for row in (row for rows in by_question.values() for row in rows):
        count(before.topics[row], "removed", 1)
    same = before.counts & after.counts
    for row, rows in same.items():
        count(after.topics[row], "same", rows)
    return {
        "from": f"{name}@v{old}",
        "to": f"{name}@v{new}",
        "topics": {topic: dict(counts) for topic, counts in sorted(topics.items())},
        "moved": sum(before.splits[row] != after.splits[row] for row in same),
        "examples": find_questions(name, new, set(changed[:EXAMPLES])),
    }


def read_version(version: DatasetVersion) -> VersionRows:
    """The digests of all rows of a version."""
    rows = VersionRows({}, {}, {}, Counter())
    for split, row in iterate_rows(version):
        content = content_digest(row)
        rows.topics[content] = row.get("topic", "")
        rows.questions[content] = question_digest(row)
        rows.splits[content] = split
        rows.counts[content] += 1
    return rows


def iterate_rows(version: DatasetVersion) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row of a version with its split."""
    for file in SPLIT_FILES:
        with (Path(version.uri) / file).open("rb") as stream:
            for line in stream:
                yield file.removesuffix(".jsonl"), json.loads(line)


def content_digest(row: dict[str, Any]) -> bytes:
    """16 bytes that are equal for equal rows."""
    return blake2b(canonical_json(row).encode(), digest_size=16).digest()


def question_digest(row: dict[str, Any]) -> bytes:
    """16 bytes that are equal for rows with the same instruction and input."""
    return blake2b(canonical_json([row.get("instruction"), row.get("input")]).encode(), digest_size=16).digest()


def find_questions(name: str, version: int, contents: set[bytes]) -> list[str]:
    """The instructions of a version's rows with these content digests."""
    rows = iterate_rows(checkout_version(name, version)) if contents else ()
    return [row["instruction"] for _, row in rows if content_digest(row) in contents]


def export_version(name: str, version: int, folder: Path) -> DatasetVersion:
    """Copy a version's files into a new folder.

    Raises:
        WeaverError: there is no such version, or `folder` already exists.
    """
    if folder.exists():
        raise WeaverError(f"{folder} already exists", "Name a new folder, so that nothing is overwritten.")
    exported = checkout_version(name, version)
    dvc_repository.copy_files(Path(exported.uri), folder, SPLIT_FILES)
    return exported.model_copy(update={"uri": str(folder)})


def rollback_dataset(name: str, version: int, why: str) -> DatasetVersion:
    """Create a new version with the rows of an old one; the versions between them stay in the history.

    The nightly run does not commit the rows that were rolled back a second time: it continues with the version that was
    rolled back to until its data change. To restore those rows, roll back to their version.

    Raises:
        WeaverError: the reason is empty, there is no such version, or it is the latest already.
        Unavailable: the remote cannot be read or written; no version was created.
    """
    if not why.strip():
        raise WeaverError("the rollback has no reason", "Give the reason with --why; the history keeps it.")
    find_version(name, version)
    with dvc_repository.registry_writer() as registry:
        old = fetch_files(find_version(name, version))
        versions = list_versions(name)
        if versions[-1].digest == old.digest:
            raise WeaverError(
                f"{versions[-1].tag}, the latest version, already has the rows of {old.tag}",
                "There is nothing to roll back.",
            )
        number = versions[-1].version + 1
        undone = sorted({later.digest for later in versions if later.version > version} - {old.digest})
        dvc_repository.copy_files(Path(old.uri), registry / name, SPLIT_FILES)
        dvc_repository.add_and_push(registry, name)
        note = f"rollback to {old.tag}: {' '.join(why.split())}"
        dvc_repository.commit_version(registry, f"{name}@v{number}", old.digest, old.rows, note, supersedes=undone)
        return fetch_files(find_version(name, number))
