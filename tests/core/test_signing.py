"""A folder that verifies holds the bytes that were signed, all of them and no others."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core import signing
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest


@pytest.fixture
def model(home: Path, tmp_path: Path) -> Path:
    """A signed folder with a file in a folder of its own."""
    folder = tmp_path / "model"
    (folder / "more").mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(bytes(range(256)) * 64)
    (folder / "more" / "config.json").write_text("{}")
    signing.sign(folder)
    return folder


def test_a_signature_stands_beside_its_folder_and_changes_nothing_in_it(model: Path) -> None:
    before = digest(model)
    assert signing.sign(model) == model.with_name("model.sig")
    assert digest(model) == before
    signing.verify(model)


def test_a_signature_goes_along_with_a_copy_under_another_name(model: Path) -> None:
    model.rename(model.with_name("v3"))
    model.with_name("model.sig").rename(model.with_name("v3.sig"))
    signing.verify(model.with_name("v3"))


def flip(model: Path) -> None:
    file = model / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[777] ^= 1
    file.write_bytes(content)


def add_for_git(model: Path) -> None:
    (model / ".git").mkdir()
    (model / ".git" / "payload.py").write_text("")


def rename(model: Path) -> None:
    (model / "more" / "config.json").rename(model / "config.json")


def link(model: Path) -> None:
    """To the same bytes, which may be others by the time they are read."""
    file = model / "weights.safetensors"
    file.rename(model.with_name("elsewhere"))
    file.symlink_to(model.with_name("elsewhere"))


def truncate(model: Path) -> None:
    file = signing.signature_file(model)
    file.write_text(file.read_text()[:-300])


def forge(model: Path) -> None:
    """Say that the bytes there now are those that were signed."""
    flip(model)
    old, new = (json.loads(file.read_text()) for file in (signing.signature_file(model), signed_by_a_stranger(model)))
    old["dsseEnvelope"]["payload"] = new["dsseEnvelope"]["payload"]
    signing.signature_file(model).write_text(json.dumps(old))


def sign_elsewhere(model: Path) -> None:
    signed_by_a_stranger(model).replace(signing.signature_file(model))


def signed_by_a_stranger(model: Path) -> Path:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from model_signing.signing import Config

    key, target = model.with_name("stranger.pem"), model.with_name("stranger.sig")
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key.write_bytes(pem)
    Config().use_elliptic_key_signer(private_key=key).sign(model, target)
    return target


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (flip, "changed: weights.safetensors"),
        (lambda model: (model / "extra.py").write_text(""), "added: extra.py"),
        (lambda model: (model / "more" / "config.json").unlink(), "missing: more/config.json"),
        (rename, "missing: more/config.json; added: config.json"),
        (add_for_git, "added: .git/payload.py"),
        (link, "model/weights.safetensors is a link or a device"),
        (lambda model: os.mkfifo(model / "pipe"), "model/pipe is a link or a device"),
        (truncate, "model.sig is not a signature"),
        (lambda model: signing.signature_file(model).write_bytes(b"\xff\x00"), "model.sig is not a signature"),
        (lambda model: signing.signature_file(model).write_text("[]"), "model.sig is not a signature"),
        (forge, "model.sig was changed"),
        (sign_elsewhere, "model.sig was made with another key than"),
        (lambda model: signing.signature_file(model).unlink(), "is not signed: model.sig is missing"),
    ],
)
def test_whatever_was_tampered_with_is_refused_and_named(
    model: Path, tamper: Callable[[Path], object], told: str
) -> None:
    tamper(model)
    with pytest.raises(WeaverError, match="Restore it from a backup") as refusal:
        signing.verify(model)
    assert told in refusal.value.what
    assert len(refusal.value.what.replace(str(model.parent), "")) < 150, "in a line, however long the path"


@pytest.mark.parametrize("part", ["verificationMaterial", "dsseEnvelope", "mediaType"])
@pytest.mark.parametrize("value", [None, "", [], {}])
def test_no_torn_signature_passes(model: Path, part: str, value: object) -> None:
    file = signing.signature_file(model)
    file.write_text(json.dumps(json.loads(file.read_text()) | {part: value}))
    with pytest.raises(WeaverError, match=r"model\.sig"):
        signing.verify(model)


def test_what_is_not_a_plain_folder_is_not_signed(home: Path, tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match="it is not a folder"):
        signing.sign(tmp_path / "nowhere")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "weights").symlink_to("/dev/null")
    with pytest.raises(WeaverError, match="linked/weights is a link"):
        signing.sign(tmp_path / "linked")
    assert not (tmp_path / "linked.sig").exists()


def test_the_private_key_is_for_its_owner_alone(model: Path, home: Path) -> None:
    assert (home / "secrets").stat().st_mode & 0o777 == 0o700
    assert signing.private_key_file().stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in signing.public_key_file().read_bytes()


def test_with_the_public_key_alone_one_verifies_and_does_not_sign(model: Path) -> None:
    signing.private_key_file().unlink()
    before = signing.public_key_file().read_bytes()
    signing.verify(model)
    with pytest.raises(WeaverError, match=r"signing\.key is missing"):
        signing.sign(model)
    assert signing.public_key_file().read_bytes() == before


def test_model_signings_own_command_verifies_too(model: Path) -> None:
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(model)]
    command += ["--signature", str(signing.signature_file(model)), "--public_key", str(signing.public_key_file())]
    assert subprocess.run(command, capture_output=True).returncode == 0
    flip(model)
    assert subprocess.run(command, capture_output=True).returncode != 0


SIGN = "import sys; from pathlib import Path; from pipelines.core.signing import sign; sign(Path(sys.argv[1]))"


def test_processes_that_start_together_use_one_key(home: Path, tmp_path: Path) -> None:
    folders = [tmp_path / f"m{number}" for number in range(3)]
    for folder in folders:
        folder.mkdir()
        (folder / "weights").write_text(folder.name)
    running = [subprocess.Popen([sys.executable, "-c", SIGN, str(folder)]) for folder in folders]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    for folder in folders:
        signing.verify(folder)


KILLED = """
import os, sys
from pathlib import Path
from pipelines.core import signing

replace = Path.replace
def die(path, target):
    if sys.argv[2] == "after":
        replace(path, target)
    os.kill(os.getpid(), 9)
Path.replace = die
signing.sign(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_the_key_is_made_the_next_one_goes_on(home: Path, tmp_path: Path, when: str) -> None:
    """The process dies just before the private key is in place, or just after, without its public half."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "weights").write_text("w")
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "m"), when])
    assert died.returncode == -9
    assert (home / "secrets" / "signing.key").exists() == (when == "after")
    assert not (home / "signing.pub").exists()
    signing.sign(tmp_path / "m")
    signing.verify(tmp_path / "m")
