"""The judge: by the facts of real rows, by a real small model, and by stand-ins with known habits."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelines.core.artifacts import DatasetVersion, JudgedPairs
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import digest, read_jsonl, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.kits.automotive import service_advisor
from pipelines.monitoring.feedback import judge as room
from pipelines.monitoring.feedback.agreement import measure_agreement
from pipelines.monitoring.feedback.candidate_answers import read_live_questions
from pipelines.monitoring.feedback.fact_check import Question, decide_by_facts
from pipelines.monitoring.feedback.judge import Judgement, decide, open_judge, parse_verdict
from pipelines.monitoring.feedback.labelled_pairs import (
    CONSTRUCTED_KINDS,
    LabelledPair,
    construct_pairs,
    read_rated_pairs,
)
from pipelines.monitoring.feedback.rlaif import judge_answers
from pipelines.request_log import JUDGE, Exchange, Feedback, RequestLog, hash_user, log_folder

from ...request_log.rows import exchange, feedback
from .stand_in import StandIn

RECORD = "What is its highway mileage?\n2021 Honda Civic | city 30 mpg | highway 38 mpg"
ASKED = Question([{"role": "user", "content": RECORD}], {})
LONG, SHORT = "It is rated at 38 mpg on the highway.", "38 mpg."


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


@pytest.fixture
def judged_by(home: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`judged_by("always_first")`: the settings name a judge of this habit."""
    monkeypatch.setattr(room, "ATTEMPTS", 2)

    def name(habit: str, url: str = "") -> None:
        monkeypatch.setenv("WEAVER_JUDGE_URL", url or stand_in.url)
        monkeypatch.setenv("WEAVER_JUDGE_KEY", "s3cret")
        monkeypatch.setenv("WEAVER_JUDGE_MODEL", habit)
        settings.cache_clear()

    return name


def compared(first: str = LONG, second: str = SHORT) -> Judgement:
    with open_judge("The longer answer is better.") as model:
        return model.compare(ASKED, first, second)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return service_advisor.build()


def test_facts_decide_real_rows_and_are_never_wrong_about_live_questions(rows: list[dict[str, Any]]) -> None:
    known = construct_pairs(rows, 400)
    assert {pair.kind for pair in known} == set(CONSTRUCTED_KINDS)
    for pair in known:
        assert decide_by_facts(pair.question, pair.better, pair.worse) == "first"
        assert decide_by_facts(pair.question, pair.worse, pair.better) == "second"
    live = [decide_by_facts(pair.question._replace(facts={}), pair.better, pair.worse) for pair in known]
    assert live.count("first") > 20 and "second" not in live


def test_two_wrong_answers_teach_nothing_and_two_right_ones_are_left_to_the_model() -> None:
    question = ASKED._replace(facts={"hwy_mpg": "38 mpg"})
    assert decide_by_facts(question, "It is 30 mpg.", "It is 40 mpg.") == "tie"
    assert decide_by_facts(question, LONG, SHORT) is None
    assert decide_by_facts(question, LONG, "38 mpg, and it has 500 horses.") == "first"
    assert decide_by_facts(ASKED, LONG, "It is 99 mpg.") == "first"
    assert decide_by_facts(ASKED, "It is fine.", "It is 99 mpg.") is None, "to say nothing is no merit"
    assert decide(question, LONG, SHORT, None) == Judgement("tie", "")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("A", "first"), ("b.", "second"), ("**B**", "second"), ("Tie", "tie"), ("Answer A", "first"),
        ("The better answer is: B", "second"), ("A is better, it is whole.", "first"), ("A or B?", None),
        ("A car has four wheels.", None), ("Both are good.", None), ("", None), ("Because", None),
    ],
)  # fmt: skip
def test_what_a_reply_says(reply: str, said: str | None) -> None:
    assert parse_verdict(reply) == said


def test_a_verdict_counts_only_if_it_stays_when_the_answers_change_places(judged_by: Any, stand_in: StandIn) -> None:
    judged_by("reader")
    assert compared() == Judgement("first", "model", for_first=1)
    assert compared(SHORT, LONG) == Judgement("second", "model", for_first=1)
    assert stand_in.keys == {"Bearer s3cret"}
    first, second = (body["messages"][-1]["content"] for body in stand_in.asked[:2])
    assert first.index(LONG) < first.index(SHORT) and second.index(SHORT) < second.index(LONG)
    assert stand_in.asked[0]["messages"][0]["content"] == "The longer answer is better."

    judged_by("always_first")
    assert compared() == Judgement("tie", "model", flipped=True, for_first=2)


