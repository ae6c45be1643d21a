"""The ledger: who let which model answer, when and why; append-only, and every entry seals the one before it.

It is a file of JSON lines beside MLflow, whose aliases remember only now. An entry's hash is of all its fields, the
hash of the entry before among them, so that nothing within can be changed unnoticed; each model's newest hash is also
a tag of the registered model, so that the end cannot be cut off unnoticed either.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from pipelines.clients.mlflow import connect_mlflow, promotion_lock
from pipelines.core.artifacts import Artifact, Deployment, Promotion
from pipelines.core.errors import WeaverError
from pipelines.core.files import append_line, canonical_json, digest, file_lock
from pipelines.core.settings import settings

Event = Literal["registered", "verdict", "approved", "rejected", "promotion", "rollback", "deployed"]
INTENTS = ("promotion", "rollback")  # what shall answer from now on; `deployed` follows when it does
HEAD = "ledger_head"  # the registered model's tag: number and hash of its newest entry
FIRST = "0" * 64  # what the first entry follows
REMEDY = "Bring the file back from a backup; `weaver ledger verify` says when it is whole again."


class Entry(Artifact):
    """One line of the ledger."""

    number: int
    at: str  # ISO 8601, UTC
    event: Event
    name: str  # the registered model, which is the template
    version: int
    from_version: int = 0  # promotion, rollback, deployed: the champion before; 0 is none
    by: str
    why: str
    dataset: str = ""  # the tag of the dataset that the version was trained on
    plan_digest: str = ""
    evidence: str = ""  # the digest of the evidence that was decided on
    model: str = ""  # registered: the digest of the adapter; deployed: of the model that answers
    record: dict[str, Any] = {}  # approved, rejected: Airflow's record of the decision, and its audit log's entry
    previous: str  # the hash of the entry before
    hash: str = ""

    @property
    def moves(self) -> bool:
        """Whether it says what answers."""
        return self.event in (*INTENTS, "deployed")

    def seal(self) -> str:
        return digest(self.model_dump(exclude={"hash"}))

    def facts(self) -> dict[str, Any]:
        return self.model_dump(exclude={"number", "at", "previous", "hash"})


def write(
    event: Event,
    name: str,
    version: int,
    by: str,
    why: str,
    from_version: int = 0,
    evidence: str = "",
    model: str = "",
    record: dict[str, Any] | None = None,
) -> Entry:
    """Add an entry, on the disk when this returns; what the last one like it says already is not said again.

    Raises:
        WeaverError: the ledger is not whole, or it is not the one that MLflow remembers; nothing was written.
        Unavailable: MLflow does not answer.
    """
    client = connect_mlflow().MlflowClient()
    tags = client.get_model_version(name, str(version)).tags
    with writing():
        entries = read()
        if wrong := beheaded(entries, name, head(client, name)):
            raise WeaverError(*wrong)
        entry = Entry(
            number=len(entries) + 1,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            event=event,
            name=name,
            version=version,
            from_version=from_version,
            by=text(by),
            why=text(why),
            dataset=tags.get("dataset", ""),
            plan_digest=tags.get("plan_digest", ""),
            evidence=evidence,
            model=model,
            record=record or {},
            previous=entries[-1].hash if entries else FIRST,
        )
        last = last_like(entries, entry)
        if last is None or last.facts() != entry.facts():
            last = entry.model_copy(update={"hash": entry.seal()})
            append_line(path(), canonical_json(last.model_dump()))
            entries.append(last)
        newest = next(entry for entry in reversed(entries) if entry.name == name)
        client.set_registered_model_tag(name, HEAD, f"{newest.number} {newest.hash}")
    return last


def last_like(entries: list[Entry], new: Entry) -> Entry | None:
    """The entry that `new` would repeat: of the same event and version, or the last that says what answers."""
    for entry in reversed(entries):
        same = entry.moves if new.moves else (entry.event, entry.version) == (new.event, new.version)
        if entry.name == new.name and same:
            return entry
    return None


def append_ledger(promotion: Promotion, deployment: Deployment) -> Entry:
    """The `record` stage: write into the ledger that the promoted version answers now. Twice is once.

    Raises:
        WeaverError: another version was made champion in the meantime.
    """
    with promotion_lock(promotion.name):
        intent = next(reversed(intents(promotion.name)), None)
        if intent is None or intent.version != deployment.version:
            known = f"version {intent.version} ({intent.event})" if intent else "none"
            raise WeaverError(
                f"version {deployment.version} of {promotion.name} was deployed, and the ledger's champion is {known}",
                f"`weaver ledger verify` shows what answers; `weaver rollback {promotion.name} --to …` settles it.",
            )
        return write(
            "deployed",
            promotion.name,
            deployment.version,
            by=intent.by,
            why=intent.why,
            from_version=intent.from_version,
            evidence=intent.evidence,
            model=deployment.digest,
        )


def intents(name: str) -> list[Entry]:
    """A model's promotions and rollbacks, oldest first; the last one's version is the champion."""
    return [entry for entry in read() if entry.name == name and entry.event in INTENTS]


def unfinished(name: str) -> Entry | None:
    """The promotion or rollback that no deployment followed yet."""
    moves = [entry for entry in read() if entry.name == name and entry.moves]
    return moves[-1] if moves and moves[-1].event in INTENTS else None


def served(name: str, since: str, until: str) -> list[Entry]:
    """The deployments that answered at some time from `since` to `until` (ISO 8601, UTC), oldest first."""
    deployments = [entry for entry in read() if entry.name == name and entry.event == "deployed" and entry.at <= until]
    before = [entry for entry in deployments if entry.at <= since]
    return before[-1:] + [entry for entry in deployments if entry.at > since]


def read() -> list[Entry]:
    """All entries, oldest first; a last line that a crash tore off was never told to stand, and does not.

    Raises:
        WeaverError: an entry was changed, removed, added or put elsewhere; names the first that is wrong.
    """
    entries: list[Entry] = []
    lines = path().read_bytes().split(b"\n")[:-1] if path().exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            entry = Entry.model_validate(json.loads(line))
        except (ValueError, ValidationError) as error:
            raise WeaverError(f"{path()}, entry {number}: it is no entry: {first_line(error)}", REMEDY) from None
        if wrong := flaw(entry, line, number, entries[-1].hash if entries else FIRST):
            raise WeaverError(f"{path()}, entry {number}: {wrong}", REMEDY)
        entries.append(entry)
    return entries


def flaw(entry: Entry, line: bytes, number: int, previous: str) -> str:
    """What is wrong with an entry in its place; nothing, if it is right."""
    if entry.hash != entry.seal() or line != canonical_json(entry.model_dump()).encode():
        return "it was changed after it was written"
    if entry.number != number:
        return f"entry {entry.number} stands in its place: entries were removed, added or reordered"
    if entry.previous != previous:
        return "it does not follow the one before: that was replaced"
    return ""


def head(client: Any, name: str) -> str:
    """What MLflow remembers as a model's newest entry: number and hash; empty before the first, or without a model."""
    for model in client.search_registered_models(f"name = '{name}'"):
        return model.tags.get(HEAD, "")
    return ""


def beheaded(entries: list[Entry], name: str, head: str) -> tuple[str, str] | None:
    """What is wrong, and the remedy, if the entry that MLflow remembers is not in the ledger."""
    number, _, sealed = head.partition(" ")
    if not head or any(head == f"{entry.number} {entry.hash}" for entry in entries):
        return None
    return (
        f"{path()}: MLflow remembers entry {number} of {name} ({sealed[:12]}), which is not among the {len(entries)} "
        "here: the ledger was cut off or rewritten",
        f"{REMEDY} If it is lost for good, remove the tag {HEAD} of the model {name} in MLflow: the ledger then goes "
        "on from what it has.",
    )


def path() -> Path:
    return settings().home / "ledger" / "ledger.jsonl"


@contextmanager
def writing() -> Iterator[None]:
    with file_lock(path().with_suffix(".lock"), "writing the ledger"):
        yield


def text(said: str) -> str:
    """What a person typed, as UTF-8 can hold it."""
    return said.encode(errors="replace").decode().strip()


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
