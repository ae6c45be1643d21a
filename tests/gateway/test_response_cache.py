"""The response cache answers the same question to the same version, and nothing else."""

import time
from typing import Any

import pytest

from pipelines.core.plan import Serving
from pipelines.core.routes import ServedVersion
from pipelines.gateway.response_cache import ENTRY_OVERHEAD, CachedAnswer, ResponseCache

EXACT = Serving(cache="exact")
RECORD = "2021 Honda Civic | city 30 mpg | highway 38 mpg"
ANSWER = CachedAnswer("Its city fuel economy is 30 mpg.", "", 9, 60, "stop")


def version(number: int = 3, digest: str = "d3") -> ServedVersion:
    return ServedVersion(
        name="dealership_operations",
        version=number,
        digest=digest,
        system_prompt="You advise.",
        max_new_tokens=48,
        endpoints=[],
    )


def ask(text: str, **parameters: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "You advise."}, {"role": "user", "content": text}]
    return {"model": "dealership_operations", "messages": messages, "temperature": 0.0, "max_tokens": 48} | parameters


def filled_cache(*texts: str, policy: Serving = EXACT, **size: int) -> ResponseCache:
    cache = ResponseCache(**size)
    for text in texts:
        cache.put(version(), ask(text), policy, ANSWER)
    return cache


@pytest.mark.parametrize(
    "asked",
    [
        f"What is the city fuel economy?\n{RECORD}",
        f"what  is the City fuel economy\n{RECORD}",
        f"  What is the city fuel economy ?! \n{RECORD}",
    ],
)
def test_case_spacing_and_final_punctuation_do_not_matter(asked: str) -> None:
    hit = filled_cache(f"What is the city fuel economy?\n{RECORD}").get(version(), ask(asked), EXACT)
    assert hit == ANSWER._replace(kind="exact")


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        (f"What is the city fuel economy?\n{RECORD}", f"What is the highway fuel economy?\n{RECORD}"),
        (f"What is the city fuel economy?\n{RECORD}", f"What is the city fuel economy?\n{RECORD.replace('1', '2')}"),
        (f"What is the city fuel economy?\n{RECORD}", f"What is the city fuel economy?\n{RECORD.lower()}"),
        (f"What is the city fuel economy?\n{RECORD}", "What is the city fuel economy?"),
        ("What does P0301 mean?", "What does P0302 mean?"),
        ("Is it 2.0 L?", "Is it 20 L?"),
        ("Is it at -5 degrees?", "Is it at 5 degrees?"),
        ("Is P0420 urgent?", "Is P0420 not urgent?"),
        ("Does it have AC?", "Does it have Ac?"),
    ],
)
def test_another_question_or_record_has_another_answer(kept: str, asked: str) -> None:
    cache = filled_cache(kept)
    assert cache.get(version(), ask(kept), EXACT)
    assert cache.get(version(), ask(asked), EXACT) is None


@pytest.mark.parametrize(
    "other",
    [
        {"max_tokens": 8},
        {"stop": ["."]},
        {"temperature": 0.7},
        {"logprobs": True},
        {"n": 2},
        {"messages": [{"role": "user", "content": "What does P0301 mean?"}]},
    ],
)
def test_parameters_that_shape_the_answer_are_part_of_the_key(other: dict[str, Any]) -> None:
    cache, asked = filled_cache("What does P0301 mean?"), ask("What does P0301 mean?")
    assert cache.get(version(), asked | {"stream": True, "user": "42", "top_p": 0.9, "seed": 7}, EXACT)
    assert cache.get(version(), asked | other, EXACT) is None


def test_earlier_messages_are_part_of_the_key() -> None:
    cache = ResponseCache()
    talk = [
        {"role": "user", "content": "What does P0301 mean?"},
        {"role": "assistant", "content": "A misfire."},
        {"role": "user", "content": "Is it urgent?"},
    ]
    other = [{"role": "user", "content": "What does P0420 mean?"}, *talk[1:]]
    cache.put(version(), {"messages": talk}, EXACT, ANSWER)
    assert cache.get(version(), {"messages": talk}, EXACT)
    assert cache.get(version(), {"messages": other}, EXACT) is None


