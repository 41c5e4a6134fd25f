"""What may be seen: the switch at the station outranks the server, and both hold offline."""

from datetime import UTC, datetime

import pytest

from stressvision_agent.directives import Directives
from stressvision_contracts.fleet import DesiredModel, HeartbeatReply
from support.device import episode, gap, window

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def made(tmp_path):
    return Directives(tmp_path / "directives.json", tmp_path / "paused")


def reply(profile="safety", **more):
    return HeartbeatReply(server_time=NOW, site_profile=profile, **more)


def test_nothing_is_seen_before_the_server_has_spoken(made):
    assert made.pause_reason() == "profile"
    made.obey(reply())
    assert made.pause_reason() is None


def test_wishes_hold_after_a_restart_without_a_server(tmp_path, made):
    model = DesiredModel(version="m2", digest="d" * 64)
    made.obey(reply("fatigue_only", paused=True, desired_model=model))
    again = Directives(tmp_path / "directives.json", tmp_path / "paused")
    assert again.wishes == made.wishes
    assert again.pause_reason() == "server"


def test_the_server_cannot_override_the_switch_at_the_station(tmp_path, made):
    (tmp_path / "paused").touch()
    made.obey(reply(paused=False))
    assert made.pause_reason() == "worker"
    (tmp_path / "paused").unlink()
    assert made.pause_reason() is None


def test_a_switch_that_cannot_be_read_counts_as_on(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    directives = Directives(tmp_path / "directives.json", tmp_path / "loop" / "paused")
    directives.obey(reply())
    assert directives.pause_reason() == "worker"


def test_unreadable_wishes_mean_that_nothing_is_seen(tmp_path):
    (tmp_path / "directives.json").write_text('{"site_profile": "everything"}')
    directives = Directives(tmp_path / "directives.json", tmp_path / "paused")
    assert not directives.known
    assert directives.is_paused()


def test_a_disk_that_keeps_nothing_does_not_stop_a_pause(tmp_path, made):
    made.obey(reply())
    (tmp_path / "directives.json.new").mkdir()
    made.obey(reply(paused=True))
    assert made.pause_reason() == "server"


@pytest.mark.parametrize(
    ("profile", "labels", "conditions"),
    [
        ("off", None, set()),
        ("fatigue_only", {"fatigue"}, {"fatigue"}),
        ("safety", {"neutral", "fatigue"}, {"stress", "fatigue"}),
        ("full", {"neutral", "fatigue"}, {"stress", "fatigue"}),
    ],
)
def test_nothing_that_the_profile_forbids_is_spooled(made, profile, labels, conditions):
    made.obey(reply(profile))
    seen = made.admit(window(100))
    assert (seen and set(seen.seconds)) == labels
    assert (seen and set(seen.mean_probability)) == labels
    for condition in ("stress", "fatigue"):
        assert (made.admit(episode(100, condition=condition)) is not None) == (condition in conditions)
    assert made.admit(gap(100)) == gap(100)
