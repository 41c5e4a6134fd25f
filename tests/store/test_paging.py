"""What is judged under a lock is the row of now, and not the one that was read before somebody else had it."""

import pytest
from sqlmodel import Session

from stressvision_store import places
from stressvision_store.paging import one
from stressvision_store.session import transaction
from stressvision_store.workforce_tables import Site
from support.database import Database

pytestmark = pytest.mark.db


def test_a_locked_row_is_read_again(database: Database) -> None:
    engine = database.engine("control")
    with transaction(engine) as session:
        site = places.create_site(session, name="Callao", time_zone="America/Lima").id or 0
    with Session(engine) as slow:
        before = one(slow, Site, site, "site")
        with transaction(engine) as quick:
            places.change_site(quick, site, name="Ilo")
        assert one(slow, Site, site, "site").name == "Callao", "without a lock, nothing is asked again"
        assert one(slow, Site, site, "site", lock=True).name == before.name == "Ilo"


def test_what_is_not_written_yet_is_not_lost(database: Database) -> None:
    with transaction(database.engine("control")) as session:
        site = places.create_site(session, name="Callao", time_zone="America/Lima")
        site.name = "Ilo"
        assert one(session, Site, site.id, "site", lock=True).name == "Ilo"
