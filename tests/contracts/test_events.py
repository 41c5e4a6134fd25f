import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_contracts.events import AnyEvent, Episode, EventBatch, Gap, Window
from stressvision_contracts.labels import COMPANY5, CONDITIONS, GAP_REASONS

times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
ratios = st.floats(0, 1)
counts = st.integers(0, 2**31 - 1)
common = {
    "event_id": st.uuids(),
    "seq": st.integers(0, 2**63 - 1),
    "started_at": times,
    "ended_at": times,
    "model_version": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,20}", fullmatch=True),
    "monotonic_s": st.none() | st.floats(0, 1e9),
}
windows = st.builds(
    Window,
    **common,
    frames=counts,
    faces=counts,
    coverage=ratios,
    seconds=st.dictionaries(st.sampled_from(COMPANY5), st.floats(0, 86_400)),
    mean_probability=st.dictionaries(st.sampled_from(COMPANY5), ratios),
)
episodes = st.builds(
    Episode,
    **common,
    episode_id=st.uuids(),
    phase=st.sampled_from(["open", "close"]),
    condition=st.sampled_from(CONDITIONS),
    peak=ratios,
    mean=ratios,
    coverage=ratios,
)
gaps = st.builds(Gap, **common, reason=st.sampled_from(GAP_REASONS), lost=counts)

EVENT = {
    "kind": "gap",
    "event_id": "0190d6a0-0000-7000-8000-000000000000",
    "seq": 1,
    "started_at": "2026-01-01T00:00:00Z",
    "ended_at": "2026-01-01T00:01:00Z",
    "model_version": "1.0",
    "reason": "camera",
    "lost": 0,
}


def decode(event: object) -> AnyEvent:
    return msgspec.json.decode(json.dumps(event), type=AnyEvent)


@given(st.lists(windows | episodes | gaps, max_size=5), times)
def test_a_batch_survives_the_wire(events: list[AnyEvent], sent_at: datetime):
    batch = EventBatch(sent_at=sent_at, boot_id="boot", events=events)
    assert msgspec.json.decode(msgspec.json.encode(batch), type=EventBatch) == batch


def test_an_event_says_its_kind_and_reads_back():
    assert decode(EVENT) == Gap(
        event_id=UUID(EVENT["event_id"]),
        seq=1,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        ended_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=1),
        model_version="1.0",
        reason="camera",
        lost=0,
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"picture": "…"}, "unknown field"),
        ({"kind": "picture"}, "kind"),
        ({"seq": -1}, "seq"),
        ({"seq": 2**63}, "seq"),
        ({"started_at": "2026-01-01T00:00:00"}, "started_at"),
        ({"model_version": "a\u0000b"}, "model_version"),
        ({"reason": "lunch"}, "reason"),
        ({"lost": 1e99}, "lost"),
    ],
)
def test_what_is_no_event_is_refused_by_name(change: dict[str, object], path: str):
    with pytest.raises(msgspec.ValidationError, match=path):
        decode(EVENT | change)


def test_no_field_of_an_event_can_hold_a_picture():
    """Texts are short and patterned; there are no bytes, lists or free dictionaries."""
    for kind in (Window, Episode, Gap):
        for field in msgspec.inspect.type_info(kind).fields:
            kinds = getattr(field.type, "types", (field.type,))
            for inner in kinds:
                assert not isinstance(
                    inner, msgspec.inspect.BytesType | msgspec.inspect.ListType | msgspec.inspect.AnyType
                )
                if isinstance(inner, msgspec.inspect.StrType):
                    assert inner.max_length is not None and inner.max_length <= 64
                if isinstance(inner, msgspec.inspect.DictType):
                    assert isinstance(inner.key_type, msgspec.inspect.LiteralType)
                    assert isinstance(inner.value_type, msgspec.inspect.FloatType)
