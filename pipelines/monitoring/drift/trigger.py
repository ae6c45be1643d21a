"""What a retraining was started for: the asset events behind its run, several of which may have become one."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from pipelines.core.artifacts import DriftEvent
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan


def merged(template: str, extras: Sequence[dict[str, Any]]) -> DriftEvent | None:
    """One event out of those that started a run, oldest first; None where none did.

    Each reason and each signal is told once. Where two events suggest different values for one key of the plan, the
    later one's counts.

    Args:
        extras: the `extra` of each asset event; anybody who may send events may have written them.

    Raises:
        WeaverError: an extra is no DriftEvent, is another template's, or suggests what the plan cannot be.
    """
    events = [parsed(template, number, extra) for number, extra in enumerate(extras, 1)]
    if not events:
        return None
    config: dict[str, Any] = {}
    for event in events:
        config |= event.config
    make_plan(template, config)
    return DriftEvent(
        template=template,
        reason="; ".join(dict.fromkeys(event.reason for event in events)),
        signals=[*dict.fromkeys(signal for event in events for signal in event.signals)],
        config=config,
        since=min((event.since for event in events if event.since), default=""),
        until=max(event.until for event in events),
        records=events[-1].records,
        link=events[-1].link,
    )


def parsed(template: str, number: int, extra: dict[str, Any]) -> DriftEvent:
    try:
        event = DriftEvent.model_validate({"template": template} | extra)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise WeaverError(
            f"event {number} of drift_{template} has an extra that is none: {wrong}",
            "Send at least a reason, and config as section.key → value; or start the run by hand.",
        ) from error
    if event.template != template:
        raise WeaverError(
            f"event {number} of drift_{template} is about {event.template}", f"Send it to drift_{event.template}."
        )
    return event
