"""The ledger: who had which model deployed, when and why; append-only, in the database of the installation.

MLflow's aliases remember only the present. `ledger_chain` says how a change of the past is noticed.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import String, cast, select
from sqlalchemy.orm import Session

from pipelines.alerts import alert
from pipelines.clients.mlflow import connect_mlflow, promotion_lock
from pipelines.core.artifacts import Deployment, Promotion
from pipelines.core.database import read_session, write_session
from pipelines.core.database.tables import LedgerHead, LedgerRow
from pipelines.core.errors import WeaverError
from pipelines.registry.ledger_chain import (
    FIRST_HASH,
    HEAD_TAG,
    INTENTS,
    REMEDY,
    SCHEMA_VERSION,
    Event,
    check_head,
    check_head_tag,
    clean_record,
    clean_text,
    find_flaw,
    format_head_tag,
    sign_head,
)
from pipelines.registry.ledger_chain import (
    LedgerEntry as LedgerEntry,
)

log = logging.getLogger(__name__)


def append_entry(
    event: Event,
    name: str,
    version: int,
    by: str,
    why: str,
    from_version: int = 0,
    evidence: str = "",
    model: str = "",
    record: dict[str, Any] | None = None,
) -> LedgerEntry:
    """Add an entry, on the disk when this returns. What the last entry of its kind says already is not repeated.

    Raises:
        WeaverError: the ledger is not intact, or it is not the one that MLflow remembers; nothing was written.
        Unavailable: MLflow does not answer.
    """
    client = connect_mlflow().MlflowClient()
    tags, head_tag = client.get_model_version(name, str(version)).tags, read_head_tag(client, name)
    with write_session("ledger") as session:
        entries = load_entries(session)
        if finding := check_head_tag(entries, name, head_tag):
            if finding.blocks:
                raise WeaverError(finding.what, finding.remedy)
            log.warning("%s", finding.what)
        entry = LedgerEntry(
            schema_version=SCHEMA_VERSION,
            number=len(entries) + 1,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            event=event,
            name=name,
            version=version,
            from_version=from_version,
            by=clean_text(by),
            why=clean_text(why),
            dataset=tags.get("dataset", ""),
            plan_digest=tags.get("plan_digest", ""),
            evidence=evidence,
            model=model,
            record=clean_record(record),
            prev_hash=entries[-1].hash if entries else FIRST_HASH,
        )
        last = find_repeated_entry(entries, entry)
        if last is None or last.content() != entry.content():
            last = entry.model_copy(update={"hash": entry.compute_hash()})
            session.add(LedgerRow(**last.model_dump()))
            session.merge(sign_head(last))
    publish_head_tag(client, name)
    if finding:
        alert(finding.what, key=f"{name}.ledger_head", template=name)
    return last


def find_repeated_entry(entries: list[LedgerEntry], new: LedgerEntry) -> LedgerEntry | None:
    """The entry that `new` would repeat: of the same event and version, or the last that moved the champion."""
    for entry in reversed(entries):
        same = (
            entry.changes_champion if new.changes_champion else (entry.event, entry.version) == (new.event, new.version)
        )
        if entry.name == new.name and same:
            return entry
    return None


def publish_head_tag(client: Any, name: str) -> None:
    """Have MLflow remember the newest entry of a model, whoever else adds entries at the same time."""
    published = None
    while (newest := read_newest(name)) != published:
        assert newest, "an entry was just written"
        client.set_registered_model_tag(name, HEAD_TAG, format_head_tag(name, *newest))
        published = newest


def read_newest(name: str) -> tuple[int, str] | None:
    """Number and hash of a model's newest entry."""
    query = select(LedgerRow.number, LedgerRow.hash).where(LedgerRow.name == name).order_by(LedgerRow.number.desc())
    with read_session() as session:
        row = session.execute(query.limit(1)).first()
    return (row.number, row.hash) if row else None


