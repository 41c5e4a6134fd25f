import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_agent.gaps import GapKeeper


def test_a_long_gap_is_told_in_slices():
    gaps = GapKeeper(300, "double-1")
    gaps.begin("camera", 10.0)
    assert gaps.advance(309.0) == []
    told = gaps.advance(700.0) + gaps.end(720.0)
    assert [(gap.started_s, gap.ended_s) for gap in told] == [(10, 310), (310, 610), (610, 720)]
    assert {gap.reason for gap in told} == {"camera"}
    assert gaps.reason is None


def test_without_a_gap_there_is_nothing_to_tell():
    gaps = GapKeeper(300, "double-1")
    assert gaps.advance(1000.0) == []
    assert gaps.end(2000.0) == []


def test_a_gap_of_no_length_is_no_gap():
    gaps = GapKeeper(300, "double-1")
    gaps.begin("paused", 10.0)
    assert gaps.end(10.0) == []


def test_a_slice_must_have_a_length():
    with pytest.raises(ValueError, match="more than 0 s"):
        GapKeeper(0, "double-1")


@given(st.lists(st.floats(0, 500), max_size=20), st.floats(0.5, 600))
def test_slices_tile_the_gap(waits, slice_s):
    gaps = GapKeeper(slice_s, "double-1")
    gaps.begin("camera", 5.0)
    now, told = 5.0, []
    for wait in waits:
        now += wait
        told += gaps.advance(now)
    told += gaps.end(now)
    edge = 5.0
    for gap in told:
        assert gap.started_s == edge
        assert 0 < gap.ended_s - gap.started_s <= slice_s + 1e-6
        edge = gap.ended_s
    assert edge == now
