"""What a client calls its user is logged as an HMAC with this home's key: it cannot be guessed from a list of names."""

import hashlib
import stat
from pathlib import Path

import pytest

from pipelines.core.settings import settings
from pipelines.request_log import hash_user


def test_it_is_the_same_in_one_home_and_not_a_bare_hash(home: Path) -> None:
    assert hash_user("desk 3") == hash_user("desk 3") != hash_user("desk 4")
    assert hash_user("") == hash_user(None) == ""
    assert len(hash_user("desk 3")) == 16
    assert hash_user("desk 3") not in hashlib.sha256(b"desk 3").hexdigest()


def test_its_key_is_for_the_owner_alone(home: Path) -> None:
    hash_user("desk 3")
    assert [stat.S_IMODE(file.stat().st_mode) for file in settings().secrets.iterdir()] == [0o600]


def test_another_home_has_other_pseudonyms(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = hash_user("desk 3")
    monkeypatch.setenv("WEAVER_HOME", str(tmp_path / "elsewhere"))
    settings.cache_clear()
    assert hash_user("desk 3") != here
