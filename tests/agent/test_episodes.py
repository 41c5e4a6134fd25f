from itertools import count, pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from stressvision_agent.baseline import ABSENCE_S, CALIBRATION_S, Baseline, log_odds
from stressvision_agent.episodes import EpisodeTracker
from stressvision_agent.share import Share, Tally
from support.seeing import THRESHOLDS

CALM, TENSE, TIRED = "calm", "tense", "tired"
LOOKS = {
    CALM: {"neutral": 0.9, "stress": 0.03, "fatigue": 0.03},
    TENSE: {"neutral": 0.05, "stress": 0.9, "fatigue": 0.03},
    TIRED: {"neutral": 0.05, "stress": 0.03, "fatigue": 0.9},
    "strained": {"neutral": 0.3, "stress": 0.55, "fatigue": 0.03},
    None: None,
}


def make_tracker(**changes):
    numbers = count(1)
    thresholds = structs.replace(THRESHOLDS, **changes)
    return EpisodeTracker(
        {"stress": thresholds, "fatigue": thresholds}, "double-1", new_id=lambda: UUID(int=next(numbers))
    )


def play(tracker, *script, start=1000.0, fps=5):
    """Show `look` for `seconds`, one after the other; return drafts and the time after it."""
    at, drafts = start, []
    for look, seconds in script:
        for _ in range(round(seconds * fps)):
            at += 1 / fps
            drafts += tracker.observe(at, LOOKS[look])
    return drafts, at


def kinds(drafts):
    return [(draft.condition, draft.phase) for draft in drafts]


def test_calm_people_have_no_episodes():
    assert play(make_tracker(), (CALM, 900))[0] == []


def test_lasting_signs_open_an_episode_and_their_end_closes_it():
    drafts, _ = play(make_tracker(), (CALM, 200), (TENSE, 200), (CALM, 120))
    assert kinds(drafts) == [("stress", "open"), ("stress", "close")]
    opened, closed = drafts
    # half of the last minute after 30 s, held for another 30
    assert opened.started_s == pytest.approx(1230, abs=3)
    assert opened.ended_s == pytest.approx(1260, abs=3)
    assert closed.started_s == opened.started_s
    assert closed.ended_s == pytest.approx(1400 + 45, abs=4)
    assert closed.episode_id == opened.episode_id
    assert closed.peak > 0.85
    assert closed.coverage > 0.98
    assert opened.mean > closed.mean > 0.6


def test_tiredness_is_a_condition_of_its_own():
    assert kinds(play(make_tracker(), (CALM, 200), (TIRED, 100))[0]) == [("fatigue", "open")]


@pytest.mark.parametrize("seconds", [5, 15, 40])
def test_what_is_short_is_no_episode(seconds):
    assert play(make_tracker(), (CALM, 200), (TENSE, seconds), (CALM, 100))[0] == []


def test_a_short_relief_does_not_end_an_episode():
    drafts, _ = play(make_tracker(), (CALM, 200), (TENSE, 100), (CALM, 20), (TENSE, 100), (CALM, 120))
    assert kinds(drafts) == [("stress", "open"), ("stress", "close")]


def test_after_a_close_none_opens_for_the_cool_down():
    drafts, _ = play(make_tracker(), (CALM, 200), (TENSE, 120), (CALM, 90), (TENSE, 150), (CALM, 90))
    assert kinds(drafts) == [("stress", "open"), ("stress", "close")]
    drafts, _ = play(make_tracker(cooldown_s=60), (CALM, 200), (TENSE, 120), (CALM, 90), (TENSE, 200))
    assert kinds(drafts)[2:] == [("stress", "open")]


def test_nothing_is_concluded_while_calibrating():
    tracker = make_tracker()
    drafts, _ = play(tracker, (TENSE, CALIBRATION_S - 2))
    assert drafts == []
    assert tracker.states()["stress"] == "calibrating"


def test_a_face_that_looks_strained_at_rest_is_not_strained():
    assert play(make_tracker(), ("strained", 900))[0] == []


def test_the_same_look_is_a_sign_in_someone_who_is_usually_calm():
    assert kinds(play(make_tracker(), (CALM, 600), ("strained", 0), (TENSE, 120))[0]) == [("stress", "open")]


def test_too_little_seen_is_unknown_and_opens_nothing():
    tracker = make_tracker()
    _, at = play(tracker, (CALM, 200))
    drafts = []
    for _ in range(40):
        more, at = play(tracker, (TENSE, 2), (None, 6), start=at)
        drafts += more
    assert drafts == []
    assert tracker.states()["stress"] == "unknown"


