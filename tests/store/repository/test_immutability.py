"""What was registered or signed stays as it is: the services' own roles cannot change it."""

import psycopg
import pytest

from support.repository import Repository

pytestmark = pytest.mark.db


@pytest.mark.parametrize("role", ["control", "ingest", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE model_versions SET manifest = '{}'",
        "UPDATE model_versions SET digest = 'x'",
        "UPDATE model_versions SET registered_by = 'somebody else'",
        "DELETE FROM model_versions",
        "UPDATE model_files SET content = ''",
        "DELETE FROM model_files",
        "UPDATE tuf_metadata SET content = ''",
        "UPDATE tuf_metadata SET version = 99",
        "UPDATE model_overrides SET reason = ''",
        "DELETE FROM model_overrides",
        "DELETE FROM model_reports",
    ],
)
def test_no_service_changes_what_was_registered_or_signed(repository: Repository, role: str, statement: str) -> None:
    repository.add("m-1", b"one")
    with (
        psycopg.connect(repository.database.url(role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
