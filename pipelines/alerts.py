"""What somebody should know now: kept in WEAVER_HOME/alerts.jsonl, and posted to a chat where settings name one."""

import logging
from datetime import UTC, datetime

import httpx
import stamina

from pipelines.files import append, canonical, only_one
from pipelines.settings import settings

log = logging.getLogger(__name__)


def alert(text: str) -> None:
    """Keep the alert, then post it to settings().alert_webhook, if there is one.

    A webhook that is down stops nothing: that is logged, and the alert is in the file.
    """
    file = settings().home / "alerts.jsonl"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with only_one(file.with_suffix(".lock"), "writing an alert"):
        append(file, canonical({"at": at, "text": text}))
    log.warning("alert: %s", text)
    if settings().alert_webhook:
        post(text)


def post(text: str) -> None:
    """`{"text": …}`, which Slack, Mattermost and their like take."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it names the address, which is a secret
    try:
        for attempt in stamina.retry_context(on=httpx.HTTPError, attempts=3, timeout=10, wait_initial=0.2):
            with attempt:
                response = httpx.post(settings().alert_webhook, json={"text": text}, timeout=5)
                if response.is_error:  # not raise_for_status, whose words name the address too
                    raise httpx.HTTPError(f"it answered {response.status_code}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("the alert could not be posted to WEAVER_ALERT_WEBHOOK: %s", error)
