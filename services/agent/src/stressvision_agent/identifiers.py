"""Event ids that sort by time (UUIDv7, RFC 9562 section 5.7); Python has them only from 3.14."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7(at: datetime) -> UUID:
    """A fresh id carrying the millisecond of `at`; a time before 1970 counts as 1970."""
    ms = min(max((at - _EPOCH) // timedelta(milliseconds=1), 0), (1 << 48) - 1)
    value = ms << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def time_of(event_id: UUID) -> datetime:
    """The millisecond that `uuid7` put into `event_id`."""
    return _EPOCH + timedelta(milliseconds=event_id.int >> 80)
