"""The channels: a chat's webhook, mail, and mail to those who hear of what rose."""

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
from pipelines.alerts.alert_store import ORDER, Entry
from pipelines.core.settings import Severity, settings

TIMEOUT = 10  # seconds


class Undelivered(Exception):
    """
    Args:
        down: the channel is, and takes no other message either; else it refused this one.
    """

    def __init__(self, why: object, down: bool) -> None:
        super().__init__(str(why) or type(why).__name__)
        self.down = down


def chosen(severity: Severity, escalated: bool = False) -> tuple[str, ...]:
    """The channels that settings name, and that want to hear of this severity."""
    here, rank = settings(), ORDER.index(severity)
    return tuple(
        channel
        for channel, wanted in {
            "webhook": here.alert_webhook and rank >= ORDER.index(here.alert_webhook_severity),
            "mail": here.alert_mail and rank >= ORDER.index(here.alert_mail_severity),
            "escalation": here.alert_escalation and escalated,
        }.items()
        if wanted
    )


def post(entry: Entry) -> None:
    """`{"text": …}` to the webhook, which Slack, Mattermost and their like take."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it names the address, which is a secret
    try:
        for attempt in stamina.retry_context(on=httpx.HTTPError, attempts=3, timeout=TIMEOUT, wait_initial=0.2):
            with attempt:
                told = {"text": message.chat(entry)}
                response = httpx.post(settings().alert_webhook, json=told, timeout=TIMEOUT / 2)
                if response.is_error:  # not raise_for_status, whose words name the address too
                    raise httpx.HTTPError(f"it answered {response.status_code}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Undelivered(error, down=True) from None


def mail(recipients: str, entry: Entry) -> None:
    """Hand a mail to the server of WEAVER_SMTP_URL: encrypted, but for one on this machine.

    Args:
        recipients: the setting that names them.
    """
    here = settings()
    to = [address.strip() for address in getattr(here, recipients).split(",")]
    try:
        with connected() as server:
            refused = server.send_message(message.mail(entry, here.alert_from, to), here.alert_from, to)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError, ValueError) as error:
        raise Undelivered(error, down=False) from None
    except (OSError, smtplib.SMTPException) as error:
        raise Undelivered(error, down=True) from None
    if refused:
        logging.getLogger(__name__).warning("the mail server refused %s", ", ".join(refused))


def connected() -> smtplib.SMTP:
    """The mail server, signed in to.

    Raises:
        OSError, smtplib.SMTPException: it is away, does not encrypt, is not who it says, or refuses the password.
    """
    here = settings()
    url = urlsplit(here.smtp_url)
    assert url.hostname, "settings want one"
    trusted = ssl.create_default_context(cafile=here.smtp_ca or None)
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(url.hostname, url.port or 465, timeout=TIMEOUT, context=trusted)
    else:
        server = smtplib.SMTP(url.hostname, url.port or 587, timeout=TIMEOUT)
    try:
        if url.scheme == "smtp" and (here.smtp_ca or not on_this_machine(url.hostname)):
            server.starttls(context=trusted)
        if url.username:
            server.login(unquote(url.username), here.smtp_password.get_secret_value() or here.secret("smtp"))
    except BaseException:
        server.close()
        raise
    return server


def on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


CHANNELS: dict[str, Callable[[Entry], None]] = {
    "webhook": post,
    "mail": partial(mail, "alert_mail"),
    "escalation": partial(mail, "alert_escalation"),
}
