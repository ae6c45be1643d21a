"""What is personal, and what becomes of it: used on data on its way in and on logs on their way out.

    find(text)                  → the personal data in a text
    protect(text, policy, key)  → the text with each kind dropped, masked, pseudonymised or kept, as the policy says

The kinds are the fields of `plan.Privacy`. What they look like is in `shapes`, the names of people in `names`; Presidio
runs them (`recognisers`) and is loaded once a text holds the shape of anything at all.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipelines.core.plan import Privacy
from pipelines.text.privacy.names import NOT_NAMES, name_words
from pipelines.text.privacy.patterns import KINDS, find_matches
from pipelines.text.privacy.pseudonyms import derive_key, make_pseudonym

__all__ = [
    "Change",
    "Finding",
    "Protected",
    "apply_changes",
    "derive_key",
    "find_changes",
    "find_personal_data",
    "protect_text",
]


class Finding(NamedTuple):
    entity: str
    start: int  # characters, as a slice has them
    end: int
    score: float  # 0.5 to 1


class Change(NamedTuple):
    entity: str
    start: int
    end: int
    new: str


class Protected(NamedTuple):
    text: str
    entities: list[str]  # the kinds found that the policy does not keep, sorted
    drop: bool  # whether the policy says to drop a row that holds one of them


def find_personal_data(text: str) -> list[Finding]:
    """The personal data in `text`, in order and without overlap; of two readings of a place the likelier one.

    What is found is masked and the rest read again, until nothing more is found: so a masked text holds nothing.
    """
    found: list[Finding] = []
    while True:
        masks = [Change(f.entity, f.start, f.end, mask_label(f.entity)) for f in found]
        more = list(new_findings(scan_text(apply_changes(text, masks)), masks))
        if not more:
            return found
        found = sorted([*found, *more], key=lambda finding: finding.start)


def scan_text(text: str) -> list[Finding]:
    kinds = [kind for kind in KINDS if next(find_matches(kind, text), None)]
    if not kinds:
        return []
    from pipelines.text.privacy.recognisers import load_analyzer

    results = load_analyzer().analyze(text, "en", entities=kinds)
    clear = drop_overlaps([Finding(r.entity_type, r.start, r.end, r.score) for r in results])
    return drop_overlaps([*clear, *find_recurrences(text, clear)])


def new_findings(found: list[Finding], masks: list[Change]) -> Iterator[Finding]:
    """Findings of a masked text where they are in the text itself, without those that touch a mask."""
    for one in found:
        shift, free = 0, True
        for change in masks:
            at = change.start + shift  # where its mask begins
            if one.end <= at:
                break
            free = free and one.start >= at + len(change.new)
            shift += len(change.new) - (change.end - change.start)
        if free:
            yield one._replace(start=one.start - shift, end=one.end - shift)


def mask_label(entity: str) -> str:
    return f"<{entity.upper()}>"


def drop_overlaps(found: list[Finding]) -> list[Finding]:
    kept: list[Finding] = []
    for one in sorted(found, key=lambda f: (-f.score, f.start - f.end, f.start)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda f: f.start)


def find_recurrences(text: str, found: list[Finding]) -> Iterator[Finding]:
    """The same values where no word announces them: the name of a greeting, again in the middle of a line."""
    values: dict[str, Finding] = {}
    for one in found:
        value = text[one.start : one.end]
        parts = [value, *filter(str.istitle, name_words(value))] if one.entity == "name" else [value]
        values |= {part: one for part in parts if len(part) > 2 and part.lower() not in NOT_NAMES}
    for value, one in values.items():
        if text.count(value) > 1 or value != text[one.start : one.end]:
            for match in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", text):
                yield Finding(one.entity, *match.span(), one.score - 0.01)


def find_changes(text: str, policy: Privacy, key: bytes) -> list[Change]:
    """What the policy writes in place of what is found. A row to drop is masked: its quarantine holds no secret."""
    made = []
    for entity, start, end, _ in find_personal_data(text):
        action = getattr(policy, entity)
        if action != "keep":
            new = make_pseudonym(entity, text[start:end], key) if action == "pseudonymise" else mask_label(entity)
            made.append(Change(entity, start, end, new))
    return made


def apply_changes(text: str, changes: list[Change], start: int = 0, end: int | None = None) -> str:
    """text[start:end] with the changes that lie in it."""
    end = len(text) if end is None else end
    pieces, at = [], start
    for change in changes:
        if start <= change.start and change.end <= end:
            pieces += [text[at : change.start], change.new]
            at = change.end
    return "".join([*pieces, text[at:end]])


def protect_text(text: str, policy: Privacy, key: bytes) -> Protected:
    """Apply the policy to a text of a dataset or of a request log.

    Args:
        key: of the scope within which equal values get equal stand-ins: `key(scope)`.
    """
    made = find_changes(text, policy, key)
    entities = sorted({change.entity for change in made})
    return Protected(apply_changes(text, made), entities, any(getattr(policy, entity) == "drop" for entity in entities))
