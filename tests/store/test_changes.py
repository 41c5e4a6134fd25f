"""When the marks of an edit are made."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import psycopg
import pytest
from sqlmodel import Session

from stressvision_store.changes import ALWAYS, attribution_changed, changed_attribution, many_changes
from stressvision_store.roster import import_roster
from stressvision_store.roster_csv import write_roster
from stressvision_store.roster_export import export_roster
from stressvision_store.session import transaction
from support import plants
from support.database import Database
from support.workforce import TODAY, ago, marks

pytestmark = pytest.mark.db

FIRST = TODAY - timedelta(days=5)


@pytest.fixture
def plant(database: Database) -> plants.Plant:
    """Two stations, each with a device that saw something four, three, two and one hours ago; no marks are left."""
    random = Random(1)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        made = plants.build_plant(connection, first_date=FIRST)
        events = [plants.window(device, ago(hours=n), random) for device in made.devices for n in (1, 2, 3, 4)]
        plants.store_events(connection, events)
        connection.execute("DELETE FROM dirty_windows")
    return made


@pytest.fixture
def edit(database: Database) -> Iterator[Session]:
    with transaction(database.engine("control")) as session:
        yield session


def test_one_change_is_marked_at_once_within_its_span(plant: plants.Plant, edit: Session) -> None:
    assert not changed_attribution(edit)
    attribution_changed(edit, station_id=plant.stations[0], since=ago(hours=3.5), until=ago(hours=1.5))
    assert {device for device, _ in marks(edit)} == {plant.devices[0]}
    assert len(marks(edit)) == 2
    assert changed_attribution(edit)


def test_many_changes_are_marked_at_their_end_over_all_they_span(plant: plants.Plant, edit: Session) -> None:
    with many_changes(edit):
        attribution_changed(edit, station_id=plant.stations[0], since=ago(hours=1.5))
        attribution_changed(edit, station_id=plant.stations[0], since=ago(hours=3.5), until=ago(hours=2.5))
        assert marks(edit) == set()
        assert not changed_attribution(edit)
    assert len(marks(edit)) == 3
    assert changed_attribution(edit)


def test_changes_that_are_taken_back_leave_no_mark(plant: plants.Plant, edit: Session) -> None:
    with many_changes(edit) as waiting:
        attribution_changed(edit, site_id=plant.sites[0], since=ALWAYS)
        waiting.clear()
    with pytest.raises(RuntimeError, match="half way"), many_changes(edit):
        attribution_changed(edit, site_id=plant.sites[0], since=ALWAYS)
        raise RuntimeError("half way")
    assert marks(edit) == set()
    attribution_changed(edit, site_id=plant.sites[0], since=ALWAYS)
    assert len(marks(edit)) == 8


def test_a_roster_that_hands_over_a_station_has_it_rolled_up_again(plant: plants.Plant, edit: Session) -> None:
    (line,) = [
        each
        for each in export_roster(edit, with_names=False)
        if each.get("shift") == "morning" and each.get("station") == f"station {plant.sites[0]}.0.1"
    ]
    roster = write_roster([line | {"last_date": str(TODAY - timedelta(days=2))}]).encode()
    assert import_roster(edit, roster, dry_run=True).bad == []
    assert marks(edit) == set()
    assert not changed_attribution(edit)
    assert [change.noun for change in import_roster(edit, roster).changes] == ["assignment"]
    assert {device for device, _ in marks(edit)} == {plant.devices[1]}
