"""The live index has what the sources have, embeds only what changed, and is whole whatever happens to a build."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.knowledge import index
from pipelines.knowledge.documents import add_documents, remove_document
from pipelines.knowledge.index import (
    build_index,
    index_folder,
    live_version,
    open_table,
    rollback_index,
    switch_index,
    sync_index,
)
from pipelines.knowledge.index_status import describe_index
from pipelines.knowledge.live import LiveIndex, load_index
from pipelines.text.passages import Passage

from .conftest import write_template
from .files import PAGES, write_pdf


def texts(template: str) -> set[str]:
    return {passage.text for passage in load_index(template).passages}


def some(count: int, changed: str = "") -> list[Passage]:
    return [
        Passage(
            f"bulletin:{number}", f"Bulletin {number}{changed if number == 3 else ''}: check relay R{number}.", "", "x"
        )
        for number in range(count)
    ]


def test_only_what_changed_is_embedded(template: str, tmp_path: Path) -> None:
    sections = [
        (f"Chapter {number}", f"The relay of circuit {number} is behind panel {number}.", []) for number in range(20)
    ]
    add_documents(template, [str(write_pdf(tmp_path / "manual.pdf", sections))], since="2026-01-01")
    first = sync_index(template)
    assert (first.added, first.embedded) == (20, 20)
    assert sync_index(template)._replace(seconds=0) == first._replace(
        base=first.version, added=0, embedded=0, seconds=0
    )
    sections[7] = ("Chapter 7", "The relay of circuit 7 moved below the battery.", [])
    add_documents(template, [str(write_pdf(tmp_path / "manual.pdf", sections))], since="2026-02-01")
    second = sync_index(template)
    assert (second.added, second.changed, second.removed, second.embedded) == (
        0,
        20,
        0,
        1,
    )  # all hold since another day
    found = texts(template)
    assert "The relay of circuit 7 moved below the battery." in found
    assert not any("behind panel 7." in text for text in found)


def test_a_removed_document_is_gone_and_a_server_sees_it(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.knowledge.live.REFRESH_SECONDS", 0.0)
    add_documents(template, [str(write_pdf(tmp_path / "manual.pdf"))])
    (tmp_path / "note.txt").write_text("The lot closes at 9 pm.")
    add_documents(template, [str(tmp_path / "note.txt")])
    sync_index(template)
    server = LiveIndex(template)
    assert server.get().search("timing belt interval").hits[0].passage.source == "manual.pdf"
    remove_document(template, "manual.pdf")
    sync_index(template)
    server.get()
    with server.lock:  # until the new version is loaded
        assert {passage.source for passage in server.get().passages} == {"note.txt"}


def test_a_template_that_names_an_unknown_source_keeps_its_index(home: Path) -> None:
    name = write_template(home, ["automotive.code_guide"])
    version = sync_index(name).version
    write_template(home, ["automotive.code_guides"])
    with pytest.raises(WeaverError, match=r"which no kit has; did you mean 'automotive\.code_guide'"):
        sync_index(name)
    assert load_index(name).version == version


def test_without_an_index_the_command_that_makes_one_is_named(template: str) -> None:
    with pytest.raises(WeaverError, match=f"weaver knowledge sync {template}"):
        load_index(template)


def test_a_build_that_is_not_switched_to_changes_nothing_and_can_be_undone(template: str) -> None:
    live = build_index(template, some(10)).version
    switch_index(template, live)
    candidate = build_index(template, some(10, ", new")).version
    assert load_index(template).version == live
    assert "Bulletin 3: check relay R3." in texts(template)
    switch_index(template, candidate)
    assert "Bulletin 3, new: check relay R3." in texts(template)
    assert rollback_index(template) == live
    assert "Bulletin 3: check relay R3." in texts(template)


KILLED = """
import os, signal, sys
from pipelines.knowledge import index
from pipelines.text.passages import Passage
index.BATCH = 4
real, calls = index.make_rows, []
def make_rows(*args):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args)
index.make_rows = make_rows
index.build_index("shop_manuals", [Passage(f"bulletin:{n}", f"Other text {n}.", "", "x") for n in range(5, 40)])
"""


def test_a_killed_build_leaves_the_live_index_and_the_next_one_is_whole(template: str) -> None:
    switch_index(template, build_index(template, some(10)).version)
    before = texts(template)
    ended = subprocess.run([sys.executable, "-c", KILLED], env=os.environ, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    table = open_table(template)
    assert table.version > live_version(table)  # it had begun to write
    assert texts(template) == before
    switch_index(template, build_index(template, some(12)).version)
    assert texts(template) == {passage.text for passage in some(12)}


def test_old_versions_are_deleted_and_the_tagged_ones_are_not(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "KEPT", timedelta(milliseconds=1))
    for count in range(1, 6):
        switch_index(template, build_index(template, some(count)).version)
    assert len(texts(template)) == 5
    rollback_index(template)
    assert len(texts(template)) == 4


def test_two_passages_of_one_id_are_an_error(template: str) -> None:
    with pytest.raises(WeaverError, match="two passages have the id bulletin:0"):
        build_index(template, [*some(2), *some(1)])


def test_ids_with_quotes_are_replaced_and_deleted(template: str) -> None:
    odd = Passage("owner's manual.pdf#it's:1", "The horn is loud.", "", "owner's manual.pdf")
    switch_index(template, build_index(template, [odd]).version)
    switch_index(template, build_index(template, [odd._replace(text="The horn is quiet.")]).version)
    assert texts(template) == {"The horn is quiet."}


def test_a_damaged_index_is_named(template: str) -> None:
    switch_index(template, build_index(template, some(3)).version)
    for file in index_folder(template).rglob("*.manifest"):
        file.write_bytes(b"no manifest")
    with pytest.raises(WeaverError, match="is damaged"):
        load_index(template)


def test_the_status_counts_sources_and_what_is_out_of_date(template: str, tmp_path: Path) -> None:
    add_documents(template, [str(write_pdf(tmp_path / "manual.pdf", PAGES))])
    sync_index(template)
    state = describe_index(template)
    assert (state["sources"], state["outdated"]) == ({"manual.pdf": 3}, 0)
    (tmp_path / "note.txt").write_text("The lot closes at 9 pm.")
    add_documents(template, [str(tmp_path / "note.txt")])
    assert describe_index(template)["outdated"] == 1
