"""Why a retraining was started: the drift events behind its run, of which there may be several."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from pipelines.core.artifacts import DriftEvent
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan


def merge_events(template: str, extras: Sequence[dict[str, Any]]) -> DriftEvent | None:
    """Merge the events that started a run, oldest first; None if none did.

    Each reason and each signal is named once. If two events suggest different values for a key of the plan, the later
    one counts.

    Args:
        extras: the `extra` of each asset event; anybody who may send events may have written them.

    Raises:
        WeaverError: an extra is no DriftEvent, belongs to another template, or suggests an invalid value.
    """
    events = [parse_event(template, number, extra) for number, extra in enumerate(extras, 1)]
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


def parse_event(template: str, number: int, extra: dict[str, Any]) -> DriftEvent:
    """The drift event in the extra of an asset event.

    Raises:
        WeaverError: the extra is not valid, or belongs to another template.
    """
    try:
        event = DriftEvent.model_validate({"template": template} | extra)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise WeaverError(
            f"event {number} of drift_{template} is not valid: {faults}",
            "Send an extra with at least `reason`, and `config` as section.key → value; or start the run by hand.",
        ) from error
    if event.template != template:
        raise WeaverError(
            f"event {number} of drift_{template} is about {event.template}", f"Send it to drift_{event.template}."
        )
    return event
