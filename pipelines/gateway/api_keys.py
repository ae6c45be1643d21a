"""API keys: 256 random bits, shown once and kept as their hash; who may ask which models, and how often."""

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
from pipelines.gateway.api_errors import Refusal

LOCAL = "local"  # the id of the key among the secrets: whoever works on this machine has it


class Key(Artifact):
    id: str
    name: str
    sha256: str  # of a random key its plain hash is safe: there is nothing to guess
    models: list[str] = []  # templates, or versions of them; empty: all
    rate: str = ""  # "60/minute", as the library limits writes it; empty: as often as it likes
    made: float  # epoch seconds
    revoked: float = 0.0
    used: float = 0.0  # epoch seconds of its last request, told by the gateway

    def may(self, model: str) -> bool:
        return not self.models or model in self.models or model.rpartition("-v")[0] in self.models


Keys = TypeAdapter(list[Key])


def add(name: str, models: list[str], rate: str) -> tuple[Key, str]:
    """Make a key; returns it and its secret, which is nowhere else.

    Raises:
        WeaverError: the name is taken, or the rate is none.
    """
    if rate:
        parse_rate(rate)
    secret = f"nw-{secrets.token_urlsafe(32)}"
    key = Key(id=secrets.token_hex(4), name=name, sha256=sha256(secret), models=models, rate=rate, made=time.time())
    with changing() as keys:
        if any(other.name == name and not other.revoked for other in keys):
            raise WeaverError(f"there is a key named {name!r} already", "Choose another name, or revoke that one.")
        keys.append(key)
    return key, secret


def revoke(which: str) -> Key:
    """Let a key, given by its id or name, open nothing any more, within a second.

    Raises:
        WeaverError: there is no such key.
    """
    with changing() as keys:
        for place, key in enumerate(keys):
            if which in (key.id, key.name) and not key.revoked:
                keys[place] = key.model_copy(update={"revoked": time.time()})
                return keys[place]
    raise WeaverError(f"there is no key {which!r}", "`weaver key list` shows them all.")


def known() -> list[Key]:
    """Every key that was added, with the time of its last request."""
    used = json.loads(uses_file().read_text()) if uses_file().exists() else {}
    return [key.model_copy(update={"used": used.get(key.id, 0.0)}) for key in read()]


def read() -> list[Key]:
    return Keys.validate_json(file().read_bytes()) if file().exists() else []


def file() -> Path:
    return settings().home / "serving" / "keys.json"


def uses_file() -> Path:
    return file().with_name("keys_used.json")


@contextmanager
def changing() -> Iterator[list[Key]]:
    """The keys, written whole when this ends well; one at a time."""
    with file_lock(file().with_suffix(".lock"), "changing the API keys"):
        keys = read()
        yield keys
        write(file(), Keys.dump_python(keys))


def write(path: Path, value: Any) -> None:
    with atomic_write(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(value, indent=1) + "\n")


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def parse_rate(rate: str) -> RateLimitItem:
    try:
        return parse(rate)
    except ValueError as error:
        raise WeaverError(f"{rate!r} is no rate", "Write it like 60/minute or 1000/day.") from error


class Keyring:
    """The keys as the gateway knows them: read again when their file changes, uses counted in memory."""

    def __init__(self) -> None:
        self.limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self.uses: dict[str, float] = {}
        if uses_file().exists():
            self.uses = json.loads(uses_file().read_text())
        self.kept = dict(self.uses)
        self.stamp: Any = None
        self.look()

    def look(self) -> None:
        """Read the keys again if they were changed."""
        local = settings().secrets / "gateway"
        stamp = [modified(file()), modified(local)]
        if stamp == self.stamp:
            return
        keys = [key for key in read() if not key.revoked]
        with suppress(FileNotFoundError):
            secret = settings().secret("gateway")
            keys.append(Key(id=LOCAL, name=LOCAL, sha256=sha256(secret), made=0))
        self.keys, self.rates = keys, {key.id: parse_rate(key.rate) for key in keys if key.rate}
        self.stamp = stamp

    def keep_uses(self) -> None:
        """Write down when each key was last used, for `weaver key list`."""
        if self.uses != self.kept:
            self.kept = dict(self.uses)
            write(uses_file(), self.kept)

    def check(self, secret: str) -> Key:
        """Whose key this is.

        Raises:
            Refusal: nobody's (401), or it was used too often (429).
        """
        presented = sha256(secret)
        # Every key is compared, each in constant time: how long it takes says nothing of them.
        matching = [key for key in self.keys if hmac.compare_digest(key.sha256, presented)]
        if not matching:
            raise Refusal(401, "invalid_api_key", "This API key is unknown, or was revoked.")
        key = matching[0]
        rate = self.rates.get(key.id)
        if rate and not self.limiter.hit(rate, key.id):
            wait = max(1, round(self.limiter.get_window_stats(rate, key.id).reset_time - time.time()))
            text = f"The key {key.name} may ask {key.rate}; come again in {wait} s."
            raise Refusal(429, "rate_limit_exceeded", text, retry_after=wait)
        self.uses[key.id] = time.time()
        return key


def modified(path: Path) -> tuple[int, int]:
    """What changes whenever a file is written whole; zeros where there is none."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_ino
