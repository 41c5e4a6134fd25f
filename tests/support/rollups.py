"""A plant with rollups of many days, written straight into the tables: for tests and figures of what reads them."""

from datetime import date

import psycopg

PLACES = """
INSERT INTO sites (name, time_zone, profile)
SELECT name, zone, 'safety' FROM (VALUES ('Arequipa', 'America/Lima'), ('Lima', 'America/Lima'),
    ('Madrid', 'Europe/Madrid')) AS s (name, zone);
INSERT INTO areas (site_id, name)
SELECT s.id, a.name FROM sites s, (VALUES ('Almacén'), ('Control'), ('Montaje'), ('Prensas')) AS a (name);
INSERT INTO stations (area_id, name) SELECT a.id, 'Puesto ' || n FROM areas a, generate_series(1, 5) n;
INSERT INTO shifts (site_id, name, starts, ends)
SELECT s.id, h.name, h.starts::time, h.ends::time
FROM sites s, (VALUES ('Mañana', '06:00', '14:00'), ('Tarde', '14:00', '22:00'), ('Noche', '22:00', '06:00'))
    AS h (name, starts, ends);
"""

PEOPLE = """
INSERT INTO employees (site_id, pseudonym)
SELECT s.id, 'P' || lpad(n::text, 4, '0')
FROM generate_series(1, %(employees)s) n
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM sites) s ON s.place = n %% 3;
"""

# Each person keeps to one area and one shift, and is away two days in seven; nights show more tiredness.
WINDOWS = """
WITH posts AS (
    SELECT e.id AS employee_id, e.site_id, a.id AS area_id, h.id AS shift_id, h.name AS shift, h.starts, s.time_zone,
        e.id AS device_id
    FROM employees e
    JOIN sites s ON s.id = e.site_id
    JOIN LATERAL (SELECT id FROM areas WHERE site_id = e.site_id ORDER BY id OFFSET e.id / 3 %% 4 LIMIT 1) a ON true
    JOIN LATERAL (
        SELECT id, name, starts FROM shifts WHERE site_id = e.site_id ORDER BY id OFFSET e.id / 12 %% 3 LIMIT 1
    ) h ON true
), filled AS (
    SELECT p.*, d.day, (d.day + p.starts) AT TIME ZONE p.time_zone + n.n * interval '5 minutes' AS bucket_at,
        abs(hashint8(p.employee_id * 1000003 + d.day_number * 97 + n.n)::bigint) AS chance
    FROM posts p
    CROSS JOIN (
        SELECT %(last)s::date - k AS day, k AS day_number FROM generate_series(0, %(days)s - 1) k
    ) d
    CROSS JOIN generate_series(0, 95, %(step)s) AS n (n)
    WHERE (p.employee_id + d.day_number) %% 7 < 5
), measured AS (
    SELECT *, 200000 + chance %% 90000 AS observed,
        CASE WHEN shift = 'Noche' THEN 30000 ELSE 10000 END + chance %% 7000 AS tired, chance / 7 %% 20000 AS stressed
    FROM filled
)
INSERT INTO rollup_windows (
    device_id, bucket_at, employee_id, shift_id, shift_date, area_id, site_id, windows, captured_ms, observed_ms,
    neutral_ms, stress_ms, sad_ms, happy_ms, fatigue_ms, neutral_weight, stress_weight, sad_weight, happy_weight,
    fatigue_weight, stress_episodes, fatigue_episodes, model_versions)
SELECT device_id, bucket_at, employee_id, shift_id, day, area_id, site_id, 5, 300000, observed,
    observed - tired - stressed, stressed, 0, 0, tired, (observed - tired - stressed) * 1000000, stressed * 1000000,
    0, 0, tired * 1000000, (chance %% 97 = 0)::int, (chance %% 53 = 0)::int, ARRAY['demo-1']
FROM measured;
"""

SUMMED = (
    "windows, captured_ms, observed_ms, neutral_ms, stress_ms, sad_ms, happy_ms, fatigue_ms, neutral_weight, "
    "stress_weight, sad_weight, happy_weight, fatigue_weight, stress_episodes, fatigue_episodes"
)
COLUMNS = f"{SUMMED}, model_versions"
KEYS = "employee_id, shift_id, shift_date, area_id, site_id"
MEASURES = ", ".join(f"sum({name})" for name in SUMMED.split(", "))

SHIFTS = f"""
INSERT INTO rollup_shifts (
    employee_id, shift_id, shift_date, site_id, starts_at, ends_at, scheduled_ms, state, revision, {COLUMNS})
SELECT employee_id, shift_id, shift_date, site_id, min(bucket_at), min(bucket_at) + interval '8 hours', 28800000,
    'final', 0, {MEASURES}, ARRAY['demo-1']
FROM rollup_windows GROUP BY employee_id, shift_id, shift_date, site_id;
INSERT INTO rollup_areas (
    area_id, shift_id, shift_date, site_id, employees, starts_at, ends_at, scheduled_ms, state, revision,
    {COLUMNS})
SELECT area_id, shift_id, shift_date, site_id, count(DISTINCT employee_id), min(bucket_at),
    min(bucket_at) + interval '8 hours', 28800000 * count(DISTINCT employee_id), 'final', 0, {MEASURES}, ARRAY['demo-1']
FROM rollup_windows GROUP BY area_id, shift_id, shift_date, site_id;
"""


def fill(
    connection: psycopg.Connection[tuple[object, ...]], *, employees: int, days: int, last: date, every: int = 1
) -> int:
    """Three sites, twelve areas, `employees` people over `days` days up to `last`; return the five-minute rows.

    Of each shift's 96 stretches of five minutes only each `every`-th is there.
    """
    connection.execute(PLACES)
    connection.execute(PEOPLE, {"employees": employees})
    rows = connection.execute(WINDOWS, {"days": days, "last": last, "step": every}).rowcount
    connection.execute(SHIFTS)
    connection.commit()
    connection.execute("ANALYZE")
    connection.commit()
    return rows
