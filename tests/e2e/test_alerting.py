"""On the real servers: who is told when a task fails for good, when a run is late, and when one ends well."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipelines.core.templates import find_template_files

from ..alerts.conftest import MailServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mails(stack: Any) -> Iterator[MailServer]:
    """A stack that mails: its settings are its servers', so it is brought up anew."""
    server = MailServer()
    server.start()
    told = {
        "WEAVER_SMTP_URL": f"smtp://127.0.0.1:{server.port}",
        "WEAVER_ALERT_MAIL": "ada@dealer.test",
    }
    before = dict(stack.environment)
    stack.json("down")
    stack.environment |= told
    stack.json("up")
    yield server
    stack.json("down")
    stack.environment = before
    stack.json("up")
    server.stop()


def own_template(stack: Any, name: str, change: Callable[[str], str]) -> str:
    """A template of the dealership's own; returns its DAG, once Airflow knows it."""
    text = find_template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {name}")
    (stack.home / "templates").mkdir(exist_ok=True)
    (stack.home / "templates" / f"{name}.yaml").write_text(change(text))
    airflow, end, dag_id = stack.airflow(), time.monotonic() + 180, f"retrain_{name}"
    while airflow.get(f"/api/v2/dags/{dag_id}").status_code != 200:
        assert time.monotonic() < end, f"{dag_id} is not known"
        time.sleep(2)
    return dag_id


def run(stack: Any, dag_id: str) -> str:
    airflow = stack.airflow()
    airflow.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()
    started = airflow.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None}).raise_for_status()
    return started.json()["dag_run_id"]


def wait_for(mails: MailServer, what: str, seconds: float) -> list[str]:
    """The plain parts of the mails with these words in the subject, once there is one."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = [mail for mail in mails.mails if what in mail["Subject"]]
        if found:
            return [mail.get_body(("plain",)).get_content() for mail in found]  # type: ignore[union-attr]
        time.sleep(1)
    raise AssertionError(f"no mail with {what!r}, but {[mail['Subject'] for mail in mails.mails]}")


def test_a_task_that_fails_for_good_mails_once_with_its_reason(stack: Any, mails: MailServer) -> None:
    dag_id = own_template(stack, "broken", lambda text: text.replace("automotive.service_advisor", "/nowhere.jsonl"))
    run_id = run(stack, dag_id)
    told = wait_for(mails, f"{dag_id}: collect failed", seconds=240)
    stack.wait_for_task(dag_id, "fine_tune", "upstream_failed")
    stack.wait_for_task(dag_id, "rollback_on_failure", "skipped")
    assert len([mail for mail in mails.mails if dag_id in mail["Subject"]]) == 1
    assert "/nowhere.jsonl does not exist" in told[0]
    assert f"/dags/{dag_id}/runs/{run_id.replace(':', '%3A').replace('+', '%2B')}/tasks/collect" in told[0]
    case = stack.json("alerts", "show", "broken.collect")
    assert (case["template"], case["severity"], case["count"]) == ("broken", "warning", 1)


def test_a_run_that_misses_its_deadline_is_told_while_it_goes_on(stack: Any, mails: MailServer) -> None:
    text = "budget:\n  deadline_hours: 0.002"
    dag_id = own_template(stack, "slow", lambda all_: all_.replace("budget:", text))
    run_id = run(stack, dag_id)
    told = wait_for(mails, f"{dag_id} is not over yet", seconds=240)
    assert len(told) == 1
    assert f"/dags/{dag_id}/runs/{run_id.replace(':', '%3A').replace('+', '%2B')}" in told[0]
    state = stack.airflow().get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").json()["state"]
    assert state == "running"
    stack.airflow().patch(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", json={"state": "failed"}).raise_for_status()


def test_the_digest_is_sent_by_its_dag(stack: Any, mails: MailServer) -> None:
    run(stack, "digest")
    (told,) = wait_for(mails, "[digest]", seconds=240)
    assert "- broken.collect" in told
    run(stack, "alerts")
    stack.wait_for_task("alerts", "send", "success")
