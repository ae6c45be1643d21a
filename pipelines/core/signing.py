"""Models are signed where they are made and verified wherever they are loaded: a changed byte is refused.

The key is made on this machine at first use and lies among the secrets, its public half beside them. A signature is
a sigstore bundle beside its folder (`<folder>.sig`), as the OpenSSF model-signing specification has it. Whoever holds
only the public key (`signing.pub`) can check it with `model_signing verify key`, or with `verify` below.
"""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import WeaverError
from pipelines.core.files import atomic_write, file_lock
from pipelines.core.settings import settings

if TYPE_CHECKING:
    from model_signing.hashing import Config

REMEDY = "Do not use it. Restore it from a backup, or remove it and run the stage that makes it again."


def sign(folder: Path) -> Path:
    """Sign every file of a folder; returns the signature's file, which stands beside it.

    Raises:
        WeaverError: there is no such folder, or it holds something else than files and folders, such as a link.
    """
    from model_signing import signing

    if fault := not_plain(folder):
        raise WeaverError(f"{folder} cannot be signed: {fault}", "Put the file itself there, and run again.")
    signer = signing.Config().set_hashing_config(every_file()).use_elliptic_key_signer(private_key=private_key())
    with atomic_write(signature(folder)) as temporary:
        signer.sign(folder, temporary)
    return signature(folder)


def verify(folder: Path) -> None:
    """
    Raises:
        WeaverError: the folder has no signature, another key made it, or a file was changed, added or removed since;
            names the files.
    """
    from cryptography.exceptions import InvalidSignature
    from model_signing import verifying

    if not signature(folder).is_file():
        raise WeaverError(f"{folder} is not signed: {signature(folder).name} is missing", REMEDY)
    verifier = verifying.Config().set_hashing_config(every_file()).use_elliptic_key_verifier(public_key=public_key())
    try:
        verifier.verify(folder, signature(folder))
    # Of a torn bundle model-signing lets through whatever reading it gives.
    except (InvalidSignature, ValueError, LookupError, TypeError, AttributeError) as error:
        raise WeaverError(f"{folder} is not what was signed, and is not used: {fault_of(folder)}", REMEDY) from error


def sign_text(text: str) -> str:
    """A signature of a text with this home's key (ECDSA P-256, SHA-256): base64."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private_key().read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return b64encode(key.sign(text.encode(), ec.ECDSA(SHA256()))).decode()


def verify_text(text: str, signature: str) -> bool:
    """Whether `sign_text` made this signature, here or on a machine with the same key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(public_key().read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(b64decode(signature, validate=True), text.encode(), ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def signature(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.sig")


def every_file() -> "Config":
    """model-signing would leave out what git keeps in a folder."""
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)


def fault_of(folder: Path) -> str:
    """What is wrong with a folder that did not verify, in words that name the file."""
    file = signature(folder)
    try:
        bundle = json.loads(file.read_bytes())
        signed_with = bundle["verificationMaterial"]["publicKey"]["hint"]
        statement = json.loads(b64decode(bundle["dsseEnvelope"]["payload"]))
        signed = {entry["name"]: entry["digest"] for entry in statement["predicate"]["resources"]}
    except (ValueError, LookupError, TypeError):
        return f"{file.name} is not a signature"
    if signed_with != fingerprint(public_key()):
        return f"{file.name} was made with another key than {public_key()}"
    if fault := not_plain(folder):
        return fault
    actual = {entry.identifier: entry.digest.digest_hex for entry in every_file().hash(folder).resource_descriptors()}
    changed = {name for name in signed.keys() & actual.keys() if signed[name] != actual[name]}
    faults = {"changed": changed, "missing": signed.keys() - actual.keys(), "added": actual.keys() - signed.keys()}
    differences = "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in faults.items() if names)
    return differences or f"{file.name} was changed"


def not_plain(folder: Path) -> str:
    if not folder.is_dir():
        return "it is not a folder"
    for path in (folder, *sorted(folder.rglob("*"))):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            return f"{path.relative_to(folder.parent)} is a link or a device, not a file"
    return ""


def fingerprint(key: Path) -> str:
    """SHA-256 of a public key as PEM: what a bundle names it by."""
    import hashlib

    return hashlib.sha256(key.read_bytes()).hexdigest()


def public_key() -> Path:
    """The file of this home's public key (PEM): all that is needed to verify."""
    file = settings().home / "signing.pub"
    if not file.exists():
        make_pair()
    return file


def private_key() -> Path:
    """The file of this home's private key (NIST P-256, PEM, 0600).

    Raises:
        WeaverError: only the public key is here: what verifies with it is signed elsewhere.
    """
    file = settings().secrets / "signing.key"
    if not file.exists():
        make_pair()
    return file


def make_pair() -> None:
    """The private key first: one that was killed before its public half stood beside it gets that one now."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
    )

    secret, public = settings().secrets / "signing.key", settings().home / "signing.pub"
    settings().secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file_lock(settings().home / "signing.lock", "making the signing key"):
        if not secret.exists():
            if public.exists():
                raise WeaverError(
                    f"{secret} is missing, and {public} without it only verifies",
                    "Restore it; or remove the public key too, and make again what was signed with it.",
                )
            new = ec.generate_private_key(ec.SECP256R1())
            with atomic_write(secret) as temporary:
                temporary.touch(mode=0o600)
                temporary.write_bytes(new.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        if not public.exists():
            key = load_pem_private_key(secret.read_bytes(), password=None).public_key()
            with atomic_write(public) as temporary:
                temporary.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
