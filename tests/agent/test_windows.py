import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_agent.windows import WindowKeeper, by_label
from stressvision_contracts.labels import COMPANY5


def probabilities(label, value=0.8):
    rest = (1 - value) / 4
    return by_label({name: value if name == label else rest for name in COMPANY5})


def keeper(window_s=60.0, **changes):
    windows = WindowKeeper(window_s, "double-1", **changes)
    windows.begin(100.0)
    return windows


def test_seconds_go_to_the_most_probable_label():
    windows = keeper()
    for step in range(1, 601):
        assert windows.add(100 + step / 10 - 0.05, probabilities("stress" if step <= 200 else "happy")) == []
    (window,) = windows.advance(160.0)
    assert window.seconds["stress"] == pytest.approx(20, abs=0.1)
    assert window.seconds["happy"] == pytest.approx(40, abs=0.1)
    assert (window.frames, window.faces) == (600, 600)
    assert window.coverage == pytest.approx(1, abs=0.002)
    assert window.mean_probability["stress"] == pytest.approx(0.8 / 3 + 0.05 * 2 / 3, abs=1e-4)


def test_frames_without_a_face_lower_the_coverage_and_not_the_means():
    windows = keeper()
    for step in range(600):
        windows.add(100 + step / 10, probabilities("neutral") if step % 2 else None)
    (window,) = windows.advance(160.0)
    assert window.coverage == pytest.approx(0.5, abs=0.01)
    assert window.faces == 300
    assert window.mean_probability["neutral"] == pytest.approx(0.8)


def test_windows_close_on_time_without_any_frame():
    windows = keeper()
    closed = windows.advance(281.0)
    assert [(window.started_s, window.ended_s) for window in closed] == [(100, 160), (160, 220), (220, 280)]
    assert all(window.coverage == 0 and window.frames == 0 for window in closed)
    assert all(set(window.seconds.values()) == {0.0} for window in closed)


def test_a_frame_speaks_for_no_more_than_two_seconds():
    windows = keeper()
    windows.add(110.0, probabilities("happy"))
    (window,) = windows.advance(160.0)
    assert window.seconds["happy"] == 2.0


def test_a_face_at_the_edge_counts_on_both_sides_of_it():
    windows = keeper()
    windows.add(159.5, probabilities("happy"))
    (first,) = windows.add(160.5, probabilities("happy"))
    (second,) = windows.end(161.0)
    assert first.seconds["happy"] == second.seconds["happy"] - 0.5 == pytest.approx(0.5)


def test_only_labels_of_the_profile_leave():
    windows = keeper(labels=frozenset({"fatigue"}))
    windows.add(101.0, probabilities("stress"))
    (window,) = windows.end(110.0)
    assert window.seconds == {"fatigue": 0.0}
    assert set(window.mean_probability) == {"fatigue"}
    assert window.faces == 1


def test_a_window_of_no_length_is_no_window():
    windows = keeper()
    assert windows.end(100.0) == []
    assert not windows.is_open


def test_a_window_must_have_a_length():
    with pytest.raises(ValueError, match="more than 0 s"):
        WindowKeeper(0, "double-1")


steps = st.lists(
    st.tuples(
        st.floats(0, 90, allow_nan=False),
        st.sampled_from(["frame", "empty", "wait"]),
        st.sampled_from(COMPANY5),
        st.floats(0.2, 1.0),
    ),
    max_size=60,
)


@given(steps, st.floats(1, 120))
def test_windows_tile_the_time_and_stay_within_their_bounds(script, window_s):
    windows = keeper(window_s)
    now, closed = 100.0, []
    for after, what, label, value in script:
        now += after
        if what == "wait":
            closed += windows.advance(now)
        else:
            closed += windows.add(now, probabilities(label, value) if what == "frame" else None)
    closed += windows.end(now)
    edge = 100.0
    for window in closed:
        assert window.started_s == edge
        assert window.ended_s > window.started_s
        edge = window.ended_s
        assert 0 <= window.coverage <= 1
        assert 0 <= window.faces <= window.frames
        assert all(0 <= value <= 1 for value in window.mean_probability.values())
        assert sum(window.seconds.values()) <= window.ended_s - window.started_s + 0.01
        assert sum(window.mean_probability.values()) == pytest.approx(1 if window.faces else 0, abs=1e-4)
    assert edge == pytest.approx(now)
    assert sum(window.frames for window in closed) <= sum(what != "wait" for _, what, *_ in script)
