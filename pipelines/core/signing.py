"""Sign models when they are created, and verify them wherever they are loaded.

The key pair is generated on this machine at its first use: the private key in the secrets folder, the public key in
WEAVER_HOME. A signature is a sigstore bundle beside its folder (`<folder>.sig`), as the OpenSSF model-signing
specification describes. The public key (`signing.pub`) is enough to check it, with `model_signing verify key` or with
`verify` below.
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

REMEDY = "Do not use it. Restore it from a backup, or remove it and run the stage that creates it again."


def sign(folder: Path) -> Path:
    """Sign every file of a folder. Returns the signature's file, which is beside the folder.

    Raises:
        WeaverError: the folder does not exist, or contains anything but files and folders, such as a link.
    """
    from model_signing import signing

    if fault := find_irregular_file(folder):
        raise WeaverError(f"{folder} cannot be signed: {fault}", "Replace it by the file itself, and run again.")
    signer = (
        signing.Config().set_hashing_config(hashing_config()).use_elliptic_key_signer(private_key=private_key_file())
    )
    with atomic_write(signature_file(folder)) as temporary:
        signer.sign(folder, temporary)
    return signature_file(folder)


def verify(folder: Path) -> None:
    """Check a folder against its signature.

    Raises:
        WeaverError: the signature is missing or was made with another key, or a file was changed, added or removed
            after signing; names the files.
    """
    from cryptography.exceptions import InvalidSignature
    from model_signing import verifying

    if not signature_file(folder).is_file():
        raise WeaverError(f"{folder} is not signed: {signature_file(folder).name} is missing", REMEDY)
    verifier = (
        verifying.Config().set_hashing_config(hashing_config()).use_elliptic_key_verifier(public_key=public_key_file())
    )
    try:
        verifier.verify(folder, signature_file(folder))
    # On a damaged bundle model-signing raises whatever its parsing raises.
    except (InvalidSignature, ValueError, LookupError, TypeError, AttributeError) as error:
        raise WeaverError(f"{folder} does not match its signature: {describe_fault(folder)}", REMEDY) from error


def sign_text(text: str) -> str:
    """A signature of a text with this home's key (ECDSA P-256, SHA-256): base64."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private_key_file().read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return b64encode(key.sign(text.encode(), ec.ECDSA(SHA256()))).decode()


def verify_text(text: str, signature: str) -> bool:
    """Whether `sign_text` made this signature, here or on a machine with the same key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(public_key_file().read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(b64decode(signature, validate=True), text.encode(), ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def signature_file(folder: Path) -> Path:
    """Where the signature of a folder is."""
    return folder.with_name(f"{folder.name}.sig")


def hashing_config() -> "Config":
    """Hash every file; by default model-signing leaves out git's own."""
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)


def describe_fault(folder: Path) -> str:
    """What is wrong with a folder that does not match its signature; names the files."""
    file = signature_file(folder)
    try:
        bundle = json.loads(file.read_bytes())
        key_hint = bundle["verificationMaterial"]["publicKey"]["hint"]
        statement = json.loads(b64decode(bundle["dsseEnvelope"]["payload"]))
        signed = {entry["name"]: entry["digest"] for entry in statement["predicate"]["resources"]}
    except (ValueError, LookupError, TypeError):
        return f"{file.name} is not a signature"
    if key_hint != key_fingerprint(public_key_file()):
        return f"{file.name} was made with another key than {public_key_file()}"
    if fault := find_irregular_file(folder):
        return fault
    actual = {
        entry.identifier: entry.digest.digest_hex for entry in hashing_config().hash(folder).resource_descriptors()
    }
    changed = {name for name in signed.keys() & actual.keys() if signed[name] != actual[name]}
    faults = {"changed": changed, "missing": signed.keys() - actual.keys(), "added": actual.keys() - signed.keys()}
    differences = "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in faults.items() if names)
    return differences or f"{file.name} was changed"


def find_irregular_file(folder: Path) -> str:
    """What a folder contains that cannot be signed, as a clause; empty if nothing."""
    if not folder.is_dir():
        return "it is not a folder"
    for path in (folder, *sorted(folder.rglob("*"))):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            return f"{path.relative_to(folder.parent)} is a link or a device, not a file"
    return ""


def key_fingerprint(key: Path) -> str:
    """SHA-256 of a public key's PEM file, by which a bundle names it."""
    import hashlib

    return hashlib.sha256(key.read_bytes()).hexdigest()


def public_key_file() -> Path:
    """The file of this home's public key (PEM), which is enough to verify."""
    file = settings().home / "signing.pub"
    if not file.exists():
        generate_keys()
    return file


def private_key_file() -> Path:
    """The file of this home's private key (NIST P-256, PEM, 0600).

    Raises:
        WeaverError: only the public key exists here; models are signed on another machine.
    """
    file = settings().secrets / "signing.key"
    if not file.exists():
        generate_keys()
    return file


def generate_keys() -> None:
    """Generate the key pair, the private key first; if only the public key is missing, write that.

    Raises:
        WeaverError: only the public key exists.
    """
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
    with file_lock(settings().home / "signing.lock", "generating the signing key"):
        if not secret.exists():
            if public.exists():
                raise WeaverError(
                    f"{secret} is missing; {public} alone can verify, but not sign",
                    "Restore it. Or remove the public key too, and create again what was signed with it.",
                )
            new = ec.generate_private_key(ec.SECP256R1())
            with atomic_write(secret) as temporary:
                temporary.touch(mode=0o600)
                temporary.write_bytes(new.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        if not public.exists():
            key = load_pem_private_key(secret.read_bytes(), password=None).public_key()
            with atomic_write(public) as temporary:
                temporary.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