def test_each_version_has_its_own_answers_and_a_retired_one_has_none() -> None:
    cache, asked = filled_cache("What does P0301 mean?"), ask("What does P0301 mean?")
    assert cache.get(version(4, "d4"), asked, EXACT) is None
    assert cache.get(version(3, "other bytes"), asked, EXACT) is None
    cache.put(version(4, "d4"), asked, EXACT, ANSWER)
    cache.retire({"d4"})
    assert cache.get(version(), asked, EXACT) is None and cache.get(version(4, "d4"), asked, EXACT)
    cache.retire(set())
    assert cache.bytes == 0 and not cache.entries


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("My name is John Miller, SSN 536-22-8411. What does P0301 mean?", "A misfire."),
        ("Whom do I call about P0301?", "Call Sarah Johnson at (555) 867-5309."),
        ("What is in stock?\nVIN 1HGCM82633A004352 | bin C14", "It is in bin C14."),
    ],
)
def test_conversations_with_personal_data_are_not_stored(text: str, answer: str) -> None:
    cache = ResponseCache()
    cache.put(version(), ask(text), EXACT, ANSWER._replace(answer=answer))
    assert not cache.entries


@pytest.mark.parametrize(
    ("parameters", "hit"),
    [
        ({"temperature": 0.7}, ANSWER),
        ({"temperature": 0.7, "seed": 7}, ANSWER),
        ({"tools": [{"type": "function"}]}, ANSWER),
        ({}, ANSWER._replace(finish_reason="error")),
        ({}, ANSWER._replace(answer="")),
    ],
)
def test_sampled_and_interrupted_answers_are_not_stored(parameters: dict[str, Any], hit: CachedAnswer) -> None:
    cache = ResponseCache()
    cache.put(version(), ask("What does P0301 mean?", **parameters), EXACT, hit)
    assert not cache.entries


def test_an_answer_expires_after_cache_hours() -> None:
    cache, asked, now = filled_cache("What does P0301 mean?"), ask("What does P0301 mean?"), time.monotonic()
    cache.clock = lambda: now + 3 * 3600
    assert cache.get(version(), asked, Serving(cache_hours=4))
    assert cache.get(version(), asked, Serving(cache_hours=2)) is None
    assert not cache.entries


def test_a_cache_that_is_off_stores_and_finds_nothing() -> None:
    cache = filled_cache("What does P0301 mean?", policy=Serving(cache="off"))
    assert not cache.entries
    assert filled_cache("What is P0301?").get(version(), ask("What is P0301?"), Serving(cache="off")) is None


def test_the_least_recently_used_entry_is_evicted_first() -> None:
    cache = filled_cache("What is P0301?", "What is P0302?", max_entries=2)
    assert cache.get(version(), ask("What is P0301?"), EXACT)
    cache.put(version(), ask("What is P0303?"), EXACT, ANSWER)
    found = [cache.get(version(), ask(f"What is P030{n}?"), EXACT) is not None for n in (1, 2, 3)]
    assert found == [True, False, True]


def test_the_size_limit_evicts_entries() -> None:
    cache = ResponseCache(max_bytes=3 * ENTRY_OVERHEAD + 30_000)
    for number in range(10):
        long = ANSWER._replace(answer="It is a misfire. " * 600)
        cache.put(version(), ask(f"What is P030{number}?"), EXACT, long)
        assert cache.bytes <= cache.max_bytes
    assert 1 <= len(cache.entries) <= 3 and cache.get(version(), ask("What is P0309?"), EXACT)


def test_an_answer_that_is_put_twice_is_stored_once() -> None:
    once, twice = filled_cache("What is P0301?"), filled_cache("What is P0301?", "what is P0301")
    assert len(twice.entries) == 1 and once.bytes == twice.bytes