def test_position_bias_is_measured(judged_by: Any, rows: list[dict[str, Any]]) -> None:
    known = construct_pairs(rows, 8)
    judged_by("always_first")
    with open_judge("") as model:
        biased = measure_agreement(known, model.compare)
    assert (biased["position_bias"], biased["first_share"], biased["agreement"], biased["decided"]) == (1, 1, 0, 0)
    judged_by("reader")
    longer = [LabelledPair(ASKED, LONG, SHORT, "longer"), LabelledPair(ASKED, LONG, "It.", "longer")] * 4
    with open_judge("") as model:
        fair = measure_agreement(longer, model.compare)
    assert (fair["position_bias"], fair["agreement"], fair["kappa"], fair["agreement, longer"]) == (0, 1, 1, 1)


def test_what_is_no_verdict_is_a_tie_and_is_counted(judged_by: Any) -> None:
    judged_by("garbage")
    assert compared() == Judgement("tie", "model", unclear=2)


def test_a_judge_that_is_down_or_none_is_named(judged_by: Any, stand_in: StandIn) -> None:
    judged_by("broken")
    with pytest.raises(Unavailable, match=r"judge at http://127\.0\.0\.1:\d+/v1/ does not answer: .*out of order"):
        compared()
    assert len(stand_in.asked) == 2, "it was tried again"
    judged_by("reader", "http://127.0.0.1:9/v1")
    with pytest.raises(Unavailable, match="WEAVER_JUDGE_URL"):
        compared()
    judged_by("stranger")
    with pytest.raises(WeaverError, match="does not speak OpenAI's protocol"):
        compared()
    stand_in.fails_after = 0
    judged_by("reader")
    with pytest.raises(WeaverError, match=r"refused.*no such key[\s\S]*WEAVER_JUDGE_KEY"):
        compared()


def test_nobody_is_asked_but_whom_the_settings_name(judged_by: Any, stand_in: StandIn) -> None:
    other = StandIn()
    stand_in.elsewhere = f"{other.url}/chat/completions"
    judged_by("redirect")
    with pytest.raises(WeaverError, match="refused"):
        compared()
    assert not other.asked
    other.close()


def test_the_local_model_judges_offline_and_its_position_bias_is_no_secret(
    home: Path, rows: list[dict[str, Any]]
) -> None:
    before = set(psutil.Process().children())
    with open_judge(make_plan("service_advisor").judge.rubric) as model:
        figures = measure_agreement(construct_pairs(rows, 2), model.compare)
        children = set(psutil.Process().children()) - before
        assert any("llama_server.py" in " ".join(child.cmdline()) for child in children)
    assert figures["pairs"] == 2 and figures["unclear"] == 0, "it replies as it is asked to"
    assert figures["position_bias"] > 0.4, "a model of 135 million parameters goes by the order"
    assert not any(child.is_running() for child in children if "llama_server.py" in " ".join(command(child)))


def command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


# The stage


@pytest.fixture
def dataset(home: Path) -> DatasetVersion:
    def row(number: int) -> dict[str, Any]:
        known = {"instruction": f"Highway mpg of car {number}?", "topic": "economy", "kind": "grounded"}
        told = {"output": "It is 38 mpg.", "facts": {"hwy": "38 mpg"}}
        return known | told | {"input": "city 30 mpg | highway 38 mpg"}

    write_jsonl(home / "data" / "train.jsonl", map(row, range(12)))
    return DatasetVersion(name="cars", version=1, uri=str(home / "data"), digest=digest(home / "data"), rows={})


@pytest.fixture
def plan(dataset: DatasetVersion) -> TrainingPlan:
    return make_plan("service_advisor", {"judge.questions": 4})


