"""Which version answers whom: by the route's shares, and the same one for the same user while shares stay."""

import hashlib
import math
import random
import uuid
from collections.abc import Mapping

from pipelines.core.routes import Route, ServedVersion


def choose(route: Route, sticky: str, min_score: float) -> tuple[ServedVersion, str]:
    """The version that a user is served by, and why.

    Args:
        sticky: who asks; empty draws anew each time.
        min_score: a version of a lower held-out score is not chosen, as long as one that is served meets it.
    """
    shares = {model_version.version: route.shares.get(model_version.version, 0.0) for model_version in route.versions}
    fit = {model_version.version for model_version in route.versions if (model_version.score or 0.0) >= min_score}
    if any(shares[version] for version in fit):
        left_out = [version for version, share in shares.items() if share and version not in fit]
        shares = {version: shares[version] for version in fit}
        note = f"; v{left_out[0]} scored below {min_score:g}" if left_out else ""
    elif fit:
        best = max(
            (route.find_version(version) for version in fit),
            key=lambda model_version: (model_version.score or 0.0, model_version.version),
        )
        return best, f"no version with a share scored {min_score:g}; v{best.version} did"
    else:
        note = f"; none scored {min_score:g}"
    version = rendezvous(f"{route.name}/{sticky or uuid.uuid4().hex}", shares)
    share = shares[version] / sum(shares.values())
    return route.find_version(version), f"share {share:.0%}{', sticky' if sticky and share < 1 else ''}{note}"


def rendezvous(key: str, shares: Mapping[int, float]) -> int:
    """A version for a key, in proportion to the shares; weighted rendezvous hashing.

    When one version's share grows, keys move to it and to no other; when it shrinks, only its own keys leave.
    """

    def score(version: int) -> float:
        drawn = int.from_bytes(hashlib.sha256(f"{key}/{version}".encode()).digest()[:8]) >> 12
        return -shares[version] / math.log((drawn + 0.5) / 2**52)  # strictly between 0 and 1, as a float holds it

    return max(sorted(shares), key=score)


def shadows(route: Route) -> list[ServedVersion]:
    """The versions to ask in shadow this time: each by its own share, drawn anew."""
    return [
        model_version
        for model_version in route.versions
        if random.random() < route.shadow.get(model_version.version, 0.0)
    ]
