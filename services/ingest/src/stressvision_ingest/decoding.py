"""Read JSON that strangers send, and say what is wrong with it in words that can be stored and shown."""

import re
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from stressvision_contracts.events import RejectReason
from stressvision_ingest.errors import BadEnvelopeError, NotJsonError

T = TypeVar("T")

MAX_DETAIL: Final = 200
MAX_ID: Final = 64

CLOCK_YEARS: Final = range(1900, 2200)
"""What a device's clock may show, however wrong it is; a start in 1969 is what one without a battery tells."""

_ANYTHING: Final = msgspec.json.Decoder()


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Raise `NotJsonError`, or `BadEnvelopeError` naming the field. JSON knows no NaN."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        _refuse_no_json(body)  # the decoder stops at the first fault, which may not be the worst
        raise BadEnvelopeError(printable(str(error)), field=_field_of(str(error))) from None
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"the body is no JSON: {printable(str(error))}") from None


def check_clock(**times: datetime | None) -> None:
    """Raise `BadEnvelopeError` for a time that no clock shows: Postgres keeps some that nobody can read again."""
    for name, time in times.items():
        if time is not None and time.year not in CLOCK_YEARS:
            raise BadEnvelopeError(
                f"{name} {time.isoformat()} is shown by no clock; it may be wrong, but within "
                f"{CLOCK_YEARS.start} to {CLOCK_YEARS.stop - 1}",
                field=f"$.{name}",
            )


def _refuse_no_json(body: bytes) -> None:
    try:
        _ANYTHING.decode(body)
    except msgspec.ValidationError:
        return  # JSON, but a number or key that Python cannot hold
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"the body is no JSON: {printable(str(error))}") from None


def printable(text: str) -> str:
    """Of words that a device had a hand in: what Postgres and JSON can hold, and no more than fits a line."""
    return text.encode(errors="replace").decode().replace("\0", "\\u0000")[:MAX_DETAIL]


def _field_of(message: str) -> str:
    """The path of the field, which msgspec puts at the end of its message."""
    found = re.search(r"at `(\$[^`]*)`$", message)
    return found.group(1) if found else "$"


_REASONS: Final[tuple[tuple[str, RejectReason], ...]] = (
    (r"unknown field", "unknown_field"),
    (r"enum value .* - at (?:`key` in `\$\.(?:seconds|mean_probability)`|`\$\.condition`)$", "unknown_label"),
    (r"at `\$\.(?:event_id|episode_id)`$", "bad_id"),
    (r"at `\$\.(?:started_at|ended_at)`$", "bad_time"),
    (r"out of range|[<>]=? |length|regex|enum value", "bad_value"),
)
"""What msgspec says when one event is wrong, first match wins; anything else is malformed."""


def reason_of(error: Exception, body: bytes) -> RejectReason:
    if isinstance(error, UnicodeDecodeError) or b"\\u0000" in body:
        return "bad_text"
    message = str(error)
    return next((reason for pattern, reason in _REASONS if re.search(pattern, message)), "malformed")


def identity(body: bytes) -> tuple[str | None, int | None]:
    """The id and the sequence number of something that is no event, as far as it has them."""
    try:
        thing: Any = _ANYTHING.decode(body)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(thing, dict):
        return None, None
    event_id, seq = thing.get("event_id"), thing.get("seq")
    return (
        printable(event_id)[:MAX_ID] if isinstance(event_id, str) else None,
        seq if isinstance(seq, int) and not isinstance(seq, bool) and 0 <= seq < 2**63 else None,
    )
