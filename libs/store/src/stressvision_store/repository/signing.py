"""Signing targets where the targets key lies: on an operator's machine, which trusts no server."""

from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from stressvision_store.refusals import InvalidError
from stressvision_store.repository.metadata import read, sign, verify, write
from stressvision_store.repository.publishing import next_targets


def sign_next(
    current: bytes,
    signer: CryptoSigner,
    *,
    add: TargetFile | None = None,
    remove: str | None = None,
    root: bytes | None = None,
    now: datetime | None = None,
) -> bytes:
    """What follows the targets `current`, signed. `root`: the trusted root, needed when another key signed `current`.

    Raise `InvalidError` when `current` is not what somebody with a key signed: then a server slipped targets in.
    """
    targets = read(current, Targets)
    if root is not None:
        verify(read(root, Root).signed, targets)
    elif not _signed_by(targets, signer):
        raise InvalidError(
            f"the targets in force (version {targets.signed.version}) are not signed by the key "
            f"{signer.public_key.keyid[:12]}; if another key of yours signed them, give the trusted root (--root FILE)"
        )
    return write(sign(next_targets(targets.signed, add=add, remove=remove, now=now), [signer]))


def _signed_by(targets: Metadata[Targets], signer: CryptoSigner) -> bool:
    signature = targets.signatures.get(signer.public_key.keyid)
    if signature is None:
        return False
    try:
        signer.public_key.verify_signature(signature, targets.signed_bytes)
    except (UnverifiedSignatureError, UnsupportedAlgorithm):
        return False
    return True
