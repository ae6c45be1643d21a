"""Which version serves which user: by the route's shares, and the same version for a user while the shares stay."""

import hashlib
import math
import random
import uuid
from collections.abc import Mapping

from pipelines.core.routes import Route, ServedVersion


def choose_version(route: Route, user: str, min_score: float) -> tuple[ServedVersion, str]:
    """The version that serves a user, and the reason.

    Args:
        user: who asks; "" draws a version at random for each request.
        min_score: versions with a lower held-out score are not chosen as long as another one reaches it.
    """
    shares = {version.version: route.shares.get(version.version, 0.0) for version in route.versions}
    eligible = {version.version for version in route.versions if (version.score or 0.0) >= min_score}
    if any(shares[number] for number in eligible):
        excluded = [number for number, share in shares.items() if share and number not in eligible]
        shares = {number: shares[number] for number in eligible}
        note = f"; v{excluded[0]} scored below {min_score:g}" if excluded else ""
    elif eligible:
        best = max(map(route.find_version, eligible), key=lambda version: (version.score or 0.0, version.version))
        return best, f"no version with a share scored {min_score:g}; v{best.version} did"
    else:
        note = f"; no version scored {min_score:g}"
    number = weighted_rendezvous_hash(f"{route.name}/{user or uuid.uuid4().hex}", shares)
    share = shares[number] / sum(shares.values())
    return route.find_version(number), f"share {share:.0%}{', sticky' if user and share < 1 else ''}{note}"


def weighted_rendezvous_hash(key: str, shares: Mapping[int, float]) -> int:
    """A version for a key, in proportion to the shares (weighted rendezvous hashing).

    When one version's share grows, keys move to it and to no other; when it shrinks, only its own keys leave.
    """

    def score(version: int) -> float:
        number = int.from_bytes(hashlib.sha256(f"{key}/{version}".encode()).digest()[:8]) >> 12
        return -shares[version] / math.log((number + 0.5) / 2**52)  # strictly between 0 and 1, as a float holds it

    return max(sorted(shares), key=score)


def choose_shadows(route: Route) -> list[ServedVersion]:
    """The shadow versions that get a copy of this request: each drawn by its own share."""
    return [version for version in route.versions if random.random() < route.shadow.get(version.version, 0.0)]
