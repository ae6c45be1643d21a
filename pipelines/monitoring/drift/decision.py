"""Whether there is drift: a pure function of what was measured.

One window is evidence, not proof: a trade fair, a script in the workshop. A signal fires if it violates in several of
the last windows and in the newest; it violates if its effect is large enough to matter and its p-value stands among all
the signals of its window (Benjamini and Hochberg 1995): ten signals at 1% each would give a false alarm in every
tenth window.
"""

from collections.abc import Sequence

from pipelines.core.artifacts import Signal
from pipelines.core.plan import Drift

DECAY_KINDS = ("answers", "quality")  # kinds that measure the model's answers; the others measure the requests
HOUR, DAY = 3_600.0, 86_400.0  # seconds


def mark_violations(signals: Sequence[Signal], policy: Drift) -> list[Signal]:
    """The signals of one window, each marked whether it violates."""
    from scipy.stats import false_discovery_control

    tested = [signal for signal in signals if signal.p_value is not None]
    adjusted = false_discovery_control([s.p_value for s in tested if s.p_value is not None]) if tested else []
    significant = {signal.name for signal, p in zip(tested, adjusted, strict=True) if p <= policy.false_alarms}
    return [
        signal.model_copy(
            update={
                "violated": (signal.p_value is None or signal.name in significant)
                and signal.value >= signal.threshold
                and signal.value > 0
            }
        )
        for signal in signals
    ]


def find_firing_signals(windows: Sequence[Sequence[Signal]], policy: Drift) -> list[str]:
    """The signals that fire at the last of these windows, which are judged and in their order.

    Schema changes never do: a person corrects them, a training does not.
    """
    last = [{signal.name for signal in window if signal.violated} for window in windows[-policy.windows :]]
    newest = [signal for signal in windows[-1] if signal.violated and signal.kind != "schema"] if windows else []
    return [
        signal.name for signal in newest if sum(signal.name in violating for violating in last) >= policy.violations
    ]


def is_model_decay(signals: Sequence[Signal], names: Sequence[str]) -> bool:
    """Whether the model answers the same requests worse: only signals of answers and quality fired."""
    kinds = {signal.name: signal.kind for signal in signals}
    return bool(names) and all(kinds[name] in DECAY_KINDS for name in names)


def is_training_too_old(trained: float, now: float, policy: Drift) -> bool:
    """Whether the last training, or the last event, is longer ago than the policy allows (epoch seconds)."""
    return 0 < policy.max_age_days * DAY < now - trained and trained > 0


def is_cooling_down(last: float, now: float, policy: Drift) -> bool:
    """Whether the last event, or the training that it led to, is so recent that nothing is started (epoch seconds)."""
    return now < last + policy.cooldown_hours * HOUR
