"""Batches, processes, Ray and releases change nothing about what a row is told, except what they are for."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipelines.core.artifacts import Records, Splits, Validation
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, read_jsonl, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import work_folder
from pipelines.datasets import quarantine
from pipelines.datasets.refine import engine, refine, workers

ROWS = 600


def rows() -> list[dict]:
    """Bolts and their torque, among them every fault there is."""
    made = [
        {
            "instruction": f"What is the torque of bolt {number}?",
            "input": f"bolt {number}, M{number % 9} | steel",
            "output": f"The torque of bolt {number} is {number} Nm.",
            "topic": ("engine", "drivetrain")[number % 2],
            "source": f"mine.jsonl:{number}",
            "key": "",
            "kind": "grounded",
            "facts": {"torque": f"{number} Nm"},
            "group": f"bolt {number}",
            "shelf": number % 7,
        }
        for number in range(ROWS)
    ]
    made += [made[3] | {"source": "again"}, made[4] | {"source": "louder", "output": made[4]["output"].upper()}]
    made += [made[5] | {"source": "other", "group": "w", "output": "The torque of bolt 5 is 6 Nm."}]
    made += [
        made[6]
        | {
            "source": "foreign",
            "group": "x",
            "input": "bolt",
            "output": "Der Drehmoment der Schraube ist leider unbekannt.",
        }
    ]
    made += [
        made[7] | {"source": "cut", "group": "y", "input": "bolt", "output": "The torque of bolt 7 is given by the"}
    ]
    return made


@pytest.fixture
def refined(home: Path, tmp_path: Path) -> Callable[..., Splits]:
    folder = tmp_path / "records"
    write_jsonl(folder / "records.jsonl", rows())
    records = Records(uri=str(folder), digest=digest(folder / "records.jsonl"), rows=len(rows()), sources={})

    def run(work: Path | None = None, **settings) -> Splits:
        plan = make_plan(
            "service_advisor", {f"refine.{key}": value for key, value in settings.items()}, experiment=True
        )
        validation = Validation(uri=str(folder), records=records, expectations=1)
        return refine(validation, plan, work or work_folder("service_advisor"))

    return run


def made(splits: Splits) -> dict[str, str]:
    return {name: digest(Path(splits.uri, f"{name}.jsonl")) for name in ("train", "heldout", "dropped")}


def reasons(splits: Splits) -> dict[str, str]:
    return {row["source"]: row["reason"] for row in read_jsonl(Path(splits.uri, "dropped.jsonl"))}


def test_the_account(refined: Callable) -> None:
    splits = refined()
    assert reasons(splits).keys() >= {"again", "louder", "other", "foreign", "cut"}
    assert reasons(splits)["louder"] == "near-duplicate: asks and answers the same as mine.jsonl:4"
    assert "mine.jsonl:5" not in reasons(splits), "its own facts say that it is right"
    steps = {step["step"]: step for step in json.loads(Path(splits.uri, "report.json").read_text())["steps"]}
    (example,) = steps["language"]["examples"]["not in en"]
    assert example["source"] == "foreign" and example["reason"] == "not in en: output in de"
    assert all(step["seconds"] >= 0 for step in steps.values())
    assert splits.dropped["contradictory answers"] == len(steps["near_duplicates"]["examples"]["contradictory answers"])
    assert {row["shelf"] for row in read_jsonl(Path(splits.uri, "train.jsonl"))} == set(range(7)), "what else a row has"
    assert not [path for path in Path(splits.uri).iterdir() if path.is_dir()], "nothing of the work is left"


def test_small_batches_change_nothing(refined: Callable, home: Path) -> None:
    assert made(refined(home / "one")) == made(refined(home / "other", batch_rows=7))


@pytest.mark.slow
def test_ray_changes_nothing_and_listens_on_this_machine_alone(refined: Callable, home: Path) -> None:
    with workers.Workers("ray", ROWS):
        started = psutil.Process().children(recursive=True)
        heard = {c.laddr.ip for p in started for c in p.net_connections() if c.status == psutil.CONN_LISTEN}
        assert heard and heard <= {"127.0.0.1", "::ffff:127.0.0.1"}
        assert made(refined(home / "one")) == made(refined(home / "other", engine="ray", batch_rows=100))
    assert not psutil.wait_procs(started, timeout=30)[1]


def test_processes_change_nothing(refined: Callable, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = made(refined(home / "one", batch_rows=100))
    started = []
    pool = workers.process_pool
    monkeypatch.setattr(workers, "process_pool", lambda count: started.append(count) or pool(count))
    monkeypatch.setattr(workers, "MIN_POOL_ROWS", 100)
    assert made(refined(home / "other", batch_rows=100)) == one
    assert started


def test_ray_that_is_not_installed_is_told(refined: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WeaverError, match=r"pip install neuroweaver\[ray\]"):
        refined(engine="ray")


def test_a_step_that_loses_rows_is_told(refined: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.load_step.cache_clear()
    monkeypatch.setitem(engine.STEPS, "length", "step_report:lose")
    monkeypatch.setattr("pipelines.datasets.refine.step_report.lose", lambda batch, plan: batch.slice(1), raising=False)
    with pytest.raises(WeaverError, match=r"length returned 604 rows for 605"):
        refined(steps=["length"])
    engine.load_step.cache_clear()


def test_the_order_and_choice_of_steps_is_the_plans(refined: Callable) -> None:
    splits = refined(steps=["near_duplicates", "normalise"])
    assert set(splits.dropped) <= {"near-duplicate", "contradictory answers", "near-duplicate of held-out"}
    with pytest.raises(WeaverError, match=r"refine.steps.0: Input should be 'normalise'"):
        refined(steps=["normalize"])


def test_released_rows_pass_the_step_that_dropped_them(refined: Callable, home: Path) -> None:
    before = refined()
    dropped = {row["source"]: row for row in quarantine.read_quarantine("service_advisor")}
    quarantine.release_rows(
        "service_advisor", [dropped["foreign"]["id"], "truncated answer"], by="Ann", why="they are right"
    )
    after = refined()
    assert after.uri != before.uri
    assert reasons(before).keys() - reasons(after).keys() >= {"cut", "foreign"} - set(leaking(after))
    told = quarantine.list_releases("service_advisor")
    assert [(one["step"], one["by"], one["why"]) for one in told] == [
        ("language", "Ann", "they are right"),
        ("answers", "Ann", "they are right"),
    ]
    steps = json.loads(Path(after.uri, "report.json").read_text())["steps"]
    assert {step["step"]: step["released"] for step in steps if step["released"]} == {"language": 1, "answers": 1}
    assert made(refined()) == made(after)


def test_a_step_that_only_reports_drops_nothing_and_shows_what(
    refined: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    splits = refined(report_only=["language"])
    step = next(s for s in json.loads(Path(splits.uri, "report.json").read_text())["steps"] if s["step"] == "language")
    assert (step["dropped"], step["flagged"], step["in"] - step["out"]) == ({}, {"not in en": 1}, 0)
    assert step["report_only"] == "as refine.report_only says"
    assert [example["source"] for example in step["examples"]["not in en"]] == ["foreign"]
    assert "foreign" not in {row["source"] for row in read_jsonl(Path(splits.uri, "dropped.jsonl"))}
    assert "language only reports, as refine.report_only says: it would drop {'not in en': 1}" in caplog.text
    with pytest.raises(WeaverError, match="report_only"):
        refined(report_only=["personal"])


def test_a_step_whose_drops_people_release_only_reports_from_then_on(refined: Callable, home: Path) -> None:
    """At 20 characters `length` drops what the bolts' records say; people release six of them, then more."""
    few = {"max_input_chars": 19, "steps": ["normalise", "length"], "seed": 3}
    dropped = [row["id"] for row in read_jsonl(Path(refined(**few).uri, "dropped.jsonl")) if row["step"] == "length"]
    assert len(dropped) > 100
    quarantine.release_rows("service_advisor", dropped[: len(dropped) // 5], by="Ann", why="they are right")
    assert quarantine.find_unreliable_steps("service_advisor") == {}, "a fifth: precision may still be 0.8"
    assert refined(**few).dropped["input too long"] == len(dropped) - len(dropped) // 5
    quarantine.release_rows("service_advisor", dropped[-5:], by="Ben", why="these too")
    wrong = len(dropped) // 5 + 5
    why = f"because people released {wrong} of the {len(dropped)} rows that it dropped"
    assert quarantine.find_unreliable_steps("service_advisor") == {"length": why}
    after = refined(**few)
    assert "input too long" not in after.dropped
    step = json.loads(Path(after.uri, "report.json").read_text())["steps"][1]
    assert (step["report_only"], step["flagged"], step["released"]) == (
        why,
        {"input too long": len(dropped) - wrong},
        wrong,
    )


def leaking(splits: Splits) -> list[str]:
    return [
        source
        for source, reason in reasons(splits).items()
        if reason.startswith("near-duplicate of held-out: asks the same as ")
    ]


def test_what_may_not_be_released_is_not(refined: Callable) -> None:
    with pytest.raises(WeaverError, match="weaver refine service_advisor"):
        quarantine.read_quarantine("service_advisor")
    steps = ["normalise", "exact_duplicates"]  # which let pass two answers to one question
    splits = next(splits for seed in range(50) if leaking(splits := refined(seed=seed, steps=steps)))
    leak = next(row for row in quarantine.read_quarantine("service_advisor") if row["step"] == "split")
    assert leak["source"] in leaking(splits)
    with pytest.raises(WeaverError, match="which allows no release"):
        quarantine.release_rows("service_advisor", [leak["id"]], by="Ann", why="I like it")
    with pytest.raises(WeaverError, match="did you mean 'exact duplicate'"):
        quarantine.release_rows("service_advisor", ["exact duplicates"], by="Ann", why="I like it")
    with pytest.raises(WeaverError, match="no name or no reason"):
        quarantine.release_rows("service_advisor", ["exact duplicate"], by="Ann", why=" ")
    assert quarantine.list_releases("service_advisor") == []


@pytest.mark.slow
def test_the_bench_measures(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "refine", "--rows", "3000", "--json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["rows"] == 3000 and 2000 < figures["kept"] <= 3000
    assert figures["rows_per_s"] > 100 and figures["near_duplicate_ratio"] > 0.1
    assert 50 < figures["peak_memory_mib"] < 2048
