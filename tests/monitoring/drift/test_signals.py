"""Signals on real data: what moved fires, what did not does not, and a renamed label is not drift."""

from typing import Any

import numpy as np
import pytest

from pipelines.core.plan import Drift
from pipelines.monitoring.drift import decision, embeddings, incoming_rows, signals
from pipelines.monitoring.drift.schema_drift import compare_schemas
from tests.bench.drift import MUST_FIRE, MUST_NOT_FIRE, guides

POLICY = Drift()


def violating(found: list[Any]) -> set[str]:
    return {signal.name for signal in decision.mark_violations(found, POLICY) if signal.violated}


@pytest.fixture(scope="module")
def moved() -> set[str]:
    return violating(incoming_rows.compare_tables(*guides(), POLICY))


def test_engines_and_gearboxes_of_2021_are_others_than_those_of_2012(moved: set[str]) -> None:
    assert set(MUST_FIRE) <= moved
    assert MUST_NOT_FIRE not in moved and "no_cylinders" not in moved


def test_columns_in_other_words_are_schema_drift_and_no_drift(moved: set[str]) -> None:
    for column in ("class", "car_truck", "division"):
        assert f"schema of {column}" in moved and column not in moved
    notes = {signal.name: signal.note for signal in compare_schemas(*guides())}
    assert "Special Purpose Vehicle, SUV 2WD" in notes["schema of class"]


def test_halves_of_one_year_are_one_world() -> None:
    old, _ = guides()
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(old))
        assert violating(incoming_rows.compare_tables(old.iloc[order[:564]], old.iloc[order[564:]], POLICY)) == set()


def test_columns_that_come_go_or_change_their_type_are_told() -> None:
    import pandas as pd

    old = pd.DataFrame({"bay": ["A", "B"] * 50, "hours": range(100), "price": range(100), "left": range(100)})
    new = old.drop(columns="left").assign(price="$" + old["price"].astype(str), dock="north", hours=np.nan)
    assert {signal.name.removeprefix("schema of "): signal.note for signal in compare_schemas(old, new)} == {
        "left": "the column is gone",
        "dock": "the column is new",
        "price": "numbers are texts now",
        "hours": "0% → 100% of its rows are empty",
    }
    assert compare_schemas(old, old) == []


def test_too_few_values_make_no_signal() -> None:
    few, many = list(range(signals.MIN_VALUES - 1)), list(range(500))
    assert signals.compare_numbers("n", "text", many, few, POLICY) is None
    assert signals.compare_categories("c", "text", ["a"] * 500, ["b"] * 19, POLICY) is None
    assert signals.compare_shares("s", "text", [True] * 19, [False] * 500, POLICY) is None
    assert embeddings.compare_centroids("e", np.eye(500, 8), np.eye(19, 8), POLICY) is None


def test_a_share_counts_only_where_it_rises() -> None:
    worse = signals.compare_shares("failed", "quality", [False] * 500, [True] * 50 + [False] * 450, POLICY)
    assert worse and worse.value == pytest.approx(0.1) and worse.p_value and worse.p_value < 1e-9
    assert worse.threshold == POLICY.quality_drop and worse.note == "0.0% → 10.0%"
    better = signals.compare_shares("failed", "quality", [True] * 50 + [False] * 450, [False] * 500, POLICY)
    assert better and better.value < 0 and violating([better]) == set()


def test_a_rare_category_is_not_proof() -> None:
    """A word that the reference happens not to hold: Evidently's own chi-square calls that impossible (p = 0)."""
    before, now = ["a"] * 250 + ["b"] * 250, ["a"] * 249 + ["b"] * 250 + ["c"]
    found = signals.compare_categories("c", "text", before, now, POLICY)
    assert found and found.p_value and found.p_value > 0.5


def test_the_centre_moves_by_more_than_chance_or_not_at_all() -> None:
    rng = np.random.default_rng(0)

    def texts(rows: int, towards: float) -> np.ndarray:
        some = rng.normal(size=(rows, 64)) + np.eye(64)[0] * 4 + np.eye(64)[1] * towards
        return some / np.linalg.norm(some, axis=1, keepdims=True)

    same = embeddings.compare_centroids("e", texts(400, 0), texts(200, 0), POLICY)
    other = embeddings.compare_centroids("e", texts(400, 0), texts(200, 2), POLICY)
    assert same and other and abs(same.value) < 0.005
    assert violating([same]) == set() and violating([other]) == {"e"}


def test_the_nearest_neighbour_is_found_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "BLOCK_CELLS", 3 * 8)
    known = np.eye(8, dtype=np.float32)
    places, cosines = embeddings.find_nearest(known[::-1], known)
    assert places.tolist() == [*range(7, -1, -1)] and cosines.tolist() == [1.0] * 8
    assert embeddings.find_nearest(known[:0], known)[0].tolist() == []
