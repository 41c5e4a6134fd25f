"""Times come out right whatever the device's clock said, and a healthy clock keeps its stamps."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stressvision_contracts.events import BatchEnvelope
from stressvision_ingest.clocks import TOLERANCE_MS, correction, to_us

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND_US = 1_000_000
offsets = st.timedeltas(min_value=timedelta(days=-25_000), max_value=timedelta(days=60_000))


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


@given(offset=offsets, uptime_s=st.floats(60, 1e6), age_s=st.floats(0, 59), known=st.booleans())
def test_the_monotonic_clock_puts_any_wrong_clock_right(offset, uptime_s, age_s, known):
    sent = NOON + offset
    batch = BatchEnvelope(
        sent_at=sent,
        boot_id="b",
        sent_monotonic_s=uptime_s,
        boot_started_at=NOON - seconds(uptime_s) if known else None,
    )
    stamped_us = to_us(sent - seconds(age_s))
    shift_ms = correction(batch, to_us(NOON)).shift_ms(stamped_us, uptime_s - age_s)
    assert abs(stamped_us + shift_ms * 1000 - to_us(NOON - seconds(age_s))) <= TOLERANCE_MS * 1000


def test_a_step_between_event_and_sending_does_not_matter():
    batch = BatchEnvelope(sent_at=NOON, boot_id="b", sent_monotonic_s=1_000.0)  # set right before sending
    stamped_us = to_us(datetime(1970, 1, 1, 0, 10, tzinfo=UTC))  # but wrong when the event was stamped
    shift_ms = correction(batch, to_us(NOON)).shift_ms(stamped_us, 600.0)
    assert stamped_us + shift_ms * 1000 == to_us(NOON - seconds(400))


def test_what_the_device_learnt_of_its_boot_outranks_the_moment_of_sending():
    batch = BatchEnvelope(sent_at=NOON, boot_id="b", sent_monotonic_s=50.0, boot_started_at=NOON - seconds(7_200))
    shift_ms = correction(batch, to_us(NOON)).shift_ms(to_us(NOON), 3_600.0)
    assert shift_ms == -3_600_000


def test_without_the_monotonic_clock_the_moment_of_sending_decides():
    batch = BatchEnvelope(sent_at=NOON + timedelta(days=1), boot_id="b")
    assert correction(batch, to_us(NOON)).shift_ms(to_us(NOON), 5.0) == -86_400_000
    assert correction(batch, to_us(NOON)).shift_ms(to_us(NOON), None) == -86_400_000


def test_delays_of_the_network_are_no_wrong_clock():
    batch = BatchEnvelope(sent_at=NOON, boot_id="b", sent_monotonic_s=100.0)
    late_us = to_us(NOON) + 1_900_000
    assert correction(batch, late_us).shift_ms(to_us(NOON), 100.0) == 0
    assert correction(batch, late_us).shift_ms(to_us(NOON), None) == 0


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_microseconds_are_exact(time):
    assert to_us(time) == (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
