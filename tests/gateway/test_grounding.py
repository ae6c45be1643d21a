"""What a conversation is answered from: which passages, whether quoted, and what a follow-up question refers to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.plan import Knowledge, Serving
from pipelines.core.settings import settings
from pipelines.gateway.grounding import Grounding, ground, show_asked
from pipelines.kits.field_questions import load_asked_fields
from pipelines.knowledge.index import build_index, switch_index
from pipelines.knowledge.live import load_index
from pipelines.knowledge.search import KnowledgeIndex
from pipelines.text.passages import Passage, lay_out, vehicle_key

from ..conftest import make_home

POLICY, KNOWLEDGE = Serving(retrieval=3), Knowledge()
NO_RECORD = f"{KNOWLEDGE.decline_sentence} {KNOWLEDGE.decline_help}"
PASSAGES = [
    Passage("P0171", "P0171: System Too Lean | Severity: soon.", "P0171", "guide", keys=("code:P0171",)),
    Passage(
        "P0524",
        "P0524: Oil Pressure Too Low | Severity: stop.",
        "P0524",
        "guide",
        0,
        ("code:P0524",),
        safety_critical=True,
    ),
    Passage(
        "titan",
        "2012 Nissan Titan | cylinders 8 | highway 17 mpg",
        "",
        "epa",
        keys=(vehicle_key(2012, "nissan", "titan"),),
    ),
    Passage(
        "civic",
        "2021 Honda Civic | cylinders 4 | highway 38 mpg",
        "",
        "epa",
        keys=(vehicle_key(2021, "honda", "civic"),),
    ),
    Passage("belt", "Replace the timing belt every 90,000 miles.", "", "manual.pdf", page=3),
    Passage("pads", "Replace the brake pads below 2 mm.", "", "manual.pdf", page=4, safety_critical=True),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, kept_models: dict[str, Path]) -> Iterator[KnowledgeIndex]:
    home = tmp_path_factory.mktemp("home")
    make_home(home, kept_models)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEAVER_HOME", str(home))
        settings.cache_clear()
        switch_index("desk", build_index("desk", PASSAGES).version)
        yield load_index("desk")
    settings.cache_clear()


def talk(index: KnowledgeIndex, *texts: str, policy: Serving = POLICY) -> Grounding:
    """What the last of these messages is answered from, which are a user's and an assistant's in turn."""
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]
    return ground(index, [{"role": "system", "content": "Advise."}, *messages], policy, KNOWLEDGE)


def test_what_is_found_is_shown_below_the_question_as_in_training(index: KnowledgeIndex) -> None:
    found = talk(index, "what does P0171 mean")
    assert (found.outcome, found.passages[0].id, found.answer) == ("found", "P0171", "")
    asked = [{"role": "user", "content": "what does P0171 mean"}]
    found = show_asked(found, asked, None, KNOWLEDGE)
    assert found.show(asked) == [{"role": "user", "content": f"what does P0171 mean\n{lay_out(found.passages)}"}]
    assert not any(passage.safety_critical for passage in found.passages), "those may only be quoted"


def test_an_answer_is_confirmed_also_where_the_record_is_shown_as_it_was_brought() -> None:
    asked = [{"role": "user", "content": "what does it do in town\n2012 Nissan Titan | city 12 mpg"}]
    shown = show_asked(Grounding("own_record"), asked, load_asked_fields("automotive.service_advisor"), KNOWLEDGE)
    assert shown.show(asked) == asked, "nothing is to be left out of the record"
    assert shown.message.confirm("Not much.") == "2012 Nissan Titan. City 12 mpg."
    assert shown.message.confirm("It gets 12 mpg.") == "It gets 12 mpg."


def test_a_field_that_a_record_lacks_is_declined_also_where_the_record_is_shown_as_it_was_brought() -> None:
    asked = [{"role": "user", "content": "how many gears does it have\n2012 Nissan Titan | city 12 mpg"}]
    shown = show_asked(Grounding("own_record"), asked, load_asked_fields("automotive.service_advisor"), KNOWLEDGE)
    assert (shown.outcome, shown.answer) == ("declined", KNOWLEDGE.decline_sentence)


def test_passages_that_do_not_fit_are_left_out(index: KnowledgeIndex) -> None:
    short = talk(index, "what does P0171 mean", policy=Serving(retrieval=3, max_prompt_chars=80))
    assert [passage.id for passage in short.passages] == ["P0171"]


@pytest.mark.parametrize(
    ("question", "quoted"),
    [
        ("P0524, stop or keep driving?", ["P0524"]),
        ("P0171 and P0524 are both stored", ["P0171", "P0524"]),
        ("When are the brake pads replaced?", ["pads"]),
    ],
)
def test_what_is_safety_critical_is_quoted(index: KnowledgeIndex, question: str, quoted: list[str]) -> None:
    result = talk(index, question)
    assert (result.outcome, sorted(passage.id for passage in result.passages)) == ("quoted", quoted)
    assert sorted(result.answer.split("\n")) == sorted(one.text for one in PASSAGES if one.id in quoted)


@pytest.mark.parametrize("question", ["What does P9999 mean?", "2015 nissan titan highway", "best lasagna recipe", ""])
def test_what_has_no_record_is_declined(index: KnowledgeIndex, question: str) -> None:
    assert talk(index, question) == Grounding("declined", (), index.version, NO_RECORD)


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (("cylinders of a 2012 nissan titan?", "8", "and the highway mileage?"), "titan"),
        (("cylinders of a 2012 nissan titan?", "8", "And a 2021 Honda Civic?"), "civic"),
        (("2021 honda civic cylinders", "4", "2012 nissan titan cylinders", "8", "and the highway?"), "titan"),
        (("What is the highway mileage?", NO_RECORD, "2021 Honda Civic"), "civic"),
        (("2021 honda civic cylinders", "4", "How often is the timing belt replaced?"), "belt"),
    ],
)
def test_a_follow_up_refers_to_what_was_named_last(index: KnowledgeIndex, texts: tuple[str, ...], first: str) -> None:
    result = talk(index, *texts)
    assert (result.outcome, result.passages[0].id) == ("found", first)


def test_a_record_stays_the_record_of_what_is_asked_next(index: KnowledgeIndex) -> None:
    record = "How many gears?\n2021 Kia Rio | gears 6 | city 33 mpg"
    assert talk(index, record).outcome == "own_record"
    assert talk(index, record, "6", "and in the city?").outcome == "own_record"
    assert talk(index, record, "6", "What does P0171 mean?").outcome == "found"
