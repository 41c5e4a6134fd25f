"""Looks of a safety officer, straight into the tables: for tests of what is seen while they last."""

import psycopg

_CONSENTS = """
INSERT INTO consents (employee_id, notice_version, given_at)
SELECT id, '1', '2020-01-01Z' FROM employees e WHERE NOT EXISTS (SELECT FROM consents c WHERE c.employee_id = e.id)
"""
_LOOKS = """
INSERT INTO looks (employee_id, officer, reason, until)
SELECT id, 'Rosa', 'a test of what is seen', now() + interval '8 hours' FROM employees
WHERE %(pseudonym)s::text IS NULL OR pseudonym = %(pseudonym)s ORDER BY id LIMIT %(most)s
"""


def look_at_everybody(connection: psycopg.Connection[tuple[object, ...]], *, most: int | None = None) -> None:
    """All employees (or the first `most`) consent, if they have not said anything, and are looked at."""
    connection.execute(_CONSENTS)
    connection.execute(_LOOKS, {"pseudonym": None, "most": most})


def look_at(connection: psycopg.Connection[tuple[object, ...]], pseudonym: str) -> None:
    """That employee, who consents, is looked at."""
    made = connection.execute(_LOOKS, {"pseudonym": pseudonym, "most": None})
    assert made.rowcount == 1, pseudonym
