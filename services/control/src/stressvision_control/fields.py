"""The kinds of value that bodies and queries are made of."""

import re
import unicodedata
from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

MAX_ID = 2**31 - 1
EARLIEST, LATEST = 2000, 2100
LOCAL_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:00)?$"


class Body(BaseModel):
    """What a caller sends. A field nobody knows is a mistake, not a wish for later."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """What a caller is shown."""

    model_config = ConfigDict(from_attributes=True)


def _printable(text: str) -> str:
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
        raise ValueError("control characters are not allowed")
    return unicodedata.normalize("NFC", text)


def _printable_lines(text: str) -> str:
    return "\n".join(_printable(line.rstrip()) for line in text.replace("\t", " ").splitlines())


def _plausible(day: date) -> date:
    if not EARLIEST <= day.year < LATEST:
        raise ValueError(f"the year must lie from {EARLIEST} to {LATEST - 1}")
    return day


def _in_utc(at: datetime) -> datetime:
    _plausible(at)
    return at.astimezone(UTC)


def _local_time(text: object) -> time:
    """Without this, pydantic would take a number for seconds since midnight."""
    if not isinstance(text, str) or re.match(LOCAL_TIME, text) is None:
        raise ValueError("write HH:MM, in the site's time zone")
    return time.fromisoformat(text)


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_printable)
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=10, max_length=500), AfterValidator(_printable)
]
"""Kept in the audit, and so for years: it names no person but by pseudonym."""
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), AfterValidator(_printable_lines)
]
"""What a person has to say, over several lines where it is long."""
Badge = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), AfterValidator(_printable)
]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
PathId = Annotated[int, Path(ge=1, le=MAX_ID)]
Day = Annotated[date, AfterValidator(_plausible)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
LocalTime = Annotated[
    time,
    BeforeValidator(_local_time, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": LOCAL_TIME, "examples": ["06:00"]}),
]
Weekday = Annotated[int, Field(ge=1, le=7)]