def test_a_person_who_leaves_closes_the_episode_at_the_last_moment_with_a_face():
    drafts, _ = play(make_tracker(), (CALM, 200), (TENSE, 150), (None, 120))
    assert kinds(drafts) == [("stress", "open"), ("stress", "close")]
    assert drafts[1].ended_s == pytest.approx(1350, abs=0.5)
    assert drafts[1].coverage == pytest.approx(1, abs=0.02)


def test_who_comes_after_a_long_absence_is_taken_for_someone_else():
    tracker = make_tracker()
    play(tracker, (CALM, 300), (None, ABSENCE_S + 5), (TENSE, 5))
    assert tracker.states() == {"stress": "calibrating", "fatigue": "calibrating"}


def test_an_interruption_closes_what_is_open():
    tracker = make_tracker()
    _, at = play(tracker, (CALM, 200), (TENSE, 150))
    (closed,) = tracker.interrupt(at)
    assert (closed.phase, closed.ended_s) == ("close", at)
    assert tracker.interrupt(at + 1) == []


def test_a_long_episode_does_not_become_usual_and_end_by_itself():
    assert kinds(play(make_tracker(), (CALM, 1000), (TENSE, 2400), fps=2)[0]) == [("stress", "open")]


def test_a_condition_without_thresholds_is_not_watched():
    tracker = EpisodeTracker({"fatigue": THRESHOLDS}, "double-1")
    assert set(tracker.states()) == {"fatigue"}
    assert play(tracker, (CALM, 200), (TENSE, 200))[0] == []


scripts = st.lists(
    st.tuples(st.sampled_from([CALM, TENSE, TIRED, "strained", None, "interrupt"]), st.integers(1, 150)), max_size=25
)


def replay(script):
    tracker = make_tracker(window_s=20, min_s=5, leave_s=6, merge_s=3, cooldown_s=20)
    drafts, at = play(tracker, (CALM, 100), fps=2)
    for look, seconds in script:
        if look == "interrupt":
            drafts += tracker.interrupt(at)
            at += seconds
        else:
            more, at = play(tracker, (look, seconds), start=at, fps=2)
            drafts += more
    return drafts + tracker.interrupt(at), at


@settings(deadline=None, max_examples=60)
@given(scripts)
def test_episodes_never_overlap_and_each_open_has_one_close(script):
    drafts, ended = replay(script)
    for condition in ("stress", "fatigue"):
        mine = [draft for draft in drafts if draft.condition == condition]
        assert [draft.phase for draft in mine] == ["open", "close"] * (len(mine) // 2)
        for opened, closed in zip(mine[::2], mine[1::2], strict=True):
            assert opened.episode_id == closed.episode_id
            assert opened.started_s == closed.started_s < opened.ended_s <= closed.ended_s <= ended
            for draft in (opened, closed):
                assert 0 <= draft.mean <= draft.peak <= 1
                assert 0 <= draft.coverage <= 1
        for closed, opened in pairwise(mine[1:]):
            if opened.phase == "open":
                assert opened.started_s >= closed.ended_s
        assert len({draft.episode_id for draft in mine}) == len(mine) // 2


@settings(deadline=None, max_examples=20)
@given(scripts)
def test_the_same_frames_always_give_the_same_episodes(script):
    assert replay(script) == replay(script)


def test_the_baseline_is_the_median_of_its_last_quarter_of_an_hour():
    baseline = Baseline()
    for second in range(2000):
        baseline.learn(0.1 if second < 1500 else 0.5, 1.0)
    assert baseline.adjust(0.1) == pytest.approx(0.1 / (0.1 + 0.9 * 9), abs=0.01)
    for _ in range(900):
        baseline.learn(0.1, 1.0)
    assert baseline.adjust(0.3) == pytest.approx(0.3, abs=1e-6)


@given(st.floats(0, 1))
def test_log_odds_stay_finite(probability):
    assert -7 < log_odds(probability) < 7


def test_shares_forget_what_is_older_than_their_window():
    share = Share(10)
    for second in range(1, 41):
        share.add(second, 1.0, counts=second > 35)
    assert share.value == pytest.approx(0.5)
    assert share.coverage == 1
    share.add(100.0, 0.0, counts=False)
    assert share.value == share.coverage == 0


def test_an_empty_tally_has_a_mean():
    assert Tally().mean == 0
    assert Tally().coverage(0) == 1