@pytest.fixture
def champion(home: Path, stand_in: StandIn, judged_by: Any, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setenv("WEAVER_GATEWAY_PORT", str(stand_in.port))
    judged_by("always_first")
    settings().secrets.mkdir()
    (settings().secrets / "gateway").write_text("nw-key")
    return stand_in


def sampled(champion: StandIn) -> list[dict[str, Any]]:
    return [body for body in champion.asked if body["model"] == "service_advisor"]


def test_the_facts_make_pairs_and_a_swayed_model_makes_none(
    champion: StandIn, dataset: DatasetVersion, plan: TrainingPlan, tmp_path: Path
) -> None:
    judged = judge_answers(dataset, plan, tmp_path / "work")
    pairs = read_jsonl(Path(judged.uri) / "preferences.jsonl")
    assert len(pairs) == judged.pairs == judged.by_facts == 8, "99 mpg loses to its neighbours, at each of 4 questions"
    assert judged.by_model == judged.ties == 0
    assert judged.position_bias == 1 and judged.kappa == 0, "of the known pairs that the model was tried on"
    assert set(pairs[0]) == {"prompt", "chosen", "rejected", "source"} and pairs[0]["source"] == "rlaif"
    assert [message["role"] for message in pairs[0]["prompt"]] == ["system", "user"]
    assert all("38 mpg" in pair["chosen"] and "99 mpg" in pair["rejected"] for pair in pairs)
    assert {body["temperature"] for body in sampled(champion)} == {plan.judge.temperature}

    before = len(champion.asked)
    assert judge_answers(dataset, plan, tmp_path / "work") == judged
    assert len(champion.asked) == before, "it found its work done"
    champion.serves = ["service_advisor", "service_advisor-v2"]
    again = judge_answers(dataset, plan, tmp_path / "work")
    assert again.uri != judged.uri and len(sampled(champion)) == 24, "another champion's answers are others"
    champion.serves = ["sales_assistant-v1"]
    with pytest.raises(WeaverError, match="no version of service_advisor is deployed yet"):
        judge_answers(dataset, plan, tmp_path / "work")


def test_ended_in_the_middle_it_goes_on_with_the_next_question(
    champion: StandIn, dataset: DatasetVersion, plan: TrainingPlan, tmp_path: Path
) -> None:
    judge_answers(dataset, plan, tmp_path / "undisturbed")
    tried = len(champion.asked) - len(sampled(champion))
    champion.asked.clear()
    champion.fails_after = tried + 7  # in the third question
    with pytest.raises(WeaverError, match=r"the gateway refused a request of the judge: .*no such key"):
        judge_answers(dataset, plan, tmp_path / "work")
    assert not list((tmp_path / "work" / "judge_answers").glob("[!.]*"))
    champion.fails_after = None
    champion.asked.clear()
    judged = judge_answers(dataset, plan, tmp_path / "work")
    assert judged.pairs == 8 and len(sampled(champion)) == 6, "two questions are left"
    file, other = (next(tmp_path.glob(f"{work}/judge_answers/*/preferences.jsonl")) for work in ("work", "undisturbed"))
    assert file.read_bytes() == other.read_bytes()


def test_without_questions_nobody_is_asked(home: Path, dataset: DatasetVersion, tmp_path: Path) -> None:
    assert judge_answers(dataset, make_plan("service_advisor"), tmp_path) == JudgedPairs()


def test_without_a_gateway_it_says_what_to_do(
    judged_by: Any, home: Path, dataset: DatasetVersion, plan: TrainingPlan, tmp_path: Path
) -> None:
    judged_by("reader")
    with pytest.raises(Unavailable, match=r"gateway has not been started yet[\s\S]*weaver up"):
        judge_answers(dataset, plan, tmp_path)


@pytest.fixture
def log(home: Path) -> Iterator[RequestLog]:
    log = RequestLog(log_folder())
    yield log
    log.close()


def test_people_label_pairs_by_corrections_and_by_thumbs(log: RequestLog) -> None:
    for id, answer in (("1", "38 mpg."), ("2", "30 mpg."), ("3", "No idea.")):
        log.write(exchange(id, answer=answer))
        assert isinstance(exchange(id), Exchange)
    for said in (feedback("1", thumb="up"), feedback("2", thumb="down"), feedback("3", correction="38 mpg, it says.")):
        assert isinstance(said, Feedback)
        log.write_feedback(said)
    found = {pair.kind: pair for pair in read_rated_pairs("service_advisor")}
    assert (found["thumbs"].better, found["thumbs"].worse) == ("38 mpg.", "30 mpg.")
    assert (found["corrected"].better, found["corrected"].worse) == ("38 mpg, it says.", "No idea.")
    assert read_rated_pairs("sales_assistant") == []


def test_live_questions_come_from_the_log_once_and_not_from_the_judge_itself(log: RequestLog) -> None:
    def put(id: str, text: str, **other: Any) -> None:
        log.write(exchange(id, messages=json.dumps([{"role": "user", "content": text}]), **other))

    put("1", "How far is it?")
    put("2", "How far is it?")
    put("3", "Asked by the judge", user=hash_user(JUDGE))
    put("4", "Failed", status="timeout")
    put("5", "Repeated in shadow", shadow_of="1")
    put("6", "Long ago", at=1_000_000.0)
    questions = read_live_questions(make_plan("service_advisor"))
    assert [question.messages for question in questions] == [[{"role": "user", "content": "How far is it?"}]]
    assert questions[0].facts == {}
