"""API keys: 256 random bits, shown once and stored as a hash; which models a key may use, and its rate limit."""

import hashlib
import hmac
import secrets
import time
from contextlib import suppress

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy import or_, select, update

from pipelines.core.artifacts import Artifact
from pipelines.core.database import ChangePoll, read_session, write_session
from pipelines.core.database.tables import ApiKeyRow, now_ns
from pipelines.core.errors import WeaverError
from pipelines.core.settings import settings
from pipelines.gateway.api_errors import ApiError
from pipelines.gateway.catalogue import file_stamp

LOCAL_KEY = "local"  # the id of the key among the secrets: whoever works on this machine has it


class ApiKey(Artifact):
    """A key as it is stored."""

    id: str
    name: str
    sha256: str  # the plain hash of a random key is safe: there is nothing to guess
    models: list[str] = []  # templates, or versions of them; empty: all
    rate: str = ""  # "60/minute", in the notation of the library limits; empty: no limit
    created: float  # epoch seconds
    revoked: float = 0.0  # epoch seconds; 0: not revoked
    last_used: float = 0.0  # epoch seconds of its last request, filled in by the gateway

    def allows(self, model: str) -> bool:
        """Whether the key may use a model."""
        return not self.models or model in self.models or model.rpartition("-v")[0] in self.models


def create_key(name: str, models: list[str], rate: str) -> tuple[ApiKey, str]:
    """Create a key; returns it and its secret, which is stored nowhere.

    Raises:
        WeaverError: the name is taken, or the rate is invalid.
    """
    if rate:
        parse_rate(rate)
    secret = f"nw-{secrets.token_urlsafe(32)}"
    digest = hash_secret(secret)
    key = ApiKey(id=secrets.token_hex(4), name=name, sha256=digest, models=models, rate=rate, created=time.time())
    with write_session("api_keys") as session:
        if session.scalar(select(ApiKeyRow.id).where(ApiKeyRow.name == name, ApiKeyRow.revoked == 0)):
            raise WeaverError(f"an API key named '{name}' exists already", "Choose another name, or revoke that key.")
        session.add(ApiKeyRow(**key.model_dump()))
    return key, secret


def revoke_key(id_or_name: str) -> ApiKey:
    """Revoke a key; the gateway follows within a second.

    Raises:
        WeaverError: there is no such key.
    """
    named = or_(ApiKeyRow.id == id_or_name, ApiKeyRow.name == id_or_name)
    with write_session("api_keys") as session:
        row = session.scalar(select(ApiKeyRow).where(named, ApiKeyRow.revoked == 0))
        if row is None:
            raise WeaverError(f"there is no API key '{id_or_name}'", "`weaver key list` shows all keys.")
        row.revoked, row.updated_ns = time.time(), now_ns()
        return to_key(row)


def list_keys() -> list[ApiKey]:
    """Every key that was created, the oldest first, also those that were revoked."""
    with read_session() as session:
        return [to_key(row) for row in session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created))]


def to_key(row: ApiKeyRow) -> ApiKey:
    """A key from its row."""
    return ApiKey.model_validate({name: getattr(row, name) for name in ApiKey.model_fields})


def hash_secret(secret: str) -> str:
    """SHA-256 of a key's secret, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def parse_rate(rate: str) -> RateLimitItem:
    """A rate limit from its notation.

    Raises:
        WeaverError: it is invalid.
    """
    try:
        return parse(rate)
    except ValueError as error:
        raise WeaverError(f"'{rate}' is not a rate limit", "Write it like 60/minute or 1000/day.") from error


class Keyring:
    """The valid keys in the gateway's memory: read again when the database changed; rates are counted in memory."""

    def __init__(self) -> None:
        self.limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self.last_used: dict[str, float] = {}
        self.saved: dict[str, float] = {}
        self.poll = ChangePoll()
        self.stamp: tuple[int, tuple[int, int]] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the keys again if they may have changed."""
        stamp = self.poll.read_version(), file_stamp(settings().secrets / "gateway")
        if stamp == self.stamp:
            return
        keys = [key for key in list_keys() if not key.revoked]
        with suppress(FileNotFoundError):
            secret = settings().secret("gateway")
            keys.append(ApiKey(id=LOCAL_KEY, name=LOCAL_KEY, sha256=hash_secret(secret), created=0))
        self.keys, self.rates = keys, {key.id: parse_rate(key.rate) for key in keys if key.rate}
        self.stamp = stamp

    def save_last_used(self) -> None:
        """Write when each key was last used, for `weaver key list`."""
        last_used = dict(self.last_used)
        changed = {id: at for id, at in last_used.items() if at != self.saved.get(id) and id != LOCAL_KEY}
        if not changed:
            return
        with write_session("api_keys") as session:
            for id, at in changed.items():
                session.execute(update(ApiKeyRow).where(ApiKeyRow.id == id).values(last_used=at))
        self.saved = last_used

    def authenticate(self, secret: str) -> ApiKey:
        """The key that a secret belongs to.

        Raises:
            ApiError: no key has this secret (401), or its rate limit is exceeded (429).
        """
        presented = hash_secret(secret)
        # Every key is compared, each in constant time: the duration reveals nothing about them.
        matching = [key for key in self.keys if hmac.compare_digest(key.sha256, presented)]
        if not matching:
            headers = {"www-authenticate": "Bearer"}
            raise ApiError(401, "invalid_api_key", "The API key is unknown or revoked.", headers=headers)
        key = matching[0]
        rate = self.rates.get(key.id)
        if rate and not self.limiter.hit(rate, key.id):
            wait = max(1, round(self.limiter.get_window_stats(rate, key.id).reset_time - time.time()))
            message = f"The rate limit of the API key '{key.name}' is {key.rate}; try again in {wait} s."
            raise ApiError(429, "rate_limit_exceeded", message, retry_after=wait)
        self.last_used[key.id] = time.time()
        return key
