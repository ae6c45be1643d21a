"""Find and protect personal data, in datasets and in request logs.

    find_personal_data(text)         → the personal data in a text
    protect_text(text, policy, key)  → the text with each kind masked, pseudonymised or kept, as the policy says

The kinds are `Privacy.kinds()`. Those with a form of their own are found by `patterns`, and checked: by check digits,
by the words around them, and against words about vehicles, which are never personal. The names of people are found by a
small model (`name_model`), trained on sentences of this trade.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipelines.core.plan import Privacy
from pipelines.text.privacy.names import find_names, may_recur, may_recur_alone, name_words
from pipelines.text.privacy.patterns import PATTERN_KINDS, find_matches, triggered_patterns
from pipelines.text.privacy.pseudonyms import derive_key, make_pseudonym
from pipelines.text.privacy.spoken import NUMERALS, find_spoken
from pipelines.text.privacy.words import words_of

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


HAS_DIGIT = re.compile(r"\d")
WITHOUT_DIGITS = ("email", "birth_date", "income", "employer", "address")


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


def find_personal_data(text: str, exempt: Sequence[str] = ()) -> list[Finding]:
    """The personal data in `text`, in order and without overlap; of overlapping findings the one with the higher score.

    Findings are masked and the text is scanned again until nothing more is found, so that a masked text contains none.

    Args:
        exempt: words that are never personal: `Privacy.exempt`.
    """
    findings: list[Finding] = []
    spared = find_exempt(text, exempt) if exempt else []
    while True:
        masks = [Change(f.entity, f.start, f.end, mask_label(f.entity)) for f in findings]
        more = [
            finding
            for finding in new_findings(scan_text(apply_changes(text, masks) if masks else text), masks)
            if not any(start < finding.end and finding.start < end for start, end in spared)
        ]
        if not more:
            return findings
        findings = sorted([*findings, *more], key=lambda finding: finding.start)


def scan_text(text: str) -> list[Finding]:
    """One scan: patterns, then names beside them, then the other occurrences of the values that were found."""
    words = words_of(text)
    kinds = PATTERN_KINDS if HAS_DIGIT.search(text) else WITHOUT_DIGITS
    triggered = triggered_patterns(words)
    findings = [Finding(kind, *match) for kind in kinds for match in find_matches(kind, text, words, triggered)]
    if not NUMERALS.isdisjoint(words):
        findings += [Finding(*match) for match in find_spoken(text, words)]
    findings = drop_overlaps(findings) if findings else findings
    findings += [Finding("name", *match) for match in find_names(text, [(f.start, f.end) for f in findings])]
    return drop_overlaps([*findings, *find_recurrences(text, findings)]) if findings else []


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
        several = finding.entity == "name" and not value.isalpha()
        parts = [value, *filter(may_recur_alone, name_words(value))] if several else [value]
        if finding.entity == "name":
            parts = list(filter(may_recur, parts))
        values |= {part: finding for part in parts if len(part) > 2}
    for value, finding in values.items():
        at = -1
        while (at := text.find(value, at + 1)) >= 0:
            end = at + len(value)
            if not is_word_character(text[at - 1 : at]) and not is_word_character(text[end : end + 1]):
                yield Finding(finding.entity, at, end, finding.score - 0.01)


def is_word_character(character: str) -> bool:
    """Whether a value that stands beside this character is only a part of a word."""
    return character.isalnum() or character == "_"


def find_changes(text: str, policy: Privacy, key: bytes) -> list[Change]:
    """The replacements by the policy. Data of a kind to drop are masked too, so that quarantined rows contain none."""
    changes = []
    for entity, start, end, _ in find_personal_data(text, policy.exempt):
        action = getattr(policy, entity)
        if action != "keep":
            replacement = (
                make_pseudonym(entity, text[start:end], key) if action == "pseudonymise" else mask_label(entity)
            )
            changes.append(Change(entity, start, end, replacement))
    return changes


def find_exempt(text: str, exempt: Sequence[str]) -> list[tuple[int, int]]:
    """Where the exempt words stand in a text, in any case and spacing."""
    words = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in exempt if phrase.strip())
    return [match.span() for match in re.finditer(rf"(?<!\w)(?:{words})(?!\w)", text, re.I)] if words else []


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
