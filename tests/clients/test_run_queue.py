"""Which runs are ahead of another, what is said of them, and what becomes of one that only waits for a person."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.clients.airflow import DagRun, queue_order
from pipelines.clients.run_queue import has_begun, present_task, runs_ahead, supersede, superseded_by
from pipelines.core.errors import WeaverError

DAG, MORNING = "retrain_service_advisor", datetime(2026, 11, 26, 2, 0, tzinfo=UTC)


def a_task(task_id: str, state: str, minute: int = 0) -> Any:
    since = MORNING + timedelta(minutes=minute)
    return SimpleNamespace(task_id=task_id, state=State(state), start_date=since, note=None, try_number=1)


class State(str):
    @property
    def value(self) -> str:
        return str(self)


@dataclass
class Airflow:
    """As much of Airflow as the queue asks for: runs with tasks, and the answers that people gave."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)  # run → task → instance; in the order of the queue
    answered: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)
    closed: list[tuple[str, str]] = field(default_factory=list)
    queued_at: datetime | None = None  # of the run behind

    def add(self, run_id: str, *tasks: Any) -> DagRun:
        self.runs[run_id] = {task.task_id: task for task in tasks}
        return DagRun(self, DAG, run_id)  # type: ignore[arg-type]

    def active_runs(self, dag_id: str) -> list[DagRun]:
        return [DagRun(self, dag_id, run_id) for run_id in self.runs]  # type: ignore[arg-type]

    def call(self, api: str, method: str, dag_id: str, run_id: str, *args: Any, **kwargs: Any) -> Any:
        if method == "get_task_instances":
            return SimpleNamespace(task_instances=list(self.runs[run_id].values()))
        if method == "get_hitl_detail":
            return SimpleNamespace(response_received=run_id in self.answered)
        if method == "get_dag_run":
            return SimpleNamespace(note=self.notes.get(run_id), queued_at=self.queued_at)
        if method == "patch_dag_run":
            self.notes[run_id] = args[0].note
            return SimpleNamespace()
        assert method == "patch_task_instance"
        task, body = self.runs[run_id][args[0]], args[1]
        if task.state == body.new_state.value:
            return None  # Airflow answers with a conflict
        task.state, task.note = State(body.new_state.value), body.note
        self.closed.append((run_id, args[0]))
        return SimpleNamespace()


BEGUN = a_task("wait_for_turn", "success")


@pytest.fixture
def airflow(home: Any) -> Airflow:
    return Airflow()


def waiting(airflow: Airflow, run_id: str = "scheduled") -> DagRun:
    """A run whose candidate waits for its approval."""
    asks = a_task("approve", "awaiting_input", 13)
    return airflow.add(run_id, BEGUN, a_task("await_mlflow_approval", "deferred", 13), asks, a_task("promote", ""))


def test_only_runs_that_were_queued_before_or_that_work_are_ahead(airflow: Airflow) -> None:
    airflow.add("first", BEGUN, a_task("fine_tune", "running", 10))
    second = airflow.add("second", a_task("wait_for_turn", "deferred", 20))
    third = airflow.add("third")
    assert [ahead.run.run_id for ahead in runs_ahead(second)] == ["first"]
    assert [ahead.run.run_id for ahead in runs_ahead(third)] == ["first", "second"]
    assert runs_ahead(airflow.active_runs(DAG)[0]) == []


def test_a_run_that_was_cleared_works_again_and_is_ahead_of_who_has_not_begun(airflow: Airflow) -> None:
    new = airflow.add("new", a_task("wait_for_turn", "running"))
    airflow.add("cleared", BEGUN, a_task("deploy", "queued"))  # clearing put it at the end of the queue
    assert [ahead.run.run_id for ahead in runs_ahead(new)] == ["cleared"]


def test_what_a_run_does_is_told_with_its_task_and_its_time(airflow: Airflow) -> None:
    run = airflow.add("first", BEGUN, a_task("evaluate", "success", 5), a_task("fine_tune", "running", 10))
    assert present_task(run).describe() == "first (fine_tune, running since 02:10 UTC)"
    assert present_task(waiting(airflow)).describe() == "scheduled (approve, waits for an answer since 02:13 UTC)"
    assert present_task(airflow.add("queued")).describe() == "queued (between two tasks)"


