"""The figures of `make bench B=serve`, from what was answered; and their picture."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from tests.bench.serve_load import Answer

RESAMPLES = 2_000


class Heard(NamedTuple):
    """The answers of each part of the bench, in the order of their questions."""

    cold_start_s: float
    through: list[Answer]  # the gateway, one token each
    direct: list[Answer]  # the same requests to the same server without it
    peer: list[Answer]  # the same requests through the peer
    peer_direct: list[Answer]  # and to the server that stands behind it
    mixed: list[Answer]  # a question may come again, and the gateway remembers
    unmixed: list[Answer]  # the first of the same questions, and it does not
    rounds: list[list[Answer]]  # of the closed loop through the gateway
    direct_rounds: list[list[Answer]]
    steady: list[Answer]  # the open loop

    @property
    def closed(self) -> list[Answer]:
        return list(chain.from_iterable(self.rounds))


def figures(heard: Heard) -> dict[str, Any]:
    """As `serve.run` tells them."""
    remembered = [answer for answer in heard.mixed if "@cache" in answer.route]
    through = [*heard.through, *heard.mixed, *heard.unmixed, *heard.closed, *heard.steady]
    return {
        "cold_start_s": heard.cold_start_s,
        **overhead("overhead", heard.through, heard.direct),
        **overhead("peer_overhead", heard.peer, heard.peer_direct),
        "overhead_requests": len(heard.through),
        "share_under_100_ms": under(heard.mixed, 0.1),
        "mix_requests": len(heard.mixed),
        "mix_hit_rate": len(remembered) / len(heard.mixed),
        "uncached_share_under_100_ms": under(heard.unmixed, 0.1),
        "uncached_requests": len(heard.unmixed),
        "cached_p99_ms": milliseconds(remembered, 99)["p99"] if remembered else None,
        "throughput_ratio": throughput(heard.rounds) / throughput(heard.direct_rounds),
        "tokens_per_s": throughput(heard.rounds),
        "direct_tokens_per_s": throughput(heard.direct_rounds),
        "first_token_ms": first_token(heard.closed),
        "direct_first_token_ms": first_token(list(chain.from_iterable(heard.direct_rounds))),
        "closed_loop_requests": len(heard.closed),
        "open_loop_ms": milliseconds(heard.steady, 50, 95, 99),
        "open_loop_first_token_ms": first_token(heard.steady),
        "open_loop_requests": len(heard.steady),
        "failed_requests": sum(answer.status != 200 for answer in through),
        "requests": len(through),
    }


def overhead(name: str, through: list[Answer], direct: list[Answer]) -> dict[str, Any]:
    """What p99 grows by, with its 95% interval; and the quantiles of what each request took longer."""
    pairs = np.array([[one.seconds, other.seconds] for one, other in zip(through, direct, strict=True)]) * 1000
    drawn = np.random.default_rng(0).integers(len(pairs), size=(RESAMPLES, len(pairs)))
    slow, plain = np.quantile(pairs[drawn], 0.99, axis=1).T
    gateway_p99, bare = np.quantile(pairs, 0.99, axis=0)
    return {
        f"{name}_p99_ms": float(gateway_p99 - bare),
        f"{name}_p99_interval_ms": [float(end) for end in np.quantile(slow - plain, [0.025, 0.975])],
        f"{name}_each_ms": quantiles(pairs[:, 0] - pairs[:, 1], 50, 90, 99),
    }


def throughput(rounds: Sequence[Sequence[Answer]]) -> float:
    """Tokens per second, from the first question of a round to its last answer."""
    tokens = sum(answer.tokens for answers in rounds for answer in answers)
    return tokens / sum(map(span, rounds))


def span(answers: Sequence[Answer]) -> float:
    """Seconds from the first question to the last answer."""
    return max(answer.done for answer in answers) - min(answer.due for answer in answers)


def first_token(answers: Sequence[Answer]) -> dict[str, float]:
    return quantiles(np.array([1000 * (a.first_token - a.due) for a in answers if a.first_token]), 50, 95)


def milliseconds(answers: Sequence[Answer], *percent: int) -> dict[str, float]:
    return quantiles(np.array([1000 * answer.seconds for answer in answers]), *percent)


def quantiles(values: np.ndarray, *percent: int) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(values, p)), 2) for p in percent}


def under(answers: Sequence[Answer], seconds: float) -> float:
    """The share of requests that were answered within a time."""
    return sum(answer.status == 200 and answer.seconds < seconds for answer in answers) / len(answers)


def plot(heard: Heard) -> Any:
    """Three panels of cumulative shares: the way to the model, the mix with and without a cache, and under load."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(12, 4), layout="constrained")
    way, mix, load = figure.subplots(1, 3)
    way.set_title("One token, same requests", loc="left", fontweight="bold")
    mix.set_title("Short questions that come again", loc="left", fontweight="bold")
    load.set_title("Under load", loc="left", fontweight="bold")
    for panel, label, answers, colour in (
        (way, "llama.cpp directly", [*heard.direct, *heard.peer_direct], "#6b7280"),
        (way, "through the gateway", heard.through, "#1f6feb"),
        (way, "through MLflow's AI gateway", heard.peer, "#d1495b"),
        (mix, "with its cache", heard.mixed, "#1f6feb"),
        (mix, "without", heard.unmixed, "#6b7280"),
        (load, f"closed loop ({len(heard.closed)} requests)", heard.closed, "#6b7280"),
        (load, f"open loop ({len(heard.steady)})", heard.steady, "#1f6feb"),
    ):
        panel.ecdf([1000 * answer.seconds for answer in answers], label=label, color=colour)
    mix.axvline(100, color="#b0b7c3", linestyle="--", linewidth=1)
    for panel in (way, mix, load):
        panel.set(xscale="log", xlabel="ms until the last token", ylim=(0, 1))
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.minorticks_off()
        panel.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8, loc="lower right")
    return figure
