"""What became of a dataset: its versions, what changed between two, one of them in a folder, and the way back."""

import json
from collections import Counter
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

EXAMPLES = 3  # changed rows shown


class VersionRows(NamedTuple):
    """A version's rows, as digests: a million of them are some 200 MB."""

    topics: dict[bytes, str]  # a row's content → its topic
    questions: dict[bytes, bytes]  # a row's content → what it asks
    splits: dict[bytes, str]
    counts: Counter[bytes]


def list_history(name: str) -> list[dict[str, Any]]:
    """All versions, oldest first: tag, version, rows (per split), digest, date (ISO 8601) and message."""
    dates = {}
    if known := list_versions(name):
        fields = "%(refname:strip=2)%09%(taggerdate:iso-strict)%09%(*contents:subject)"
        told = dvc_repository.run_git(
            settings().home / "registry", "for-each-ref", f"--format={fields}", f"refs/tags/{name}@v*"
        )
        dates = {tag: rest for tag, *rest in (line.split("\t", 2) for line in told.splitlines())}
    return [
        {"tag": v.tag, "version": v.version, "rows": v.rows, "digest": v.digest}
        | dict(zip(("date", "message"), dates[v.tag], strict=True))
        for v in known
    ]


def diff_versions(name: str, old: int, new: int) -> dict[str, Any]:
    """What changed between two versions, row by row, whatever their order and their split.

    Returns:
        topics: topic → rows added, removed, changed (the same question, another answer or other facts) and same;
        moved: rows that changed their split alone; examples: changed questions.

    Raises:
        WeaverError: there is no such version.
    """
    before, after = (read_version(checkout_version(name, version)) for version in (old, new))
    gone, come = before.counts - after.counts, after.counts - before.counts
    topics: dict[str, Counter[str]] = {}

    def count(topic: str, what: str, rows: int) -> None:
        topics.setdefault(topic, Counter(added=0, removed=0, changed=0, same=0))[what] += rows

    asked: dict[bytes, list[bytes]] = {}
    for row in gone.elements():
        asked.setdefault(before.questions[row], []).append(row)
    changed: list[bytes] = []
    for row in come.elements():
        if waiting := asked.get(after.questions[row]):
            waiting.pop()
            changed.append(row)
            count(after.topics[row], "changed", 1)
        else:
            count(after.topics[row], "added", 1)
    for row in (row for rows in asked.values() for row in rows):
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
    found = VersionRows({}, {}, {}, Counter())
    for split, row in iterate_rows(version):
        content = content_digest(row)
        found.topics[content] = row.get("topic", "")
        found.questions[content] = question_digest(row)
        found.splits[content] = split
        found.counts[content] += 1
    return found


def iterate_rows(version: DatasetVersion) -> Any:
    for file in SPLIT_FILES:
        with (Path(version.uri) / file).open("rb") as stream:
            for line in stream:
                yield file.removesuffix(".jsonl"), json.loads(line)


def content_digest(row: dict[str, Any]) -> bytes:
    return blake2b(canonical_json(row).encode(), digest_size=16).digest()


def question_digest(row: dict[str, Any]) -> bytes:
    return blake2b(canonical_json([row.get("instruction"), row.get("input")]).encode(), digest_size=16).digest()


def find_questions(name: str, version: int, contents: set[bytes]) -> list[str]:
    rows = iterate_rows(checkout_version(name, version)) if contents else ()
    return [row["instruction"] for _, row in rows if content_digest(row) in contents]


def export_version(name: str, version: int, folder: Path) -> DatasetVersion:
    """Copy a version's files into a new folder.

    Raises:
        WeaverError: there is no such version, or something is at `folder` already.
    """
    if folder.exists():
        raise WeaverError(f"{folder} is there already", "Name a folder that is not, so that nothing is overwritten.")
    known = checkout_version(name, version)
    dvc_repository.copy_files(Path(known.uri), folder, SPLIT_FILES)
    return known.model_copy(update={"uri": str(folder)})


def rollback_dataset(name: str, version: int, why: str) -> DatasetVersion:
    """Make a new version with an old one's rows; what came between stays in the history.

    The rows that are turned away make no version again by themselves: the nightly run goes on with what was rolled back
    to, until its data change. To have them back, roll back to their version.

    Raises:
        WeaverError: no reason, no such version, or it is the latest already.
        Unavailable: the remote does not give or take the data; nothing was versioned.
    """
    if not why.strip():
        raise WeaverError("a rollback has no reason", "Say why with --why; it is kept in the history.")
    find_version(name, version)
    with dvc_repository.registry_writer() as registry:
        old = fetch_files(find_version(name, version))
        known = list_versions(name)
        if known[-1].digest == old.digest:
            raise WeaverError(f"{known[-1].tag} holds the rows of {old.tag} already", "There is nothing to roll back.")
        number = known[-1].version + 1
        away = sorted({later.digest for later in known if later.version > version} - {old.digest})
        dvc_repository.copy_files(Path(old.uri), registry / name, SPLIT_FILES)
        dvc_repository.add_and_push(registry, name)
        about = f"back to {old.tag}: {' '.join(why.split())}"
        dvc_repository.commit_version(registry, f"{name}@v{number}", old.digest, old.rows, about, instead_of=away)
        return fetch_files(find_version(name, number))
