"""Models are signed where they are made and verified wherever they are loaded: a changed byte is refused.

The key is made on this machine at first use and lies among the secrets; a signature is a sigstore bundle beside its
folder (`<folder>.sig`), as the OpenSSF model-signing specification has it. Whoever holds only the public key
(`signing.pub`) can check it with `model_signing verify key`.
"""

from pathlib import Path

from pipelines.errors import WeaverError
from pipelines.files import only_one, whole
from pipelines.settings import settings


def sign(folder: Path) -> Path:
    """Sign every file of a folder; returns the signature's file, which stands beside it."""
    from model_signing import signing

    target = signature(folder)
    with whole(target) as temporary:
        signing.Config().use_elliptic_key_signer(private_key=private_key()).sign(folder, temporary)
    return target


def verify(folder: Path) -> None:
    """
    Raises:
        WeaverError: the folder has no signature, another key made it, or a file was changed, added or removed since.
    """
    from model_signing import verifying

    if not signature(folder).is_file():
        raise WeaverError(f"{folder} is not signed: {signature(folder).name} is missing", REMEDY)
    try:
        private_key()  # makes the pair where there is none, so that a foreign folder fails as foreign
        verifying.Config().use_elliptic_key_verifier(public_key=public_key()).verify(folder, signature(folder))
    except ValueError as error:  # what model-signing raises for every mismatch, and for a bundle that is none
        raise WeaverError(f"{folder} is not what was signed, and is not loaded: {error}", REMEDY) from error


REMEDY = "Do not use it. Restore it from a backup, or remove it and run the stage that makes it again."


def signature(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.sig")


def public_key() -> Path:
    return settings().secrets / "signing.pub"


def private_key() -> Path:
    """The file of this home's private key (NIST P-256, PEM, 0600), made together with its public half at first use."""
    file = settings().secrets / "signing.key"
    if not (file.exists() and public_key().exists()):
        with only_one(settings().home / "signing.lock", "making the signing key"):
            if not file.exists():
                make(file)
            publish(file)
    return file


def make(file: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    settings().secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with whole(file) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_bytes(pem)


def publish(file: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    key = load_pem_private_key(file.read_bytes(), password=None).public_key()
    with whole(public_key()) as temporary:
        temporary.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
