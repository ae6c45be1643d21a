"""The channels: the webhook of a chat, mail, and mail to those who get escalated alerts."""

import ipaddress
import logging
import smtplib
import ssl
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote, urlsplit

import httpx
import stamina

from pipelines.alerts import message
from pipelines.alerts.alert_store import SEVERITIES, AlertEvent
from pipelines.core.settings import Severity, settings

TIMEOUT = 10  # seconds


class DeliveryError(Exception):
    """A message was not delivered.

    Args:
        channel_down: the channel takes no other message either; else it refused this one.
    """

    def __init__(self, cause: object, channel_down: bool) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.channel_down = channel_down


def select_channels(severity: Severity, escalated: bool = False) -> tuple[str, ...]:
    """The channels that settings name, and whose least severity this one meets."""
    here, rank = settings(), SEVERITIES.index(severity)
    return tuple(
        channel
        for channel, is_selected in {
            "webhook": here.alert_webhook and rank >= SEVERITIES.index(here.alert_webhook_severity),
            "mail": here.alert_mail and rank >= SEVERITIES.index(here.alert_mail_severity),
            "escalation": here.alert_escalation and escalated,
        }.items()
        if is_selected
    )


def post_webhook(event: AlertEvent) -> None:
    """`{"text": …}` to the webhook, which Slack, Mattermost and their like take."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it names the address, which is a secret
    try:
        for attempt in stamina.retry_context(on=httpx.HTTPError, attempts=3, timeout=TIMEOUT, wait_initial=0.2):
            with attempt:
                body = {"text": message.render_chat(event)}
                response = httpx.post(settings().alert_webhook, json=body, timeout=TIMEOUT / 2)
                if response.is_error:  # not raise_for_status, whose words name the address too
                    raise httpx.HTTPError(f"it answered {response.status_code}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DeliveryError(error, channel_down=True) from None


def send_mail(recipients: str, event: AlertEvent) -> None:
    """Hand a mail to the server of WEAVER_SMTP_URL: encrypted, but for one on this machine.

    Args:
        recipients: the setting that names them.
    """
    here = settings()
    to = [address.strip() for address in getattr(here, recipients).split(",")]
    try:
        with connect_smtp() as server:
            refused = server.send_message(message.render_mail(event, here.alert_from, to), here.alert_from, to)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError, ValueError) as error:
        raise DeliveryError(error, channel_down=False) from None
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(error, channel_down=True) from None
    if refused:
        logging.getLogger(__name__).warning("the mail server refused %s", ", ".join(refused))


def connect_smtp() -> smtplib.SMTP:
    """The mail server, signed in to.

    Raises:
        OSError, smtplib.SMTPException: it does not answer, does not encrypt, has another certificate, or refuses the
            password.
    """
    here = settings()
    url = urlsplit(here.smtp_url)
    assert url.hostname, "the pattern of smtp_url has a host"
    trusted = ssl.create_default_context(cafile=here.smtp_ca or None)
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(url.hostname, url.port or 465, timeout=TIMEOUT, context=trusted)
    else:
        server = smtplib.SMTP(url.hostname, url.port or 587, timeout=TIMEOUT)
    try:
        if url.scheme == "smtp" and (here.smtp_ca or not is_local_host(url.hostname)):
            server.starttls(context=trusted)
        if url.username:
            server.login(unquote(url.username), here.smtp_password.get_secret_value() or here.secret("smtp"))
    except BaseException:
        server.close()
        raise
    return server


def is_local_host(host: str) -> bool:
    """Return whether a host name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


CHANNELS: dict[str, Callable[[AlertEvent], None]] = {
    "webhook": post_webhook,
    "mail": partial(send_mail, "alert_mail"),
    "escalation": partial(send_mail, "alert_escalation"),
}
