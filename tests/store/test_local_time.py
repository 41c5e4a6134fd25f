"""Hours of shifts: what is refused, and when two of them meet."""

from datetime import UTC, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_store.local_time import Break, Hours, check_hours, check_time_zone, length_s, offset_s, overlap_day
from stressvision_store.refusals import InvalidError

minutes = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
weekdays = st.sets(st.integers(1, 7), min_size=1).map(lambda days: tuple(sorted(days)))
hours = st.builds(Hours, starts=minutes, ends=minutes, weekdays=weekdays)


def quarters(shift: Hours) -> set[int]:
    """The quarters of an hour of a week, from Monday 00:00, that a shift covers."""
    start = shift.starts.hour * 4 + shift.starts.minute // 15
    n = length_s(shift.starts, shift.ends) // 900
    return {((day - 1) * 96 + start + k) % (7 * 96) for day in shift.weekdays for k in range(n)}


@given(hours, hours)
def test_two_shifts_overlap_where_they_share_a_quarter_of_an_hour(first: Hours, second: Hours) -> None:
    assert (overlap_day(first, second) is not None) == bool(quarters(first) & quarters(second))
    assert (overlap_day(first, second) is None) == (overlap_day(second, first) is None)


@given(hours, minutes, minutes)
def test_a_break_is_taken_where_it_lies_inside_the_shift(shift: Hours, starts: time, ends: time) -> None:
    begin = offset_s(shift.starts, starts)
    inside = begin + length_s(starts, ends) <= length_s(shift.starts, shift.ends)
    with_break = Hours(starts=shift.starts, ends=shift.ends, weekdays=shift.weekdays, breaks=(Break(starts, ends),))
    if inside:
        assert check_hours(with_break) == with_break
    else:
        with pytest.raises(InvalidError, match="does not lie inside"):
            check_hours(with_break)


def test_a_night_shift_ends_on_the_next_day_and_equal_times_are_a_whole_day() -> None:
    assert length_s(time(22), time(6)) == 8 * 3600
    assert length_s(time(6), time(14)) == 8 * 3600
    assert length_s(time(6), time(6)) == 24 * 3600


def test_a_night_meets_the_next_morning_and_sunday_meets_monday() -> None:
    night = Hours(starts=time(22), ends=time(6), weekdays=(7,))
    assert overlap_day(night, Hours(starts=time(5), ends=time(13), weekdays=(1,))) == 7
    assert overlap_day(night, Hours(starts=time(6), ends=time(13), weekdays=(1,))) is None
    assert overlap_day(Hours(starts=time(5), ends=time(13), weekdays=(1,)), night) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"starts": time(6, 0, 1)}, "no whole minute"),
        ({"ends": time(6, tzinfo=UTC)}, "no whole minute"),
        ({"weekdays": ()}, "weekdays"),
        ({"weekdays": (0, 1)}, "weekdays"),
        ({"breaks": (Break(time(9), time(10)), Break(time(9, 30), time(11)))}, "overlap"),
        ({"breaks": (Break(time(13, 30), time(14, 30)),)}, "does not lie inside"),
        ({"breaks": (Break(time(9), time(9)),)}, "does not lie inside"),
        ({"breaks": (Break(time(9, 0, 30), time(10)),)}, "no whole minute"),
    ],
)
def test_hours_that_cannot_be_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        check_hours(Hours(**{"starts": time(6), "ends": time(14)} | changes))  # type: ignore[arg-type]


def test_breaks_of_a_night_stand_in_the_order_in_which_they_come() -> None:
    early, late = Break(time(23), time(23, 30)), Break(time(3), time(3, 30))
    assert check_hours(Hours(starts=time(22), ends=time(6), breaks=(late, early))).breaks == (early, late)


@pytest.mark.parametrize("name", ["America/Lima", "Europe/Madrid", "UTC", "Etc/GMT+5"])
def test_iana_names_are_time_zones(name: str) -> None:
    check_time_zone(name)


@pytest.mark.parametrize("name", ["", "Lima", "EST", "localtime", "america/lima", "../etc/passwd", "UTC+5"])
def test_anything_else_is_none(name: str) -> None:
    with pytest.raises(InvalidError, match="IANA"):
        check_time_zone(name)
