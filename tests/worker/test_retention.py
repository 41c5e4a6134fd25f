"""The worker's rule of age, applied as its own role."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from stressvision_store import erasure, partitions
from stressvision_store.session import transaction
from stressvision_worker.retention import apply_retention
from stressvision_worker.settings import Settings
from support.person import MORNING, Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]


def test_every_rule_is_applied_and_noted(person: Person) -> None:
    settings = Settings(database_url=SecretStr(person.database.url("worker")), environment="production")
    with transaction(person.database.engine("control")) as session:
        erasure.erase(session, person.id, confirm=person.pseudonym, actor="Ana", reason="asked for in writing")
    person.letter(MORNING, received_at=MORNING.now(MORNING.tzinfo))
    before = REGISTRY.get_sample_value("stressvision_erased_dead_letters_total") or 0

    apply_retention(person.database.engine("worker"), settings)

    rules = person.connection.execute("SELECT rule, days FROM retention_runs ORDER BY rule").fetchall()
    assert rules == [("audit", 1461), ("dead_letters", 90), ("raw", 90), ("rollups", 730), ("tombstones", 1100)]
    assert REGISTRY.get_sample_value("stressvision_erased_dead_letters_total") == before + 1


def test_a_backup_that_holds_a_day_keeps_no_other_rule_from_being_applied(person: Person) -> None:
    settings = Settings(database_url=SecretStr(person.database.url("worker")), environment="production")
    day = datetime.now(UTC).date() - timedelta(days=200)
    with transaction(person.database.engine()) as session:
        partitions.ensure_days(session, day, day)
    with transaction(person.database.engine()) as backup:
        backup.execute(text(f"LOCK TABLE events_{day:%Y%m%d} IN ACCESS SHARE MODE"))

        with pytest.raises(OperationalError, match="lock timeout"):
            apply_retention(person.database.engine("worker"), settings)

    rules = person.connection.execute("SELECT rule FROM retention_runs ORDER BY rule").fetchall()
    assert rules == [("audit",), ("dead_letters",), ("rollups",), ("tombstones",)]
