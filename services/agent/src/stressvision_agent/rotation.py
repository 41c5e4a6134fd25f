"""A new key for this device: made beside the old one, made known to the server, then put in its place.

The server lets the old key speak until the new one has been used, and the new one is used only from its place. So a
cut at any point leaves a key that can speak; a new key that still waits is made known again.
"""

import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stressvision_agent.client import Answer, DeviceClient
from stressvision_agent.files import sync_folder
from stressvision_agent.identity import (
    Identity,
    load_identity,
    load_key,
    make_key,
    public_key_text,
    rotated_path,
)
from stressvision_agent.metrics import KEY_ROTATIONS
from stressvision_contracts.fleet import KEY_AUDIENCE, KEY_CLAIM, KeyRotation

log = logging.getLogger(__name__)

REFUSALS: Final = frozenset({400, 403, 409, 422})
"""With which the server says no to this very key; another one may do."""


class KeptIdentity:
    """This device as its files say; another process may put a new key there. May be used from every thread."""

    def __init__(self, key_file: Path, enrolled_file: Path) -> None:
        """Raise `IdentityError`."""
        self._files = (key_file, enrolled_file)
        self.identity = load_identity(key_file, enrolled_file)
        self.place = rotated_path(key_file, enrolled_file)

    @property
    def waiting(self) -> Path:
        """Where a new key waits until the server knows it."""
        return self.place.with_name(self.place.name + ".next")

    def assertion(self, now: datetime) -> str:
        return self.identity.assertion(now)

    def refresh(self) -> None:
        """Read the key again. Raise `IdentityError`."""
        self.identity = load_identity(*self._files)

    def new_key(self) -> Ed25519PrivateKey:
        """Return the key that waits, made if there is none; it belongs to whom the folder belongs. Raise `OSError`."""
        if self.waiting.exists():
            return load_key(self.waiting)
        key = make_key(self.waiting)
        if os.geteuid() == 0:
            owner = self.waiting.parent.stat()
            os.chown(self.waiting, owner.st_uid, owner.st_gid)
        return key

    def promote(self) -> None:
        """Let the key that waits be this device's. Raise `OSError`."""
        self.waiting.replace(self.place)
        sync_folder(self.place.parent)
        self.refresh()


class Rotation:
    """Belongs to the thread whose `client` it is given."""

    def __init__(self, kept: KeptIdentity, client: DeviceClient, now: Callable[[], datetime]) -> None:
        self._kept, self._client, self._now = kept, client, now

    def step(self, *, asked: bool) -> bool:
        """Rotate when it is `asked` for or was begun; True when a new key is in use. Raise `OSError`."""
        if not asked and not self._kept.waiting.exists():
            return False
        key = self._kept.new_key()
        answer = self._make_known(key)
        if httpx.codes.is_success(answer.status) or self._is_all_there_is(key, answer):
            self._kept.promote()
            used = self._client.fetch_token().status == httpx.codes.OK
            KEY_ROTATIONS.labels(outcome="rotated").inc()
            log.warning("this device has a new key", extra={"used": used})
            return True
        if answer.status in REFUSALS:
            self._kept.waiting.unlink()
            KEY_ROTATIONS.labels(outcome="refused").inc()
            log.error("new key refused", extra={"status": answer.status, "answer": answer.text})
        else:
            KEY_ROTATIONS.labels(outcome="failed").inc()
        return False

    def _is_all_there_is(self, key: Ed25519PrivateKey, answer: Answer) -> bool:
        """Whether the server knows the old key no more, but does know the new one."""
        if answer.status != httpx.codes.UNAUTHORIZED or self._client.fetch_token().status != httpx.codes.UNAUTHORIZED:
            return False
        old = self._kept.identity
        self._kept.identity = Identity(key, old.enrolled)
        known = self._client.fetch_token().status == httpx.codes.OK
        self._kept.identity = old
        return known

    def _make_known(self, key: Ed25519PrivateKey) -> Answer:
        old, now, public_key = self._kept.identity, self._now(), public_key_text(key)
        proof = Identity(key, old.enrolled).assertion(now, KEY_AUDIENCE)
        old_proof = old.assertion(now, KEY_AUDIENCE, {KEY_CLAIM: public_key})
        return self._client.post_key(KeyRotation(public_key=public_key, proof=proof, old_proof=old_proof))
