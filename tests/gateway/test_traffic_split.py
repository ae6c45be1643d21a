"""Which version serves a user, and which shadow versions get a copy of the request."""

from collections import Counter

import pytest

from pipelines.core.plan import Serving
from pipelines.gateway.routing import Router

from .routes import route

POLICY = Serving()
USERS = [f"user {number}" for number in range(2000)]


def test_users_move_to_the_new_version_and_never_back() -> None:
    router = Router()

    def versions(share: float) -> dict[str, int]:
        ramping = route({3: 1 - share, 4: share})
        return {user: router.choose_version(ramping, user, POLICY)[0].version for user in USERS}

    on_new: set[str] = set()
    for share in (0.05, 0.5, 1.0):
        now = {user for user, version in versions(share).items() if version == 4}
        assert on_new <= now and len(now) == pytest.approx(share * len(USERS), abs=80)
        on_new = now
    assert versions(0.5) == versions(0.5)


def test_a_growing_version_takes_users_from_the_others_and_moves_nobody_between_them() -> None:
    router = Router()

    def versions(shares: dict[int, float]) -> dict[str, int]:
        return {user: router.choose_version(route(shares), user, POLICY)[0].version for user in USERS}

    before, after = versions({3: 0.5, 4: 0.4, 5: 0.1}), versions({3: 0.25, 4: 0.2, 5: 0.55})
    assert {after[user] for user in USERS if before[user] != after[user]} == {5}


def test_requests_without_a_user_draw_a_version_each() -> None:
    router, ramping = Router(), route({3: 0.5, 4: 0.5})
    assert {router.choose_version(ramping, "", POLICY)[0].version for _ in range(60)} == {3, 4}


@pytest.mark.parametrize(
    ("shares", "scores", "chosen", "expected_reason"),
    [
        ({3: 0.5, 4: 0.5}, {3: 0.9, 4: 0.4}, {3}, "share 100%; v4 scored below 0.8"),
        ({4: 1.0}, {3: 0.9, 4: 0.4}, {3}, "no version with a share scored 0.8; v3 did"),
        ({3: 0.5, 4: 0.5}, {3: 0.3, 4: 0.4}, {3, 4}, "no version scored 0.8"),
    ],
)
def test_a_version_below_min_score_is_not_chosen_if_another_reaches_it(
    shares: dict[int, float], scores: dict[int, float], chosen: set[int], expected_reason: str
) -> None:
    answers = [Router().choose_version(route(shares, scores), user, Serving(min_score=0.8)) for user in USERS[:50]]
    assert {version.version for version, _ in answers} == chosen
    assert all(expected_reason in reason for _, reason in answers)


def test_shadow_versions_get_their_share_of_requests() -> None:
    router, shadowed = Router(), route({3: 1.0}, shadow={4: 1.0, 5: 0.5, 6: 0.0})
    asked = Counter(version.version for _ in range(400) for version in router.choose_shadows(shadowed))
    assert asked[4] == 400 and 120 < asked[5] < 280 and not asked[3] and not asked[6]
