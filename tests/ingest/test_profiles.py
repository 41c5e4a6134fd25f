"""What a site's profile lets exist, of events and of dead letters alike."""

from dataclasses import replace

import pytest

from support.intake import make_episode, make_gap, make_window
from support.judging import TERMS, judge_events

FATIGUE_ONLY = {"seconds": {"fatigue": 10.0, "stress": 0.0}, "mean_probability": {"fatigue": 0.4}}


@pytest.mark.parametrize(
    ("profile", "event", "allowed"),
    [
        ("full", make_window(), True),
        ("safety", make_window(), True),
        ("safety", make_episode(condition="stress"), True),
        ("fatigue_only", make_window(), False),
        ("fatigue_only", make_window(**FATIGUE_ONLY), True),
        ("fatigue_only", make_window(**FATIGUE_ONLY | {"mean_probability": {"sad": 0.1}}), False),
        ("fatigue_only", make_episode(condition="fatigue"), True),
        ("fatigue_only", make_episode(condition="stress"), False),
        ("fatigue_only", make_gap(), True),
        ("off", make_window(**FATIGUE_ONLY), False),
        ("off", make_window(seconds={}, mean_probability={}), False),
        ("off", make_episode(condition="fatigue"), False),
        ("off", make_gap(reason="paused"), True),
    ],
)
def test_the_site_profile_says_what_may_exist(profile, event, allowed):
    judged = judge_events(event, terms=replace(TERMS, profile=profile))
    assert [rejection.reason for rejection in judged.rejected] == ([] if allowed else ["profile"])


def test_what_the_profile_forbids_is_not_kept_in_the_dead_letters_either():
    judged = judge_events(make_window(), terms=replace(TERMS, profile="fatigue_only"))
    assert judged.flush.letters[0].body == b""


@pytest.mark.parametrize(
    ("event", "reason", "kept"),
    [
        (make_window(model_version="unheard-of"), "profile", False),
        (make_window(event_id="00000000-0000-4000-8000-000000000000"), "bad_id", False),
        (make_episode(condition="stress", event_id="00000000-0000-4000-8000-000000000000"), "bad_id", False),
        (make_window(mood="bleak"), "unknown_field", False),
        (make_window(**FATIGUE_ONLY, model_version="unheard-of"), "unknown_model", True),
    ],
)
def test_refused_for_something_else_it_is_kept_only_if_the_profile_allows_it(event, reason, kept):
    judged = judge_events(event, terms=replace(TERMS, profile="fatigue_only"))
    assert [letter.reason for letter in judged.flush.letters] == [reason]
    assert (judged.flush.letters[0].body != b"") == kept