@pytest.mark.parametrize("task_id", ["approve_cost", "score_answers", "approve"])
def test_a_run_that_waits_for_a_person_is_closed_without_a_decision(airflow: Airflow, task_id: str) -> None:
    run = airflow.add("old", BEGUN, a_task(task_id, "awaiting_input"), a_task("promote", ""))
    ahead = present_task(run)
    assert ahead.human
    assert supersede(ahead, "new")
    assert airflow.runs["old"][task_id].state == "skipped"
    assert airflow.runs["old"]["promote"].state == ""
    assert superseded_by(run.tasks()) == "new"
    assert "Superseded by run new" in airflow.notes["old"] and "nobody has decided" in airflow.notes["old"]


def test_a_question_that_was_open_before_is_superseded_at_once_and_a_later_one_after_ten_minutes(
    airflow: Airflow,
) -> None:
    waiting(airflow)
    new = airflow.add("new", a_task("wait_for_turn", "running"))
    asked = MORNING + timedelta(minutes=13)
    airflow.queued_at = asked + timedelta(hours=1)
    assert runs_ahead(new)[0].is_stale()
    airflow.queued_at = asked - timedelta(hours=1)
    assert runs_ahead(new)[0].until == asked + timedelta(minutes=10)
    assert runs_ahead(new)[0].is_stale(), "long ago"
    recently = datetime.now(UTC) - timedelta(minutes=1)
    airflow.runs["scheduled"]["approve"].start_date = recently
    airflow.queued_at = recently - timedelta(minutes=1)
    ahead = runs_ahead(new)[0]
    assert ahead.human and not ahead.is_stale()
    assert f"until {recently + timedelta(minutes=10):%H:%M} UTC" in ahead.describe()


def test_what_waits_beside_the_approval_ends_with_it(airflow: Airflow) -> None:
    supersede(present_task(waiting(airflow)), "new")
    assert airflow.closed == [("scheduled", "approve"), ("scheduled", "await_mlflow_approval")]


def test_superseding_again_changes_nothing(airflow: Airflow) -> None:
    ahead = present_task(waiting(airflow))
    airflow.notes["scheduled"] = "Started because of drift"
    supersede(ahead, "new")
    note, closed = airflow.notes["scheduled"], list(airflow.closed)
    supersede(ahead, "new")
    assert (airflow.notes["scheduled"], airflow.closed) == (note, closed)
    assert note.startswith("Started because of drift")


def test_an_answer_that_came_first_counts(airflow: Airflow) -> None:
    run = waiting(airflow)
    airflow.answered.add("scheduled")
    assert supersede(present_task(run), "new") == ""
    assert airflow.closed == [] and superseded_by(run.tasks()) == ""


def test_a_run_that_works_is_never_superseded_by_its_look(airflow: Airflow) -> None:
    run = airflow.add("old", BEGUN, a_task("approve", "awaiting_input"), a_task("deploy", "running"))
    assert not present_task(run).human
    assert has_begun(run.tasks()) and not has_begun(airflow.add("new").tasks())


def test_the_queue_is_sorted_by_when_a_run_was_queued() -> None:
    late, early, backlog = (
        SimpleNamespace(queued_at=at, run_after=MORNING, dag_run_id=name)
        for at, name in ((MORNING + timedelta(1), "late"), (MORNING, "early"), (None, "backlog"))
    )
    assert [run.dag_run_id for run in sorted((late, early, backlog), key=queue_order)] == ["backlog", "early", "late"]


def test_without_a_password_the_error_says_what_to_set(home: Any) -> None:
    from pipelines.clients.airflow import AirflowClient
    from pipelines.core.settings import SERVICE_ACCOUNT

    with pytest.raises(WeaverError, match="WEAVER_AIRFLOW_SERVICE_PASSWORD"):
        AirflowClient(SERVICE_ACCOUNT)
