"""Nothing in the ledger is changed, removed or added unnoticed, and no crash takes what was acknowledged."""

import itertools
import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json
from pipelines.registry import ledger
from pipelines.registry.ledger_check import audit
from pipelines.serving.deployment_pointer import deployed_version_number

from ..models import Home, killed

Lines = list[bytes]


@pytest.fixture
def written(models: Home) -> Home:
    """Two versions and a rollback: ten entries."""
    models.promoted(1, 2)
    models.rollback()
    return models


def findings(models: Home) -> list[str]:
    return [finding.what for finding in audit({models.name: deployed_version_number(models.name)})[1]]


def rewrite(change: Callable[[Lines], Lines]) -> None:
    lines = ledger.path().read_bytes().splitlines(keepends=True)
    ledger.path().write_bytes(b"".join(change(lines)))


def test_a_changed_field_of_any_entry_is_found_and_named(written: Home) -> None:
    whole = ledger.path().read_bytes().splitlines(keepends=True)
    for at, field in itertools.product(range(len(whole)), ledger.Entry.model_fields):
        entry = json.loads(whole[at])
        changed = {"event": "verdict", "record": {"responded_by": "mallory"}}
        entry[field] = changed.get(field) or entry[field] + (1 if isinstance(entry[field], int) else "x")
        ledger.path().write_bytes(b"".join([*whole[:at], canonical_json(entry).encode() + b"\n", *whole[at + 1 :]]))
        with pytest.raises(WeaverError, match=f"entry {at + 1}: it was changed after it was written"):
            ledger.read()
    assert "entry 10: it was changed" in findings(written)[0]


CHANGES: list[tuple[Callable[[Lines], Lines], str]] = [
    (lambda lines: lines[:3] + lines[4:], "entry 4: entry 5 stands in its place"),
    (lambda lines: lines[1:], "entry 1: entry 2 stands in its place"),
    (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "entry 4: entry 5 stands in its place"),
    (lambda lines: [*lines[:3], lines[2], *lines[3:]], "entry 4: entry 3 stands in its place"),
    (lambda lines: [*lines[:3], b"{}\n", *lines[4:]], "entry 4: it is no entry"),
    (lambda lines: [*lines[:3], b"\xff\xfe\n", *lines[4:]], "entry 4: it is no entry"),
    (lambda lines: [*lines[:3], lines[3].replace(b'"by"', b' "by"'), *lines[4:]], "entry 4: it was changed"),
    (lambda lines: lines[:-1], "MLflow remembers entry 10 of"),
    (lambda lines: [lines[-1][:-1]], "MLflow remembers entry 10 of"),
    (lambda lines: [], "MLflow remembers entry 10 of"),
]


def test_what_was_removed_added_or_reordered_is_found(written: Home) -> None:
    assert findings(written) == []
    whole = ledger.path().read_bytes().splitlines(keepends=True)
    for change, told in CHANGES:
        ledger.path().write_bytes(b"".join(change(whole)))
        assert told in findings(written)[0]


def test_a_ledger_that_was_rewritten_with_hashes_that_fit_is_not_the_one_that_mlflow_remembers(written: Home) -> None:
    def forge(lines: Lines) -> Lines:
        forged, previous = [], ledger.FIRST
        for line in lines:
            entry = ledger.Entry.model_validate_json(line).model_copy(update={"by": "mallory", "previous": previous})
            previous = entry.seal()
            forged.append(canonical_json(entry.model_dump() | {"hash": previous}).encode() + b"\n")
        return forged

    rewrite(forge)
    assert len(ledger.read()) == 10, "the chain fits"
    assert "the ledger was cut off or rewritten" in findings(written)[0]
    with pytest.raises(WeaverError, match="cut off or rewritten") as refused:
        written.rollback(to=2)
    assert "backup" in refused.value.remedy and "remove the tag ledger_head" in refused.value.remedy
    assert written.champions()[0] == 1


