"""Looks of a safety officer at everybody, straight into the tables: for tests of what is seen while they last."""

import psycopg

_CONSENTS = """
INSERT INTO consents (employee_id, notice_version, given_at)
SELECT id, '1', '2020-01-01Z' FROM employees e WHERE NOT EXISTS (SELECT FROM consents c WHERE c.employee_id = e.id)
"""
_LOOKS = """
INSERT INTO looks (employee_id, officer, reason, until)
SELECT id, 'Rosa', 'a test of what is seen', now() + interval '8 hours' FROM employees ORDER BY id LIMIT %s
"""


def look_at_everybody(connection: psycopg.Connection[tuple[object, ...]], *, most: int | None = None) -> None:
    """All employees (or the first `most`) consent, if they have not said anything, and are looked at."""
    connection.execute(_CONSENTS)
    connection.execute(_LOOKS, [most])
