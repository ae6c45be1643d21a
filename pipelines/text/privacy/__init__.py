"""Find and protect personal data, in datasets and in request logs.

    find_personal_data(text)         → the personal data in a text
    protect_text(text, policy, key)  → the text with each kind masked, pseudonymised or kept, as the policy says

The kinds are the fields of `plan.Privacy`. Their patterns are in `patterns`, the names of people in `names`. Presidio
runs the patterns (`recognisers`); it is imported only when a text passes the prefilter of a kind.
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
    """Personal data in a text."""

    entity: str  # its kind: a field of plan.Privacy
    start: int  # in characters
    end: int  # in characters, exclusive
    score: float  # 0.5 to 1


class Change(NamedTuple):
    """A replacement of text[start:end]."""

    entity: str
    start: int
    end: int
    replacement: str


class Protected(NamedTuple):
    """A text after the policy was applied."""

    text: str
    entities: list[str]  # the kinds that were found and not kept, sorted
    drop: bool  # whether the policy drops a row that contains one of them


def find_personal_data(text: str) -> list[Finding]:
    """The personal data in `text`, in order and without overlap; of overlapping findings the one with the higher score.

    Findings are masked and the text is scanned again until nothing more is found, so that a masked text contains none.
    """
    findings: list[Finding] = []
    while True:
        masks = [Change(f.entity, f.start, f.end, mask_label(f.entity)) for f in findings]
        more = list(new_findings(scan_text(apply_changes(text, masks)), masks))
        if not more:
            return findings
        findings = sorted([*findings, *more], key=lambda finding: finding.start)


def scan_text(text: str) -> list[Finding]:
    """One scan by Presidio, with the other occurrences of the values that it finds."""
    kinds = [kind for kind in KINDS if next(find_matches(kind, text), None)]
    if not kinds:
        return []
    from pipelines.text.privacy.recognisers import load_analyzer

    results = load_analyzer().analyze(text, "en", entities=kinds)
    findings = drop_overlaps([Finding(r.entity_type, r.start, r.end, r.score) for r in results])
    return drop_overlaps([*findings, *find_recurrences(text, findings)])


def new_findings(findings: list[Finding], masks: list[Change]) -> Iterator[Finding]:
    """The findings in a masked text that touch no mask, with their positions in the original text."""
    for finding in findings:
        shift, free = 0, True
        for change in masks:
            mask_start = change.start + shift  # in the masked text
            if finding.end <= mask_start:
                break
            free = free and finding.start >= mask_start + len(change.replacement)
            shift += len(change.replacement) - (change.end - change.start)
        if free:
            yield finding._replace(start=finding.start - shift, end=finding.end - shift)


def mask_label(entity: str) -> str:
    """What replaces a masked value: <PHONE>."""
    return f"<{entity.upper()}>"


def drop_overlaps(findings: list[Finding]) -> list[Finding]:
    """Findings without those that overlap one with a higher score, in order."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (-f.score, f.start - f.end, f.start)):
        if all(finding.end <= other.start or other.end <= finding.start for other in kept):
            kept.append(finding)
    return sorted(kept, key=lambda f: f.start)


def find_recurrences(text: str, findings: list[Finding]) -> Iterator[Finding]:
    """Other occurrences of the values that were found, such as a name from the greeting in the middle of a sentence."""
    values: dict[str, Finding] = {}
    for finding in findings:
        value = text[finding.start : finding.end]
        parts = [value, *filter(str.istitle, name_words(value))] if finding.entity == "name" else [value]
        values |= {part: finding for part in parts if len(part) > 2 and part.lower() not in NOT_NAMES}
    for value, finding in values.items():
        if text.count(value) > 1 or value != text[finding.start : finding.end]:
            for match in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", text):
                yield Finding(finding.entity, *match.span(), finding.score - 0.01)


def find_changes(text: str, policy: Privacy, key: bytes) -> list[Change]:
    """The replacements by the policy. Data of a kind to drop are masked too, so that quarantined rows contain none."""
    changes = []
    for entity, start, end, _ in find_personal_data(text):
        action = getattr(policy, entity)
        if action != "keep":
            replacement = (
                make_pseudonym(entity, text[start:end], key) if action == "pseudonymise" else mask_label(entity)
            )
            changes.append(Change(entity, start, end, replacement))
    return changes


def apply_changes(text: str, changes: list[Change], start: int = 0, end: int | None = None) -> str:
    """text[start:end] with the changes that are within it applied."""
    end = len(text) if end is None else end
    pieces, at = [], start
    for change in changes:
        if start <= change.start and change.end <= end:
            pieces += [text[at : change.start], change.replacement]
            at = change.end
    return "".join([*pieces, text[at:end]])


def protect_text(text: str, policy: Privacy, key: bytes) -> Protected:
    """Apply the policy to a text of a dataset or of a request log.

    Args:
        key: `derive_key(scope)`: equal values get equal pseudonyms within a scope.
    """
    changes = find_changes(text, policy, key)
    entities = sorted({change.entity for change in changes})
    return Protected(
        apply_changes(text, changes), entities, any(getattr(policy, entity) == "drop" for entity in entities)
    )
