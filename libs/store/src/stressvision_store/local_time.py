"""Local time at a site: its time zone, and the hours of a shift, which repeat by weekday and may run over midnight."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from functools import cache
from itertools import pairwise
from zoneinfo import available_timezones

from stressvision_store.refusals import InvalidError

DAY_S = 86_400
WEEK_S = 7 * DAY_S
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Break:
    starts: time
    ends: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When a shift is: `weekdays` are the ISO days on which it starts; `ends` not after `starts` is the next day."""

    starts: time
    ends: time
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    breaks: tuple[Break, ...] = ()


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def check_time_zone(name: str) -> None:
    """Refuse what is no IANA name; "EST" and "localtime" are, by accident of the data, but say too little."""
    if name not in _zone_names() or ("/" not in name and name != "UTC"):
        raise InvalidError(
            f"{name!r} is no IANA time zone; write Area/City, for example America/Lima", field="time_zone"
        )


def check_hours(hours: Hours) -> Hours:
    """The same hours in their one order of days and breaks; refuse what cannot be."""
    edges = [("breaks", at) for each in hours.breaks for at in (each.starts, each.ends)]
    for name, at in (("starts", hours.starts), ("ends", hours.ends), *edges):
        if at.second or at.microsecond or at.tzinfo is not None:
            raise InvalidError(f"{at} is no whole minute of local time; write HH:MM", field=name)
    if not hours.weekdays or not set(hours.weekdays) <= set(range(1, 8)):
        raise InvalidError("weekdays are one or more of 1 (Monday) to 7 (Sunday)", field="weekdays")
    return Hours(
        starts=hours.starts,
        ends=hours.ends,
        weekdays=tuple(sorted(set(hours.weekdays))),
        breaks=_check_breaks(hours),
    )


def length_s(starts: time, ends: time) -> int:
    """Seconds of local time from one to the other; equal times are a whole day."""
    return (_seconds(ends) - _seconds(starts) - 1) % DAY_S + 1


def offset_s(start: time, at: time) -> int:
    """Seconds of local time from `start` until the clock next shows `at`, less than a day."""
    return (_seconds(at) - _seconds(start)) % DAY_S


def overlap_day(one_shift: Hours, other: Hours) -> int | None:
    """The ISO day on which the first begins an occurrence that meets one of the other; None when none does."""
    for day, start, end in _occurrences(one_shift):
        for _, other_start, other_end in _occurrences(other):
            for week in (-WEEK_S, 0, WEEK_S):
                if start < other_end + week and other_start + week < end:
                    return day
    return None


def _occurrences(hours: Hours) -> Iterator[tuple[int, int, int]]:
    for day in hours.weekdays:
        start = (day - 1) * DAY_S + _seconds(hours.starts)
        yield day, start, start + length_s(hours.starts, hours.ends)


def _check_breaks(hours: Hours) -> tuple[Break, ...]:
    length = length_s(hours.starts, hours.ends)
    breaks = sorted(hours.breaks, key=lambda each: offset_s(hours.starts, each.starts))
    for each in breaks:
        start = offset_s(hours.starts, each.starts)
        if start + length_s(each.starts, each.ends) > length:
            raise InvalidError(f"the break {_text(each)} does not lie inside the shift {_text(hours)}", field="breaks")
    for earlier, later in pairwise(breaks):
        if offset_s(hours.starts, earlier.starts) + length_s(earlier.starts, earlier.ends) > offset_s(
            hours.starts, later.starts
        ):
            raise InvalidError(f"the breaks {_text(earlier)} and {_text(later)} overlap", field="breaks")
    return tuple(breaks)


def _text(span: Break | Hours) -> str:
    return f"{span.starts:%H:%M}–{span.ends:%H:%M}"


def _seconds(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
