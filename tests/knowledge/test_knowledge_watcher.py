"""New documents start a reindexing once; a home that cannot be read is asked again."""

import asyncio
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.artifacts import IndexBuild, IndexVerdict
from pipelines.core.settings import REPOSITORY
from pipelines.knowledge.documents import add_documents, remove_document
from pipelines.knowledge.index_verdict import digest_documents, verdict_file


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    module = importlib.import_module("weaver_plugins.knowledge_watcher")
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    yield module


def mark_checked(template: str) -> None:
    """As a reindexing does, whatever its verdict is."""
    figures = dict.fromkeys(("passages", "added", "changed", "removed", "embedded"), 0)
    build = IndexBuild(name=template, version=1, live=1, documents=digest_documents(template), seconds=0, **figures)
    rest = {"passed": False, "reason": "failed", "build": build, "at": ""}
    IndexVerdict(name=template, version=1, compared_with=0, **rest).save(verdict_file(template))


def test_it_fires_once_for_what_no_index_was_checked_with(watcher: Any, template: str, tmp_path: Path) -> None:
    trigger = watcher.NewDocumentsTrigger(template)
    name, arguments = trigger.serialize()
    assert getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])(**arguments)
    (tmp_path / "note.txt").write_text("The lot closes at 9 pm.")

    async def watch() -> None:
        events = trigger.run()

        async def next_event(seconds: float = 20) -> Any:
            return (await asyncio.wait_for(anext(events), seconds)).payload

        add_documents(template, [str(tmp_path / "note.txt")])
        assert await next_event() == {"template": template, "documents": digest_documents(template)}
        mark_checked(template)
        remove_document(template, "note.txt")
        assert await next_event() == {"template": template, "documents": "none"}
        with pytest.raises(TimeoutError):
            await next_event(0.3)

    asyncio.run(watch())


def test_a_file_that_is_damaged_is_asked_again(watcher: Any, template: str, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("The lot closes at 9 pm.")
    add_documents(template, [str(tmp_path / "note.txt")])
    verdict_file(template).write_text("{")

    async def watch() -> None:
        events = watcher.NewDocumentsTrigger(template).run()
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        verdict_file(template).unlink()
        assert (await asyncio.wait_for(waiting, 20)).payload["template"] == template

    asyncio.run(watch())