def test_nothing_is_decided_on_a_ledger_that_is_not_whole(written: Home) -> None:
    challenger = written.challenger(3, champion=1)
    rewrite(lambda lines: lines[:3] + lines[4:])
    before = ledger.path().read_bytes()
    with pytest.raises(WeaverError, match="entry 4: entry 5 stands in its place"):
        written.promote(challenger)
    assert ledger.path().read_bytes() == before and written.champions()[0] == 1


def test_a_line_that_a_crash_tore_off_was_never_acknowledged_and_is_cut_away(written: Home) -> None:
    for number, torn in enumerate([b'{"at": "2026-03-03', b"\x00" * 40, b"x"], start=11):
        whole = ledger.path().read_bytes()
        ledger.path().write_bytes(whole + torn)
        assert findings(written) == [] and len(ledger.read()) == number - 1
        ledger.write("rejected", written.name, 2, "ada", f"no. {number}")
        assert ledger.path().read_bytes().startswith(whole)
        assert [entry.number for entry in ledger.read()] == list(range(1, number + 1))


def test_killed_between_the_entry_and_its_head_in_mlflow_both_are_right_after_the_next_try(models: Home) -> None:
    models.challenger(1)

    def reject() -> ledger.Entry:
        return ledger.write("rejected", models.name, 1, "ada", "not yet")

    for step in (1, 2):
        assert killed(reject, step)
        assert findings(models) == []
    entry = reject()
    assert entry.number == 2 and len(ledger.read()) == 2
    assert ledger.head(models.client, models.name) == f"2 {entry.hash}"
    assert not killed(reject, 3), "an entry is two changes"


def test_writers_in_many_processes_write_one_chain(models: Home) -> None:
    models.challenger(1)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=reject_often, args=(models.name, f"writer {n}")) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    entries = ledger.read()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(entries) == 1 + 4 * 5 and len({(entry.by, entry.why) for entry in entries}) == len(entries)
    assert ledger.head(models.client, models.name) == f"{entries[-1].number} {entries[-1].hash}"


def reject_often(name: str, by: str) -> None:
    for time in range(5):
        ledger.write("rejected", name, 1, by, f"no. {time}")


def test_what_a_person_types_is_kept_as_far_as_it_is_text(models: Home) -> None:
    models.challenger(1)
    said = 'a "quote", a\nnew line, \u2028, an emoji 🚗, half of one \ud83d'
    assert ledger.write("rejected", models.name, 1, "ada", said).why == said.replace("\ud83d", "?")
    assert ledger.read()[-1].why.startswith('a "quote"')


def test_a_full_disk_is_told_and_costs_no_entry(written: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ledger.path().read_bytes()

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as broken, pytest.raises(WeaverError, match="no room left to write"):
        broken.setattr(os, "fsync", full)
        ledger.write("rejected", written.name, 2, "ada", "no")
    assert ledger.path().read_bytes().startswith(whole)
    ledger.write("rejected", written.name, 2, "ada", "no")
    assert findings(written) == []


@pytest.mark.parametrize(
    ("since", "until", "versions"),
    [
        ("2026-03-01", "2026-03-01", []),
        ("2026-03-02", "2026-03-02", [1]),
        ("2026-03-03T00:00", "2026-03-03T23:59", [1, 2]),
        ("2026-03-03T13:00", "2026-03-03T13:00", [2]),
        ("2026-03-09", "2026-03-09", [1]),
    ],
)
def test_what_served_on_the_third_of_march(
    since: str, until: str, versions: list[int], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [("2026-03-01T12", 1), ("2026-03-03T12", 2), ("2026-03-05T12", 1)]
    deployed = [
        ledger.Entry(number=n, at=at, event=event, name="m", version=version, by="ada", why="", previous="")
        for n, (at, version) in enumerate(days)
        for event in ("promotion", "deployed")
    ]
    monkeypatch.setattr(ledger, "read", lambda: deployed)
    assert [entry.version for entry in ledger.served("m", since, until)] == versions
