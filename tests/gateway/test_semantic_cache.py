"""Another wording hits; another fact, record, code, year or a negation never does."""

import logging
from pathlib import Path

import pytest

from pipelines.core.plan import Serving
from pipelines.gateway import semantic_cache
from pipelines.gateway.response_cache import ResponseCache
from pipelines.kits.automotive import dealership_operations
from tests.bench import cache as bench
from tests.bench.cache_pairs import facts, halves, slotted

from .test_response_cache import ANSWER, EXACT, RECORD, ask, version

SEMANTIC = Serving(cache="semantic", semantic_threshold=0.4)


@pytest.fixture(autouse=True)
def word_vectors_are_read(home: Path) -> None:
    semantic_cache.start_loading().result()


def filled_cache(text: str, policy: Serving = SEMANTIC) -> ResponseCache:
    cache = ResponseCache()
    cache.put(version(), ask(text), policy, ANSWER)
    return cache


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("What does P0420 mean?", "Hello, can you tell me: what does P0420 mean?"),
        ("How many gears does it have?", "What is the number of gears, please"),
        ("Which cylinder count is listed?", "which clyinder count is lisetd?"),
        ("What highway mpg is it rated at?", "A customer wants to know: what highway mpg is it rated at? Thanks!"),
        ("Is P0301 serious?", "Sorry to bother you. Is p0301 serious? \N{AUTOMOBILE}"),
    ],
)
def test_the_same_question_in_other_words_hits(kept: str, asked: str) -> None:
    cache = filled_cache(f"{kept}\n{RECORD}")
    assert cache.get(version(), ask(f"{asked}\n{RECORD}"), SEMANTIC) == ANSWER._replace(kind="semantic")
    assert cache.get(version(), ask(f"{asked}\n{RECORD}"), EXACT) is None


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("What mpg does the 2021 Civic get?", "What mpg does the 2022 Civic get?"),
        ("What mpg does the 2021 Civic get?", "What mpg does the 2021 Accord get?"),
        ("What city mpg is it rated at?", "What highway mpg is it rated at?"),
        ("What does P0301 mean?", "What does P0302 mean?"),
        ("What is the cause of P0301?", "What is the check of P0301?"),
        ("Is P0301 urgent?", "Is P0301 not urgent?"),
        ("Can I drive with P0301?", "Can't I drive with P0301?"),
        ("Does it run with oil?", "Does it run without oil?"),
        ("Is the range 300 miles?", "Is the range 300 km?"),
        ("Is it 90 F?", "Is it 90 C?"),
        ("Is the Civic cheaper than the Accord?", "Is the Accord cheaper than the Civic?"),
        ("When is the Civic due?", "Why is the Civic due?"),
        ("Does it have a turbo?", "What turbo does it have?"),
        ("Is it a trail bike?", "Is it a trial bike?"),
        ("Is it over 5?", "Is it under 5?"),
        ("What is the first step?", "What is the last step?"),
        ("Which is free, bay 1 or 2?", "Which is free, bay 2 or 1?"),
        ("Hello!", "Thanks a lot!"),
    ],
)
def test_different_key_words_never_hit_however_similar_the_questions_are(kept: str, asked: str) -> None:
    cache = filled_cache(f"{kept}\n{RECORD}")
    anything = Serving(cache="semantic", semantic_threshold=0.0001)
    assert cache.get(version(), ask(f"{asked}\n{RECORD}"), anything) is None


@pytest.mark.parametrize("record", ["", RECORD.replace("30", "31"), RECORD.replace("2021", "2022"), RECORD.lower()])
def test_the_record_is_compared_exactly(record: str) -> None:
    cache = filled_cache(f"What city mpg is it rated at?\n{RECORD}")
    assert cache.get(version(), ask(f"Please tell me: what city mpg is it rated at?\n{RECORD}"), SEMANTIC)
    assert cache.get(version(), ask(f"Please tell me: what city mpg is it rated at?\n{record}"), SEMANTIC) is None


def test_another_version_or_other_parameters_miss() -> None:
    cache, reworded = filled_cache("What does P0420 mean?"), ask("Please: what does P0420 mean?")
    assert cache.get(version(), reworded, SEMANTIC)
    assert cache.get(version(4, "d4"), reworded, SEMANTIC) is None
    assert cache.get(version(), reworded | {"max_tokens": 8}, SEMANTIC) is None
    cache.retire({"d4"})
    assert cache.get(version(), reworded, SEMANTIC) is None and not cache.index.vectors


def test_below_the_threshold_another_wording_misses() -> None:
    cache, asked = filled_cache("How many gears does it have?"), ask("What is the number of gears?")
    assert cache.get(version(), asked, SEMANTIC)
    assert cache.get(version(), asked, Serving(cache="semantic", semantic_threshold=0.95)) is None


def test_a_template_without_a_verified_threshold_matches_exactly_and_logs_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = version().model_copy(update={"name": "night_desk"})
    cache, policy = ResponseCache(), Serving(cache="semantic")
    cache.put(own, ask("What does P0420 mean?"), policy, ANSWER)
    with caplog.at_level(logging.WARNING):
        assert cache.get(own, ask("Please: what does P0420 mean?"), policy) is None
    assert "night_desk has no verified similarity threshold" in caplog.text
    assert cache.get(own, ask("what does P0420 mean"), policy)


def test_the_verified_threshold_is_used_unless_the_policy_sets_one() -> None:
    verified = semantic_cache.verified_thresholds()["service_advisor"]
    assert semantic_cache.get_threshold("service_advisor", Serving()) == verified["threshold"]
    assert semantic_cache.get_threshold("service_advisor", SEMANTIC) == 0.4
    assert verified["false_hit_rate"] <= bench.MAX_FALSE


def test_what_is_kept_as_verified_is_what_the_bench_finds() -> None:
    found = bench.examine("parts_inventory")
    kept = semantic_cache.verified_thresholds()["parts_inventory"]
    assert {name: found[name] for name in kept if name != "embedder"} == pytest.approx(
        {name: kept[name] for name in kept if name != "embedder"}
    )
    assert found["false_hit_rate"] <= bench.MAX_FALSE and found["hit_rate"] > found["exact_hit_rate"]


def test_the_bench_parts_wordings_and_joins_rows_that_ask_the_same() -> None:
    rows = [row for row in dealership_operations.build() if row["facts"]]
    one, other = ({slotted(row)[0] for row in half} for half in halves(rows))
    assert not one & other
    (warranty,) = (fact for fact in facts(rows) if "Is it still under warranty?" in fact.wordings)
    assert len(warranty.names) == 2  # covered or not: two sets of facts, one question
    due, first = (
        next(fact for fact in facts(rows) if wording in fact.wordings)
        for wording in ("When is the {} due?", "Which vehicle comes first?")
    )
    assert due != first
