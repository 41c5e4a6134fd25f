"""What travels about the audit and its chain. Hashes are in hexadecimal."""

from datetime import datetime
from typing import Any

from stressvision_control.fields import View


class EntryView(View):
    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class LinkView(View):
    """A place in the chain; `at` and the rest are null where the entry is gone.

    `hash` is SHA-256 over the hash of the place before, then the SHA-256 of each of: `entry_id`, `at` in whole
    microseconds since 1970, `actor`, `action`, `subject`, `detail` (here the very text that is hashed), all as UTF-8.
    """

    place: int
    entry_id: int
    hash: str
    at: datetime | None
    actor: str | None
    action: str | None
    subject: str | None
    detail: str | None


class HeadView(View):
    """Where the chain ends. `dropped_*`: the last entry that is gone for its age. `loose`: an entry outside it."""

    place: int
    hash: str
    dropped_place: int
    dropped_hash: str
    loose: int | None
