"""Publishing all that is over, at once, for tests and figures of what reads the views for Human Resources."""

from datetime import timedelta

import psycopg

from stressvision_store import publication
from stressvision_store.session import transaction
from support.database import Database
from support.rollups import COLUMNS, MEASURES

K = 5
AT_ONCE = timedelta(0)


def publish(database: Database, *, k: int = K) -> list[publication.Published]:
    """Publish every day that is over, as the worker does; what came of each."""
    engine = database.engine("stressvision_worker")
    with transaction(engine) as session:
        days = publication.due_days(session, quiet=AT_ONCE, limit=10_000)
    done = []
    for day in days:
        with transaction(engine) as session:
            done.append(publication.publish_day(session, day, k=k, quiet=AT_ONCE))
    return [each for each in done if each is not None]


def forget(database: Database) -> None:
    """Take back all that was published, which nobody but the owner can."""
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute("TRUNCATE published_days CASCADE")


_WINDOWS = f"""
INSERT INTO rollup_windows (device_id, bucket_at, employee_id, shift_id, shift_date, area_id, site_id, {COLUMNS})
SELECT 1000000 + r.area_id * 10000 + r.shift_id * 1000 + n, r.starts_at, r.area_id * 10000 + r.shift_id * 1000 + n,
    r.shift_id, r.shift_date, r.area_id, r.site_id, r.windows, {{each}}, r.model_versions
FROM rollup_areas r CROSS JOIN LATERAL generate_series(1, r.employees) AS n
"""


def people_of_areas(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Windows for the area rollups that were written by hand: each person a whole share, the first one what is over."""
    names = [name.removeprefix("sum(").removesuffix(")") for name in MEASURES.split(", ")][1:]
    each = ", ".join(f"r.{name} / r.employees + CASE n WHEN 1 THEN r.{name} % r.employees ELSE 0 END" for name in names)
    connection.execute("TRUNCATE rollup_windows")
    connection.execute(_WINDOWS.format(each=each))  # type: ignore[arg-type]
