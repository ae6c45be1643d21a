"""API keys: 256 random bits, shown once and stored as a hash; which models a key may use, and its rate limit."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pydantic import TypeAdapter

from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import atomic_write, file_lock
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


Keys = TypeAdapter(list[ApiKey])


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
    with edit_keys() as keys:
        if any(other.name == name and not other.revoked for other in keys):
            raise WeaverError(f"an API key named '{name}' exists already", "Choose another name, or revoke that key.")
        keys.append(key)
    return key, secret


def revoke_key(id_or_name: str) -> ApiKey:
    """Revoke a key; the gateway follows within a second.

    Raises:
        WeaverError: there is no such key.
    """
    with edit_keys() as keys:
        for index, key in enumerate(keys):
            if id_or_name in (key.id, key.name) and not key.revoked:
                keys[index] = key.model_copy(update={"revoked": time.time()})
                return keys[index]
    raise WeaverError(f"there is no API key '{id_or_name}'", "`weaver key list` shows all keys.")


def list_keys() -> list[ApiKey]:
    """Every key that was created, with the time of its last request."""
    used = json.loads(last_used_file().read_text()) if last_used_file().exists() else {}
    return [key.model_copy(update={"last_used": used.get(key.id, 0.0)}) for key in read_keys()]


def read_keys() -> list[ApiKey]:
    """The stored keys."""
    return Keys.validate_json(keys_file().read_bytes()) if keys_file().exists() else []


def keys_file() -> Path:
    """Where the keys are stored."""
    return settings().home / "serving" / "keys.json"


def last_used_file() -> Path:
    """Where the gateway writes when each key was last used."""
    return keys_file().with_name("keys_used.json")


@contextmanager
def edit_keys() -> Iterator[list[ApiKey]]:
    """The keys, written when the block ends without an error; one process at a time."""
    with file_lock(keys_file().with_suffix(".lock"), "changing the API keys"):
        keys = read_keys()
        yield keys
        write_private_json(keys_file(), Keys.dump_python(keys))


def write_private_json(path: Path, value: Any) -> None:
    """Write a JSON file that only its owner may read."""
    with atomic_write(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(value, indent=1) + "\n")


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
    """The keys as the gateway has them: read again when their file changes; last uses and rates are kept in memory."""

    def __init__(self) -> None:
        self.limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self.last_used: dict[str, float] = {}
        if last_used_file().exists():
            self.last_used = json.loads(last_used_file().read_text())
        self.saved = dict(self.last_used)
        self.stamp: Any = None
        self.refresh()

    def refresh(self) -> None:
        """Read the keys again if they have changed."""
        local = settings().secrets / "gateway"
        stamp = [file_stamp(keys_file()), file_stamp(local)]
        if stamp == self.stamp:
            return
        keys = [key for key in read_keys() if not key.revoked]
        with suppress(FileNotFoundError):
            secret = settings().secret("gateway")
            keys.append(ApiKey(id=LOCAL_KEY, name=LOCAL_KEY, sha256=hash_secret(secret), created=0))
        self.keys, self.rates = keys, {key.id: parse_rate(key.rate) for key in keys if key.rate}
        self.stamp = stamp

    def save_last_used(self) -> None:
        """Write when each key was last used, for `weaver key list`."""
        if self.last_used != self.saved:
            self.saved = dict(self.last_used)
            write_private_json(last_used_file(), self.saved)

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
