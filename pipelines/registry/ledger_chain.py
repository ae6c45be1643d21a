"""How the ledger shows that nobody changed it: a chain of hashes, a signed head, and a signed tag in MLflow.

Each entry holds the hash of the one before it, so that nothing within can be changed unnoticed. The newest entry's
number and hash are signed with the key of this installation, in the database and, for each model, as a tag of the
registered model: entries cannot be cut off at the end, nor an older database be put in the place of this one.
"""

import json
from typing import Any, Literal, NamedTuple

from pipelines.core.artifacts import Artifact
from pipelines.core.database.tables import LedgerHead
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json, digest
from pipelines.core.signing import sign_text, verify_text

Event = Literal["registered", "verdict", "approved", "rejected", "promotion", "rollback", "deployed"]
INTENTS = ("promotion", "rollback")  # which version is to be deployed from now on; `deployed` follows when it is
HEAD_TAG = "ledger_head"  # the registered model's tag: number, hash and signature of its newest entry
FIRST_HASH = "0" * 64  # what the first entry follows
SCHEMA_VERSION = 1
REMEDY = (
    "Restore the database from a backup; `weaver ledger verify` says when the ledger is intact. Where there is no "
    "newer backup, `weaver ledger sign` accepts the entries that are there."
)


class Finding(NamedTuple):
    """Something that is wrong, and what to do."""

    what: str
    remedy: str
    blocks: bool = False  # no entry can be added until it is put right
    rebuild: Literal["", "tag", "deployment"] = ""  # what `weaver registry reconcile` would make anew


class LedgerEntry(Artifact):
    """One entry of the ledger."""

    schema_version: int
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
    model: str = ""  # registered: the digest of the adapter; deployed: of the deployed model
    # approved, rejected: Airflow's record of the decision, and its audit log's entry; promotion, rollback: the prompt
    # whose alias moved with the model's
    record: dict[str, Any] = {}
    prev_hash: str
    hash: str = ""

    @property
    def changes_champion(self) -> bool:
        """Whether it says which version is champion, or that one was deployed."""
        return self.event in (*INTENTS, "deployed")

    def compute_hash(self) -> str:
        """SHA-256 over the canonical JSON of the fields that are set: a field that comes later changes no old hash."""
        return digest(self.model_dump(exclude={"hash"}, exclude_defaults=True))

    def content(self) -> dict[str, Any]:
        """What it says, without its position in the ledger."""
        return self.model_dump(exclude={"schema_version", "number", "at", "prev_hash", "hash"})


def find_flaw(entry: LedgerEntry, number: int, prev_hash: str) -> str:
    """What is wrong with an entry at its position; empty if nothing is."""
    if entry.hash != entry.compute_hash():
        return "it was changed after it was written"
    if entry.number != number:
        return f"entry {entry.number} stands in its place: entries were removed, added or reordered"
    if entry.prev_hash != prev_hash:
        return "it does not follow the entry before it: that one was replaced"
    return ""


def sign_head(entry: LedgerEntry) -> LedgerHead:
    """The head after this entry."""
    signature = sign_text(head_text(entry.number, entry.hash))
    return LedgerHead(id=1, number=entry.number, hash=entry.hash, signature=signature)


def check_head(entries: list[LedgerEntry], head: LedgerHead | None) -> None:
    """
    Raises:
        WeaverError: the signed head is missing, was not signed here, or is not the newest entry.
    """
    if head is None:
        if not entries:
            return
        raise WeaverError(f"the ledger has {len(entries)} entries, and its signed head is missing", REMEDY)
    if not verify_text(head_text(head.number, head.hash), head.signature):
        raise WeaverError(
            "the head of the ledger was not signed with the key of this installation",
            f"Restore secrets/signing.key and signing.pub if they were replaced. {REMEDY}",
        )
    if not entries or (head.number, head.hash) != (entries[-1].number, entries[-1].hash):
        raise WeaverError(
            f"the signed head of the ledger is entry {head.number} ({head.hash[:12]}), which is not the last of the "
            f"{len(entries)} entries here: the ledger was cut off, rewritten or added to",
            REMEDY,
        )


def format_head_tag(name: str, number: int, hash: str) -> str:
    """The tag of a registered model whose newest entry this is."""
    return f"{number} {hash} {sign_text(head_text(number, hash, name))}"


def check_head_tag(entries: list[LedgerEntry], name: str, tag: str) -> Finding | None:
    """What is wrong with the newest entry that MLflow names for a model; None if nothing is."""
    own = [entry for entry in entries if entry.name == name]
    renew = f"The next entry of this model renews it, and so does `weaver registry reconcile {name}`."
    if not tag:
        missing = f"the tag {HEAD_TAG} of the model {name} is missing in MLflow: somebody removed it, or an entry was "
        return Finding(f"{missing}interrupted", f"Ask who removed it. {renew}", rebuild="tag") if own else None
    number, _, rest = tag.partition(" ")
    hash, _, signature = rest.partition(" ")
    if not number.isdecimal() or not verify_text(head_text(int(number), hash, name), signature):
        return Finding(
            f"the tag {HEAD_TAG} of the model {name} in MLflow was changed by hand",
            f"Ask who changed it. {renew}",
            rebuild="tag",
        )
    if (int(number), hash) not in [(entry.number, entry.hash) for entry in own]:
        return Finding(
            f"MLflow remembers entry {number} of {name} ({hash[:12]}), which is not among the {len(entries)} entries "
            "here: the ledger was cut off or rewritten",
            REMEDY,
            blocks=True,
        )
    if hash != own[-1].hash:
        return Finding(
            f"MLflow remembers entry {number} of {name} as the newest, and the ledger has entry {own[-1].number}: an "
            "older tag was put back, or an entry was interrupted",
            renew,
            rebuild="tag",
        )
    return None


def head_text(number: int, hash: str, name: str = "") -> str:
    """What is signed."""
    return canonical_json({"ledger": name, "number": number, "hash": hash})


def clean_text(text: str) -> str:
    """What a person typed, as UTF-8 and PostgreSQL can hold it."""
    return text.encode(errors="replace").decode().replace("\x00", "").strip()


def clean_record(record: dict[str, Any] | None) -> dict[str, Any]:
    """A record as it is read back from JSON."""
    cleaned: dict[str, Any] = json.loads(clean_text(canonical_json(record or {})).replace("\\u0000", ""))
    return cleaned
