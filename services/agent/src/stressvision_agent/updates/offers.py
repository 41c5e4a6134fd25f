"""Models that a person at the device offers, from a folder: the running agent finds the offer and installs the model.

Such an offer outranks the server's wish until the server wishes something else than it did then.
"""

import logging
from pathlib import Path

import msgspec

from stressvision_agent.files import write_whole
from stressvision_agent.updates.journal import Offer
from stressvision_agent.updates.metrics import UPDATE_FAILURES
from stressvision_contracts.fleet import DesiredModel

log = logging.getLogger(__name__)


class LocalOffer(msgspec.Struct, frozen=True, kw_only=True):
    """`instead_of` is the digest that the server wished for when the offer was made."""

    offer: Offer
    instead_of: str | None


class Offers:
    """Lies in `file`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def make(self, offer: Offer, wished: DesiredModel | None) -> None:
        """Keep `offer` for the agent. Raise `OSError`."""
        local = LocalOffer(offer=offer, instead_of=wished.digest if wished else None)
        write_whole(self._file, msgspec.json.encode(local))

    def look(self, wished: DesiredModel | None) -> Offer | None:
        """Return what holds: a person's offer, else the server's wish."""
        local = self._read()
        if local is not None and local.instead_of == (wished.digest if wished else None):
            return local.offer
        return Offer(version=wished.version, digest=wished.digest) if wished else None

    def holding(self, wished: DesiredModel | None) -> Offer | None:
        """As `look`, and a person's offer that the server has overruled is forgotten."""
        local = self._read()
        if local is not None and local.instead_of != (wished.digest if wished else None):
            self._file.unlink(missing_ok=True)
        return self.look(wished)

    def _read(self) -> LocalOffer | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=LocalOffer)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError):
            UPDATE_FAILURES.labels(reason="journal").inc()
            log.exception("the offer made at this device cannot be read")
            return None
