"""Who this device is: an Ed25519 key that never leaves it, and the number the server gave it."""

import base64
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from stressvision_agent.files import write_whole
from stressvision_contracts.fleet import ASSERTION_AUDIENCE

ASSERTION_LIFETIME = timedelta(seconds=60)
CREDENTIAL_NAME = "device.key"
ROTATED_NAME = "rotated.key"


class IdentityError(RuntimeError):
    """The device cannot prove who it is; the message says which file and what to do."""


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """What enrolment left behind: the device's number and the server that gave it."""

    device_id: int
    server: str


@dataclass(frozen=True, slots=True)
class Identity:
    key: Ed25519PrivateKey
    enrolled: Enrolled

    def assertion(
        self, now: datetime, audience: str = ASSERTION_AUDIENCE, more: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """An RFC 7523 client assertion signed by the device, good for a minute from `now`, with `more` claims."""
        name = str(self.enrolled.device_id)
        claims = {
            "iss": name,
            "sub": name,
            "aud": audience,
            "iat": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIFETIME).timestamp()),
            "jti": uuid.uuid4().hex,
            **more,
        }
        return jwt.encode(claims, self.key, algorithm="EdDSA")

    def refresh(self) -> None:
        """Its key was given, there is nothing to read again."""


def public_key_text(key: Ed25519PrivateKey) -> str:
    """The raw 32 bytes of the public key, base64url without padding."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def load_or_make_key(path: Path) -> Ed25519PrivateKey:
    """Read the private key at `path`, or make one there that only its owner may read."""
    if path.exists():
        return load_key(path)
    return make_key(path)


def make_key(path: Path) -> Ed25519PrivateKey:
    """Make a private key at `path` that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    write_whole(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read the private key at `path`; raise `IdentityError` when it is absent, open to others, or no Ed25519 key.

    systemd may let the unit's user read its copy by an ACL, whose mask then stands in the group's bits.
    """
    forbidden = 0o007 if path == _credential() else 0o077
    try:
        mode, data = path.stat().st_mode & 0o777, path.read_bytes()
    except OSError as error:
        raise IdentityError(f"device key {path} cannot be read ({error.strerror}): run `enroll`") from error
    if mode & forbidden:
        raise IdentityError(f"device key {path} has mode {mode:o}, others could read it: chmod 600 {path}")
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IdentityError(f"device key {path} is no private key: remove it and enrol again") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityError(f"device key {path} is no Ed25519 key: remove it and enrol again")
    return key


def key_path(configured: Path) -> Path:
    """systemd's copy of the key where the unit has LoadCredential, else the file that the settings name."""
    copy = _credential()
    return copy if copy is not None and copy.exists() else configured


def rotated_path(configured: Path, enrolled_file: Path) -> Path:
    """Where a key that replaces the first one lies: in its place, or in the state folder when that is not the agent's.

    The file that the settings name may be root's, and systemd's copy of it cannot be written.
    """
    return configured if configured.parent == enrolled_file.parent else enrolled_file.with_name(ROTATED_NAME)


def _credential() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder, CREDENTIAL_NAME) if folder else None


def load_enrolled(path: Path) -> Enrolled | None:
    """What enrolment left at `path`, None when the device never enrolled."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Enrolled)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise IdentityError(f"{path} cannot be read ({error}): enrol again") from error


def save_enrolled(path: Path, enrolled: Enrolled) -> None:
    write_whole(path, msgspec.json.encode(enrolled))


def load_identity(key_file: Path, enrolled_file: Path) -> Identity:
    """Raise `IdentityError` when the device has not enrolled."""
    enrolled = load_enrolled(enrolled_file)
    if enrolled is None:
        raise IdentityError(
            f"this device is not enrolled ({enrolled_file} is missing): run `stressvision-agent enroll`"
        )
    rotated = rotated_path(key_file, enrolled_file)
    return Identity(load_key(rotated if rotated.exists() else key_path(key_file)), enrolled)