def append_ledger(promotion: Promotion, deployment: Deployment) -> LedgerEntry:
    """The stage `append_ledger`: write into the ledger that the promoted version is deployed. Idempotent.

    Raises:
        WeaverError: another version was made champion in the meantime.
    """
    with promotion_lock(promotion.name):
        intent = next(reversed(read_intents(promotion.name)), None)
        if intent is None or intent.version != deployment.version:
            champion = f"it is version {intent.version} ({intent.event})" if intent else "it has none"
            raise WeaverError(
                f"version {deployment.version} of {promotion.name} was deployed, and is not the ledger's champion: "
                f"{champion}",
                "See `weaver ledger verify`; deploy another version with "
                f"`weaver rollback {promotion.name} --to VERSION --why REASON`.",
            )
        return append_entry(
            "deployed",
            promotion.name,
            deployment.version,
            by=intent.by,
            why=intent.why,
            from_version=intent.from_version,
            evidence=intent.evidence,
            model=deployment.digest,
        )


def read_intents(name: str) -> list[LedgerEntry]:
    """A model's promotions and rollbacks, oldest first; the last one's version is the champion."""
    return [entry for entry in read_entries() if entry.name == name and entry.event in INTENTS]


def find_unfinished_intent(name: str) -> LedgerEntry | None:
    """The promotion or rollback that no deployment followed yet."""
    moves = [entry for entry in read_entries() if entry.name == name and entry.changes_champion]
    return moves[-1] if moves and moves[-1].event in INTENTS else None


def read_deployments_between(name: str, since: str, until: str) -> list[LedgerEntry]:
    """The deployments that were in force at some time from `since` to `until` (ISO 8601, UTC), oldest first."""
    deployments = [
        entry for entry in read_entries() if entry.name == name and entry.event == "deployed" and entry.at <= until
    ]
    before = [entry for entry in deployments if entry.at <= since]
    return before[-1:] + [entry for entry in deployments if entry.at > since]


def read_entries() -> list[LedgerEntry]:
    """All entries, oldest first.

    Raises:
        WeaverError: an entry was changed, removed, added or reordered; names the first that is wrong.
    """
    with read_session() as session:
        return load_entries(session)


def load_entries(session: Session) -> list[LedgerEntry]:
    """As `read_entries`, within a transaction."""
    entries = load_chain(session)
    check_head(entries, session.get(LedgerHead, 1))
    return entries


def load_chain(session: Session) -> list[LedgerEntry]:
    """The entries, whose hashes are right; whether the end is missing is not known."""
    entries: list[LedgerEntry] = []
    # JSON is decoded here, so that the entry can be named whose JSON is broken.
    columns = [column for column in LedgerRow.__table__.columns if column.key != "record"]
    record = cast(LedgerRow.record, String).label("record")
    for row in session.execute(select(*columns, record).order_by(LedgerRow.number)).mappings():
        number = len(entries) + 1
        try:
            entry = LedgerEntry.model_validate(dict(row) | {"record": json.loads(row["record"])})
        except (ValueError, TypeError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise WeaverError(f"the ledger, entry {number}: it is not an entry: {reason}", REMEDY) from None
        if flaw := find_flaw(entry, number, entries[-1].hash if entries else FIRST_HASH):
            raise WeaverError(f"the ledger, entry {number}: {flaw}", REMEDY)
        entries.append(entry)
    return entries


def accept_ledger() -> list[LedgerEntry]:
    """Sign the head of the ledger anew, as it stands: after a restore from a backup that is older. Returns the entries.

    Raises:
        WeaverError: the entries themselves are not intact.
        Unavailable: MLflow does not answer.
    """
    client = connect_mlflow().MlflowClient()
    with write_session("ledger") as session:
        entries = load_chain(session)
        if entries:
            session.merge(sign_head(entries[-1]))
        elif head := session.get(LedgerHead, 1):
            session.delete(head)
    with_entries = {entry.name for entry in entries}
    for model in client.search_registered_models():
        if model.name in with_entries:
            publish_head_tag(client, model.name)
        elif HEAD_TAG in model.tags:
            client.delete_registered_model_tag(model.name, HEAD_TAG)
    return entries


def read_head_tag(client: Any, name: str) -> str:
    """What MLflow remembers of a model's newest entry; empty before the first, or without a model."""
    for model in client.search_registered_models(f"name = '{name}'"):
        tag: str = model.tags.get(HEAD_TAG, "")
        return tag
    return ""
