"""Nothing in the ledger is changed, removed or added unnoticed, and no crash takes what was acknowledged."""

import itertools
import json
import multiprocessing
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pipelines.core.database import write_session
from pipelines.core.errors import WeaverError
from pipelines.core.settings import settings
from pipelines.registry import ledger
from pipelines.registry.ledger_check import verify_ledger
from pipelines.serving.deployment_pointer import deployed_version_number

from .. import database
from ..database import Rows
from ..models import Home, killed


@pytest.fixture
def written(models: Home) -> Home:
    """Two versions and a rollback: ten entries."""
    models.promoted(1, 2)
    models.rollback()
    return models


def findings(models: Home) -> list[str]:
    return [finding.what for finding in verify_ledger({models.name: deployed_version_number(models.name)})[1]]


def read_rows(table: str = "ledger") -> Rows:
    return database.read_rows(settings().home, table)


def write_rows(rows: Rows, table: str = "ledger") -> None:
    """Put these rows in the place of all."""
    with database.open_database(settings().home) as connection:
        for trigger in ("ledger_no_update", "ledger_no_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        connection.execute(f"DELETE FROM {table}")
        for row in rows:
            names = ", ".join(f":{name}" for name in row)
            connection.execute(f"INSERT INTO {table} VALUES ({names})", row)


def test_the_database_refuses_to_change_or_remove_an_entry(written: Home) -> None:
    before = read_rows()
    for statement in ("UPDATE ledger SET why = 'no'", "DELETE FROM ledger WHERE number = 10"):
        with (
            database.open_database(settings().home) as connection,
            pytest.raises(sqlite3.IntegrityError, match="append-only"),
        ):
            connection.execute(statement)
        with pytest.raises(WeaverError, match="append-only"), write_session("ledger") as session:
            session.execute(text(statement))
    assert read_rows() == before


def test_a_changed_field_of_any_entry_is_found_and_named(written: Home) -> None:
    rows = read_rows()
    for at, field in itertools.product(range(len(rows)), ledger.LedgerEntry.model_fields):
        changed = {"event": "verdict", "record": '{"responded_by": "mallory"}', "number": 99}
        value = changed.get(field) or rows[at][field] + (1 if isinstance(rows[at][field], int) else "x")
        write_rows([*rows[:at], rows[at] | {field: value}, *rows[at + 1 :]])
        with pytest.raises(
            WeaverError, match=f"entry {at + 1}: it was changed after it was written|stands in its place"
        ):
            ledger.read_entries()
    write_rows([*rows[:-1], rows[-1] | {"why": "another reason"}])
    assert "entry 10: it was changed" in findings(written)[0]


CHANGES: list[tuple[Callable[[Rows], Rows], str]] = [
    (lambda rows: rows[:3] + rows[4:], "entry 4: entry 5 stands in its place"),
    (lambda rows: rows[1:], "entry 1: entry 2 stands in its place"),
    (
        lambda rows: [*rows[:3], rows[4] | {"number": 4}, rows[3] | {"number": 5}, *rows[5:]],
        "entry 4: it was changed",
    ),
    (lambda rows: [*rows[:3], rows[3] | {"event": "no"}, *rows[4:]], "entry 4: it is not an entry"),
    (lambda rows: [*rows[:3], rows[3] | {"record": "{"}, *rows[4:]], "entry 4: it is not an entry"),
    (lambda rows: [*rows, rows[-1] | {"number": 11, "hash": "0"}], "entry 11: it was changed"),
    (lambda rows: rows[:-1], "the signed head of the ledger is entry 10"),
    (lambda rows: [], "the signed head of the ledger is entry 10"),
]


def test_removed_added_and_reordered_entries_are_found(written: Home) -> None:
    assert findings(written) == []
    rows = read_rows()
    for change, message in CHANGES:
        write_rows(change(rows))
        assert message in findings(written)[0]


def forge(rows: Rows) -> Rows:
    """All entries by somebody else, with hashes that fit."""
    forged, prev_hash = list[dict[str, Any]](), ledger.FIRST_HASH
    for row in rows:
        changed = row | {"by": "mallory", "prev_hash": prev_hash, "record": json.loads(row["record"])}
        prev_hash = ledger.LedgerEntry.model_validate(changed).compute_hash()
        forged.append(changed | {"hash": prev_hash, "record": row["record"]})
    return forged


def test_forged_entries_with_hashes_that_fit_do_not_fit_the_signed_head(written: Home) -> None:
    (head,) = read_rows("ledger_head")
    write_rows(forged := forge(read_rows()))
    assert "the ledger was cut off, rewritten or added to" in findings(written)[0]
    write_rows([head | {"hash": forged[-1]["hash"]}], "ledger_head")
    assert "was not signed with the key of this installation" in findings(written)[0]
    write_rows([], "ledger_head")
    assert "its signed head is missing" in findings(written)[0]
    with pytest.raises(WeaverError, match="signed head is missing"):
        written.rollback(to=2)
    assert written.champions()[0] == 1


def test_an_older_database_is_not_the_one_that_mlflow_remembers(written: Home) -> None:
    older = read_rows(), read_rows("ledger_head")
    written.rollback(to=2)
    write_rows(older[0])
    write_rows(older[1], "ledger_head")
    assert len(ledger.read_entries()) == 10, "it is intact by itself"
    assert "MLflow remembers entry 12 of" in findings(written)[0]
    with pytest.raises(WeaverError, match="cut off or rewritten") as refused:
        written.rollback(to=2)
    assert "backup" in refused.value.remedy and "weaver ledger sign" in refused.value.remedy
    assert len(ledger.accept_ledger()) == 10
    assert not any("cut off" in message for message in findings(written))
    ledger.append_entry("rejected", written.name, 2, "ada", "no")


def test_a_head_tag_that_somebody_removed_changed_or_put_back_is_reported(written: Home) -> None:
    older = ledger.read_head_tag(written.client, written.name)
    ledger.append_entry("rejected", written.name, 2, "ada", "no")
    newest = ledger.read_head_tag(written.client, written.name)
    for tag, message in (
        ("", "is missing in MLflow"),
        (f"11 {'a' * 64} {newest.split()[-1]}", "was changed by hand"),
        ("nonsense", "was changed by hand"),
        (older, "an older tag was put back"),
    ):
        if tag:
            written.client.set_registered_model_tag(written.name, ledger.HEAD_TAG, tag)
        else:
            written.client.delete_registered_model_tag(written.name, ledger.HEAD_TAG)
        (found,) = findings(written)
        assert message in found
        ledger.append_entry("rejected", written.name, 2, "ada", "no")  # says nothing new, and renews the tag
        assert ledger.read_head_tag(written.client, written.name).split()[:2] == newest.split()[:2]
        assert findings(written) == []


def test_nothing_is_decided_on_a_ledger_that_is_not_intact(written: Home) -> None:
    challenger = written.challenger(3, champion=1)
    rows = read_rows()
    write_rows(rows[:3] + rows[4:])
    before = read_rows()
    with pytest.raises(WeaverError, match="entry 4: entry 5 stands in its place"):
        written.promote(challenger)
    assert read_rows() == before and written.champions()[0] == 1


def test_killed_between_the_entry_and_its_tag_in_mlflow_both_are_right_after_the_next_try(models: Home) -> None:
    models.challenger(1)

    def reject() -> ledger.LedgerEntry:
        return ledger.append_entry("rejected", models.name, 1, "ada", "not yet")

    assert killed(reject, 1)
    assert findings(models) == [] and len(ledger.read_entries()) == 1
    assert killed(reject, 2)
    assert len(ledger.read_entries()) == 2 and "an entry was interrupted" in findings(models)[0]
    entry = reject()
    assert entry.number == 2 and len(ledger.read_entries()) == 2 and findings(models) == []
    assert ledger.read_head_tag(models.client, models.name).startswith(f"2 {entry.hash} ")


def test_an_optional_field_that_comes_later_changes_no_hash_of_older_entries() -> None:
    class Later(ledger.LedgerEntry):
        ticket: str = ""

    fields = {"schema_version": 1, "number": 1, "at": "", "event": "approved", "name": "m", "version": 1}
    fields |= {"by": "ada", "why": "", "prev_hash": ledger.FIRST_HASH}
    older, later = ledger.LedgerEntry.model_validate(fields), Later.model_validate(fields)
    assert older.compute_hash() == later.compute_hash()
    assert later.model_copy(update={"ticket": "x"}).compute_hash() != later.compute_hash()


def test_writers_in_many_processes_write_one_chain(models: Home) -> None:
    models.challenger(1)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=reject_often, args=(models.name, f"writer {n}")) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    entries = ledger.read_entries()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(entries) == 1 + 4 * 5 and len({(entry.by, entry.why) for entry in entries}) == len(entries)
    assert ledger.read_head_tag(models.client, models.name).startswith(f"{entries[-1].number} {entries[-1].hash} ")
    assert findings(models) == []


def reject_often(name: str, by: str) -> None:
    for time in range(5):
        ledger.append_entry("rejected", name, 1, by, f"no. {time}")


def test_what_a_person_types_is_kept_as_far_as_it_is_text(models: Home) -> None:
    models.challenger(1)
    said = 'a "quote", a\nnew line, \u2028, an emoji 🚗, half of one \ud83d'
    assert ledger.append_entry("rejected", models.name, 1, "ada", said).why == said.replace("\ud83d", "?")
    assert ledger.read_entries()[-1].why.startswith('a "quote"')


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
        ledger.LedgerEntry(
            schema_version=1, number=n, at=at, event=event, name="m", version=version, by="ada", why="", prev_hash=""
        )
        for n, (at, version) in enumerate(days)
        for event in ("promotion", "deployed")
    ]
    monkeypatch.setattr(ledger, "read_entries", lambda: deployed)
    assert [entry.version for entry in ledger.read_deployments_between("m", since, until)] == versions
