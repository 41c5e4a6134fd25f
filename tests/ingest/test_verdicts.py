"""Each event gets the verdict it deserves, and its neighbours are none the worse."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressvision_contracts.events import MAX_EVENTS
from stressvision_ingest.errors import BadEnvelopeError, NotJsonError, ProblemError, TooLargeError
from stressvision_ingest.verdicts import MAX_LETTER_BYTES, part
from support.intake import make_batch, make_episode, make_gap, make_window, text_of
from support.judging import TERMS, judge_body, judge_events

UUID4 = "6f1c7c7e-8a56-4c1e-9d1d-0d6e9f6b1a11"


def at(year: int) -> datetime:
    return datetime(year, 6, 1, tzinfo=UTC)


BAD = {
    "a picture": (make_window(picture="iVBORw0KGgo="), "unknown_field"),
    "a picture in an episode": (make_episode(frames=[1, 2, 3]), "unknown_field"),
    "a label of another scheme": (make_window(seconds={"angry": 1.0}), "unknown_label"),
    "a probability of one": (make_window(mean_probability={"disgust": 0.5}), "unknown_label"),
    "a condition that is none": (make_episode(condition="happy"), "unknown_label"),
    "NUL in a text": (make_window(model_version="a\0b"), "bad_text"),
    "NUL in a label": (make_window(seconds={"stress\0": 1.0}), "bad_text"),
    "NUL in an unknown field": (make_window(**{"x\0": 1}), "bad_text"),
    "a huge count": (make_window(frames=10**30), "bad_value"),
    "a count of more digits than Python reads": (make_window(seq=int("9" * 4000)), "bad_value"),
    "a negative count": (make_gap(lost=-1), "bad_value"),
    "a ratio above one": (make_window(coverage=1.01), "bad_value"),
    "a probability below zero": (make_window(mean_probability={"sad": -0.1}), "bad_value"),
    "more seconds than a day": (make_window(seconds={"sad": 1e6}), "bad_value"),
    "more faces than frames": (make_window(frames=10, faces=11), "bad_value"),
    "more seconds than the window": (make_window(seconds={"sad": 40.0, "happy": 22.0}), "bad_value"),
    "an end before its start": (
        make_window(started_at=text_of(datetime.now(UTC)), ended_at=text_of(datetime.now(UTC) - timedelta(seconds=1))),
        "bad_value",
    ),
    "an id that is none": (make_window(event_id="x"), "bad_id"),
    "a random id": (make_window(event_id=UUID4), "bad_id"),
    "a UUIDv7 of another variant": (make_window(event_id="01890000-0000-7000-c000-000000000000"), "bad_id"),
    "an episode's id that is none": (make_episode(episode_id="x"), "bad_id"),
    "1970": (make_window(at(1970)), "bad_time"),
    "2200": (make_window(at(2200)), "bad_time"),
    "the year 1": (make_window(started_at="0001-01-01T00:00:00+14:00"), "bad_time"),
    "the year 9999": (make_window(ended_at="9999-12-31T23:59:59-14:00"), "bad_time"),
    "a time without zone": (make_window(started_at="2026-01-01T00:00:00"), "bad_time"),
    "a time that is none": (make_window(ended_at="yesterday"), "bad_time"),
    "an unregistered model": (make_window(model_version="company5-9.9.9"), "unknown_model"),
    "a window without a model": (make_window(model_version="none"), "unknown_model"),
    "a missing field": (make_window(coverage=...), "malformed"),
    "a field of another type": (make_window(coverage="high"), "malformed"),
    "an unknown kind": (make_window(kind="photo"), "malformed"),
    "no kind": (make_window(kind=...), "malformed"),
    "a number": (5, "malformed"),
    "nothing": (None, "malformed"),
    "a list": ([], "malformed"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_event_is_refused_with_its_reason(case):
    event, reason = BAD[case]
    judged = judge_events(event)
    (rejection,) = judged.rejected
    (letter,) = judged.flush.letters
    assert (rejection.reason, rejection.index) == (reason, 0)
    assert rejection.detail
    assert letter.reason == reason
    assert letter.body
    assert not judged.events
    assert not judged.flush.records()


def test_one_bad_event_never_sinks_its_batch():
    good = [make_window(seq=n) for n in range(len(BAD))]
    mixed = [event for pair in zip(good, (bad for bad, _ in BAD.values()), strict=True) for event in pair]
    judged = judge_events(*mixed)
    assert len(judged.flush.windows) == len(good)
    assert [rejection.reason for rejection in judged.rejected] == [reason for _, reason in BAD.values()]
    assert [rejection.index for rejection in judged.rejected] == list(range(1, len(mixed), 2))
    assert judged.flush.sent == {7: (len(mixed), judged.max_seq)}


def test_an_infinite_number_is_a_bad_value():
    body = json.dumps(make_batch(make_window(coverage=0.123), make_window())).replace("0.123", "1e400")
    judged = judge_body(body.encode())
    assert [rejection.reason for rejection in judged.rejected] == ["bad_value"]
    assert len(judged.events) == 1


def test_bytes_that_are_no_text_are_bad_text():
    body = json.dumps(make_batch(make_window(model_version="#"), make_window())).encode().replace(b"#", b"\xff")
    judged = judge_body(body)
    assert [rejection.reason for rejection in judged.rejected] == ["bad_text"]
    assert len(judged.events) == 1


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "nan", "'x'", "{", '"\\ud800"'])
def test_what_is_no_json_is_refused_whole(token):
    body = json.dumps(make_batch(make_window(coverage=0.123))).replace("0.123", token)
    with pytest.raises(NotJsonError):
        judge_body(body.encode())


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"sent_at": ' + b"[" * 50_000, b"\0"])
def test_what_cannot_be_read_is_no_json(body):
    with pytest.raises(NotJsonError):
        judge_body(body)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sent_at": ...}, "$"),
        ({"sent_at": "now"}, "$.sent_at"),
        ({"sent_at": "2026-01-01T00:00:00"}, "$.sent_at"),
        ({"sent_at": "0001-01-01T00:00:00+14:00"}, "$.sent_at"),
        ({"boot_started_at": "9999-12-31T23:59:59-14:00"}, "$.boot_started_at"),
        ({"boot_id": ""}, "$.boot_id"),
        ({"boot_id": "a\0"}, "$.boot_id"),
        ({"boot_id": "a b"}, "$.boot_id"),
        ({"events": {}}, "$.events"),
        ({"events": ...}, "$"),
        ({"sent_monotonic_s": -1}, "$.sent_monotonic_s"),
        ({"boot_started_at": 5}, "$.boot_started_at"),
        ({"site": 5}, "$"),
    ],
)
def test_a_bad_envelope_names_its_field(changes, field):
    with pytest.raises(BadEnvelopeError) as caught:
        judge_events(make_window(), **changes)
    assert caught.value.members["field"] == field


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"x"'])
def test_json_that_is_no_batch_is_a_bad_envelope(body):
    with pytest.raises(BadEnvelopeError):
        judge_body(body)


def test_a_batch_may_have_a_thousand_events_and_not_one_more():
    assert len(judge_events(*[make_gap()] * MAX_EVENTS).events) == MAX_EVENTS
    with pytest.raises(TooLargeError, match="1001"):
        judge_events(*[make_gap()] * (MAX_EVENTS + 1))


def test_a_clock_of_1970_is_put_right_where_it_can_be():
    stamped = datetime(1970, 1, 1, 0, 20, tzinfo=UTC)
    judged = judge_events(
        make_window(stamped, monotonic_s=1_200.0),
        sent_at=text_of(stamped + timedelta(minutes=5)),
        sent_monotonic_s=1_500.0,
    )
    assert not judged.rejected
    assert judged.repaired


def test_events_may_be_old_but_not_older_than_is_kept():
    now = datetime.now(UTC)
    judged = judge_events(make_window(now - timedelta(days=399)), make_window(now - timedelta(days=401)))
    assert [rejection.index for rejection in judged.rejected] == [1]


def test_events_may_be_ahead_by_minutes():
    now = datetime.now(UTC)
    judged = judge_events(make_window(now + timedelta(minutes=9)), make_window(now + timedelta(minutes=11)))
    assert [rejection.reason for rejection in judged.rejected] == ["bad_time"]


def test_a_device_without_a_model_may_tell_of_gaps():
    assert not judge_events(make_gap(model_version="none")).rejected


def test_a_smuggled_picture_is_not_kept_whole():
    judged = judge_events(make_window(picture="x" * 50_000))
    assert len(judged.flush.letters[0].body) == MAX_LETTER_BYTES


def test_the_highest_number_of_the_batch_is_settled_whatever_became_of_it():
    assert judge_events(make_gap(seq=3), make_gap(seq=9, reason="?"), make_gap(seq=4)).acked_seq == 9
    assert judge_events(make_gap(seq="x")).acked_seq is None


def test_a_replay_is_the_same_and_an_edited_event_is_not():
    event = make_window(monotonic_s=5.0)

    def content(changes, **envelope) -> bytes:
        (record,) = judge_events({**event, **changes}, **envelope).flush.windows
        return record[-40:-32]

    reordered = {"seconds": dict(reversed(event["seconds"].items()))}
    later = {"sent_at": text_of(datetime.now(UTC) + timedelta(minutes=3))}
    assert content({}) == content(reordered) == content({}, **later)
    for change in ({"faces": 1}, {"seq": 2}, {"started_at": event["ended_at"], "seconds": {}}, {"coverage": 0.1}):
        assert content(change) != content({})


def test_parts_of_a_batch_keep_every_event_in_its_place():
    judged = judge_events(make_window(), make_gap(), make_episode(), make_window(), 5)
    records = judged.flush.records()
    halves = [part(judged, records[:2], judged.flush.letters), part(judged, records[2:], [])]
    assert [half.flush.sent for half in halves] == [{7: (3, 1)}, {7: (2, 1)}]
    assert sorted(place for half in halves for place in half.events) == [0, 1, 2, 3]
    assert [len(half.flush.gaps) for half in halves] == [0, 1]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
templates = st.sampled_from([make_window(), make_episode(), make_gap()])


@st.composite
def mangled(draw):
    """An event with one field replaced by anything, or dropped, or added."""
    event = dict(draw(templates))
    event[draw(st.sampled_from([*event, "monotonic_s"]) | st.text(max_size=8))] = draw(json_values)
    return event


@settings(max_examples=300, deadline=None)
@given(st.lists(mangled() | json_values, max_size=5), st.sampled_from(["full", "fatigue_only", "off"]))
def test_anything_in_the_place_of_an_event_is_accepted_or_refused_and_counted(events, profile):
    judged = judge_events(*events, terms=replace(TERMS, profile=profile))
    assert judged.size == len(events) == len(judged.events) + len(judged.rejected)
    assert len(judged.flush.letters) == len(judged.rejected)
    for letter in judged.flush.letters:
        assert "\0" not in (letter.event_id or "") + letter.detail


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()), st.integers(0, 400))
def test_any_body_is_judged_or_refused_as_a_whole(garbage, cut):
    whole = json.dumps(make_batch(make_window())).encode()
    for body in (garbage, whole[:cut], whole[:cut] + garbage, whole[:cut] + garbage + whole[cut:]):
        try:
            judged = judge_body(body)
        except ProblemError as error:
            assert error.status in {400, 413, 422}
        else:
            assert judged.size == len(judged.events) + len(judged.rejected)
