"""Signing keys: Ed25519 in PEM files, readable by their owner alone, made where they are missing.

Root and targets keys may be taken offline; `online.pem` signs snapshots and timestamps and stays on the server.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from stressvision_store.refusals import ConflictError

ROOT_PATTERN: Final = "root*.pem"
TARGETS_FILE: Final = "targets.pem"
ONLINE_FILE: Final = "online.pem"


class KeyFileError(ConflictError):
    """A key file that is missing, unreadable, or no Ed25519 key; the message never holds what is in it."""


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What this process may sign with. Without `targets`, models are signed on an operator's machine."""

    online: CryptoSigner | None
    targets: CryptoSigner | None


def make_key(file: Path, passphrase: str | None = None) -> CryptoSigner:
    """A new key in a new file with mode 0600. Raise `FileExistsError` when there is one."""
    key = Ed25519PrivateKey.generate()
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    return CryptoSigner(key)


def read_key(file: Path, ask_passphrase: Callable[[], str] | None = None) -> CryptoSigner:
    """The key in `file`; `ask_passphrase` is called when it is locked. Raise `KeyFileError`."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise KeyFileError(f"the key {file} cannot be read: {error.strerror}") from error
    locked = b"ENCRYPTED" in content
    if locked and ask_passphrase is None:
        raise KeyFileError(f"the key {file} has a passphrase, and nobody is here to type it")
    passphrase = ask_passphrase().encode() if locked and ask_passphrase is not None else None
    try:
        key = load_pem_private_key(content, passphrase)
    except (ValueError, TypeError):
        hint = "the passphrase is wrong or the file is damaged" if locked else "it is no private key in PEM"
        raise KeyFileError(f"the key {file} cannot be used: {hint}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"the key {file} is a {type(key).__name__}; use an Ed25519 key")
    return CryptoSigner(key)


def read_server_keys(folder: Path) -> ServerKeys:
    """What lies in `folder` of keys that a server uses; a file that is not there is a key that is elsewhere."""
    online, targets = folder / ONLINE_FILE, folder / TARGETS_FILE
    return ServerKeys(
        read_key(online) if online.exists() else None,
        read_key(targets) if targets.exists() else None,
    )


def root_files(folder: Path) -> list[Path]:
    """The root keys that lie in `folder`, in the order of their names."""
    return sorted(folder.glob(ROOT_PATTERN))
