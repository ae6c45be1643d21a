"""What is held out stays unseen: whole groups, every topic, no near-duplicate; the same way every time."""

import random
from collections import Counter

import pytest

from pipelines.core.errors import WeaverError
from pipelines.datasets.split import assert_topics_on_both_sides, find_leaks, split_rows

TOPICS = ("engine", "drivetrain", "fuel_economy", "code_meaning")
Rows = list[dict]


def row(number: int, group: str, topic: str, instruction: str = "", output: str = "Yes.") -> dict:
    asked = instruction or f"Is part {number} fine?"
    return {
        "instruction": asked,
        "input": "",
        "output": output,
        "topic": topic,
        "group": group,
        "source": f"mine.jsonl:{number}",
    }


def vehicles(count: int, chance: random.Random) -> Rows:
    """Groups of one to six rows, over one to four topics each."""
    rows: Rows = []
    for vehicle in range(count):
        for _ in range(chance.randint(1, 6)):
            rows.append(row(len(rows), f"vehicle {vehicle}", chance.choice(TOPICS)))
    chance.shuffle(rows)
    return rows


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.8])
def test_groups_stay_whole_and_every_topic_gets_its_share(seed: int, share: float) -> None:
    rows = vehicles(120, random.Random(seed))
    train, heldout = split_rows(rows, share, seed)
    assert sorted(train + heldout, key=str) == sorted(rows, key=str)
    assert not {one["group"] for one in train} & {one["group"] for one in heldout}
    total, held = (Counter(one["topic"] for one in side) for side in (rows, heldout))
    for topic in TOPICS:
        assert held[topic] / total[topic] == pytest.approx(share, abs=0.05)
    assert split_rows(rows, share, seed) == (train, heldout)
    assert split_rows(rows, share, seed + 1) != (train, heldout)


def test_few_and_large_groups_still_give_every_topic_both_sides() -> None:
    rows = [row(number, f"group {number // 5}", TOPICS[number // 10]) for number in range(40)]
    train, heldout = split_rows(rows, 0.1, 17)
    assert_topics_on_both_sides(train, heldout)
    assert Counter(one["topic"] for one in heldout) == dict.fromkeys(TOPICS, 5)


def test_a_group_mostly_keeps_its_side_when_others_come() -> None:
    rows = vehicles(200, random.Random(1))
    _, before = split_rows(rows[: len(rows) * 9 // 10], 0.2, 17)
    _, after = split_rows(rows, 0.2, 17)
    groups = {one["group"] for one in before}
    assert len(groups & {one["group"] for one in after}) / len(groups) > 0.7


def test_a_topic_of_one_group_is_told() -> None:
    rows = [*vehicles(20, random.Random(1)), *(row(1000 + i, "the only one", "recalls") for i in range(5))]
    with pytest.raises(WeaverError, match="no held-out rows: recalls"):
        assert_topics_on_both_sides(*split_rows(rows, 0.2, 17))


def test_no_rows_are_told() -> None:
    with pytest.raises(WeaverError, match="refine left no row"):
        assert_topics_on_both_sides(*split_rows([], 0.2, 17))


def test_a_question_known_from_training_is_a_leak() -> None:
    known = row(1, "ours", "code_meaning", "What does trouble code P0420 mean?", "Catalyst.")
    asked = row(2, "theirs", "code_meaning", "what does the trouble code p0420 mean", "Low efficiency.")
    other = row(3, "theirs", "code_meaning", "What does trouble code P0430 mean?", "Catalyst.")
    assert list(find_leaks([known], [asked, other], 0.9)) == [(known, asked)]
    assert list(find_leaks([known], [other], 0.9)) == []


def test_a_leak_is_found_behind_a_held_out_row_like_it() -> None:
    """Likeness is not handed on: the question is like the second held-out row, and only that is like the first."""
    words = [one + other for one in "abcdefghi" for other in "abcdefghi"]
    first, second, asked = (
        row(number, f"group {number}", "engine", "Is it fine?") | {"input": " ".join(words[: 81 - number])}
        for number in range(3)
    )
    assert list(find_leaks([asked], [first], 0.98)) == []
    assert list(find_leaks([asked], [first, second], 0.98)) == [(asked, second)]
