"""The demo's stories: the same for the same seed, numbered without a hole, and plausible."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from demo.history import Story
from demo.plant import SHIFTS, StationPlan, roster, stations
from stressvision_contracts.events import AnyEvent, Episode, EventBatch, Gap, Window

FIRST = date(2026, 10, 23)
"""Two days before Madrid's clocks go back."""

UNTIL = datetime(2026, 11, 2, 12, 30, tzinfo=UTC)


def story(station: StationPlan, *, seed: int = 7, device_id: int = 1) -> Story:
    return Story(device_id, station, FIRST, seed, 10, "demo-1")


def told(station: StationPlan, until: datetime = UNTIL, seed: int = 7) -> list[AnyEvent]:
    return list(story(station, seed=seed).events(until))


@pytest.fixture(scope="module")
def night_station() -> StationPlan:
    return next(station for station in stations() if {post.shift for post in station.posts} == {0, 2})


@pytest.fixture(scope="module")
def everything() -> dict[str, list[AnyEvent]]:
    """What all stations tell, by station."""
    return {station.name: told(station) for station in stations()}


def test_sixty_stations_and_a_hundred_and_twenty_people() -> None:
    plans = stations()
    posts = [post for plan in plans for post in plan.posts]

    assert len(plans) == 60
    assert len({post.pseudonym for post in posts}) == len(posts) == 120
    assert all(plan.posts for plan in plans)
    assert len({plan.name for plan in plans}) == 60


def test_the_same_seed_tells_the_same_story(night_station: StationPlan) -> None:
    assert told(night_station) == told(night_station)
    assert told(night_station) != told(night_station, seed=8)


def test_a_later_end_only_adds(night_station: StationPlan) -> None:
    early = told(night_station, UNTIL - timedelta(days=1, hours=5))
    late = told(night_station)

    assert late[: len(early)] == early
    assert len(late) > len(early)


def test_numbers_have_no_hole_and_times_do_not_turn_back(everything: dict[str, list[AnyEvent]]) -> None:
    for events in everything.values():
        assert [event.seq for event in events] == list(range(len(events)))
        assert all(one.ended_at <= other.ended_at for one, other in pairwise(events))
        assert len({event.event_id for event in events}) == len(events)


def test_ids_carry_the_time_of_the_event(night_station: StationPlan) -> None:
    for event in told(night_station):
        assert event.event_id.version == 7
        assert event.event_id.int >> 80 == int(event.ended_at.timestamp() * 1000)


def test_two_devices_never_share_an_id(night_station: StationPlan) -> None:
    one = {event.event_id for event in story(night_station, device_id=1).events(UNTIL)}
    other = {event.event_id for event in story(night_station, device_id=2).events(UNTIL)}

    assert not one & other


def test_a_batch_is_what_the_contract_allows(night_station: StationPlan) -> None:
    batch = EventBatch(sent_at=UNTIL, boot_id="b", events=told(night_station)[:500])

    again = msgspec.json.decode(msgspec.json.encode(batch), type=EventBatch)

    assert again == batch
    for event in again.events:
        if isinstance(event, Window):
            assert sum(event.seconds.values()) <= (event.ended_at - event.started_at).total_seconds() + 1


def test_all_kinds_of_events_are_there(everything: dict[str, list[AnyEvent]]) -> None:
    kinds = Counter(type(event) for events in everything.values() for event in events)

    assert kinds[Window] > 30_000
    assert kinds[Episode] > 500
    assert kinds[Gap] > 5


def test_every_episode_that_opened_closes(night_station: StationPlan) -> None:
    phases: dict[object, list[str]] = {}
    for event in told(night_station):
        if isinstance(event, Episode):
            phases.setdefault(event.episode_id, []).append(event.phase)

    assert phases
    assert set(map(tuple, phases.values())) <= {("open", "close"), ("open",)}
    assert sum(len(each) == 1 for each in phases.values()) <= 2


def test_nights_look_more_tired_than_mornings(everything: dict[str, list[AnyEvent]]) -> None:
    observed, tired = Counter[int](), Counter[int]()
    for station in stations():
        zone = station.posts[0].zone
        for event in everything[station.name]:
            if isinstance(event, Window):
                hour = event.started_at.astimezone(zone).hour
                shift = 0 if 6 <= hour < 14 else 1 if 14 <= hour < 22 else 2
                observed[shift] += round(sum(event.seconds.values()))
                tired[shift] += round(event.seconds["fatigue"])
    share = {shift: tired[shift] / observed[shift] for shift in observed}

    assert share[2] > 1.8 * share[0]
    assert 0.01 < share[0] < 0.15


def test_the_roster_names_everybody_once() -> None:
    lines = roster(FIRST, ("Arequipa", "Demo", "Real"), "D-REAL").splitlines()

    assert len(lines) == 1 + 120 + 2
    assert all(name in "\n".join(lines) for name, *_ in SHIFTS)
