"""The SQL of the rollups. Sums are of whole numbers, so that any order gives the same row."""

from collections.abc import Mapping

from stressvision_contracts.labels import COMPANY5, CONDITIONS, PROFILE_CONDITIONS, PROFILE_LABELS, SiteProfile
from stressvision_store.attribution import SEGMENTS, SHIFT_BOUNDS
from stressvision_store.marks import BUCKET_SQL

CLAIM = """
WITH claimed AS (
    DELETE FROM dirty_windows WHERE id = ANY(ARRAY(
        SELECT id FROM dirty_windows WHERE :devices ::integer[] IS NULL OR device_id = ANY(:devices)
        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED))
    RETURNING device_id, bucket_at, marked_at)
SELECT device_id, bucket_at, count(*) AS marks, min(marked_at) AS marked_at FROM claimed GROUP BY 1, 2 ORDER BY 1, 2
"""

MARKED = """
SELECT array_agg(DISTINCT d.device_id) AS devices
FROM (SELECT DISTINCT device_id FROM dirty_windows) d
LEFT JOIN placements p USING (device_id)
LEFT JOIN stations s ON s.id = p.station_id LEFT JOIN areas a ON a.id = s.area_id
GROUP BY a.site_id ORDER BY a.site_id
"""

PREPARE = """
SELECT set_config('lock_timeout', :patience, true), set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('enable_seqscan', 'off', true), pg_advisory_xact_lock_shared(:raw)
"""
"""For this transaction: no plan made anew for every drain (25 ms with 40 partitions), and none that reads a day whole
because that day was empty when the plan was made.
"""

PUT_OLDEST_LAST = """
WITH oldest AS (
    DELETE FROM dirty_windows WHERE id = (SELECT id FROM dirty_windows ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING device_id, bucket_at, marked_at)
INSERT INTO dirty_windows (device_id, bucket_at, marked_at) SELECT * FROM oldest RETURNING device_id, bucket_at
"""

_SUMS = (
    "windows", "captured_ms", "observed_ms", *(f"{label}_ms" for label in COMPANY5),
    *(f"{label}_weight" for label in COMPANY5), "stress_episodes", "fatigue_episodes",
)  # fmt: skip
_MEASURES = (*_SUMS, "model_versions")
_WINDOW_KEY = ("device_id", "bucket_at", "employee_id", "shift_id", "shift_date")


def _changed(table: str, columns: tuple[str, ...]) -> str:
    """True when a conflicting row brings other values; an unchanged row is left alone, `computed_at` included."""
    ours = ", ".join(f"{table}.{column}" for column in columns)
    theirs = ", ".join(f"excluded.{column}" for column in columns)
    return f"({ours}) IS DISTINCT FROM ({theirs})"


def _overwrite(columns: tuple[str, ...]) -> str:
    return ", ".join(f"{column} = excluded.{column}" for column in columns)


_CAPTURED_MS = "greatest(0, (round(date_part('epoch', e.ended_at - e.started_at) * 1000000)::bigint + 500) / 1000)"
"""Whole microseconds, which a double holds exactly, rounded half up: numeric arithmetic would cost 0.5 µs an event."""

_LABELS = ", ".join(f"e.{label}_ms, e.{label}_ppm" for label in COMPANY5)
_NEEDED = f"e.started_at, e.ended_at, e.kind, e.condition, e.episode_id, e.model_version, e.coverage_ppm, {_LABELS}"


def _profiles_without(word: str, of: Mapping[SiteProfile, frozenset[str]]) -> str:
    """The profiles, as SQL words, under which `word` may not exist."""
    return ", ".join(repr(profile) for profile, words in of.items() if word not in words)


def _permitted(label: str) -> str:
    forbidding = f"segment.profile IN ({_profiles_without(label, PROFILE_LABELS)})"
    return ", ".join(
        f"CASE WHEN {forbidding} THEN 0 ELSE e.{label}_{unit} END AS {label}_{unit}" for unit in ("ms", "ppm")
    )


_PERMITTED = ", ".join(_permitted(label) for label in COMPANY5)
"""What the profile of the moment forbids counts as nothing, whatever the device sent."""

_FORBIDDEN_EPISODE = " OR ".join(
    f"(e.condition = {number} AND segment.profile IN ({_profiles_without(condition, PROFILE_CONDITIONS)}))"
    for number, condition in enumerate(CONDITIONS, 1)
)

_EVENTS = f"""
    SELECT segment.*, e.started_at, e.kind, e.condition, e.episode_id, e.model_version, e.captured_ms,
        (e.captured_ms * coalesce(e.coverage_ppm, 0) + 500000) / 1000000 AS observed_ms,
        {_PERMITTED}
    FROM segments segment
    CROSS JOIN LATERAL (
        SELECT {_NEEDED}, CASE WHEN e.kind = 1 THEN {_CAPTURED_MS} END AS captured_ms
        FROM events e
        WHERE e.device_id = segment.device_id AND e.started_at >= segment.at AND e.started_at < segment.until_at
          AND e.kind IN (1, 2) AND ({_FORBIDDEN_EPISODE}) IS NOT TRUE
        OFFSET 0
    ) e"""  # noqa: S608
"""Kind 1 is a window, 2 an episode; a gap (3) is no observation. The fold reads events by device and time only."""

_LABEL_SUMS = ", ".join(
    f"coalesce(sum({label}_ms), 0)::bigint AS {label}_ms, "
    f"coalesce(sum({label}_ppm * observed_ms), 0)::bigint AS {label}_weight"
    for label in COMPANY5
)

RECOMPUTE = f"""
WITH {SEGMENTS}, fresh AS MATERIALIZED (
    SELECT device_id, date_bin({BUCKET_SQL.format("started_at")}) AS bucket_at, employee_id, shift_id, shift_date,
        max(area_id) AS area_id, max(site_id) AS site_id,
        count(*) FILTER (WHERE kind = 1)::integer AS windows,
        coalesce(sum(captured_ms), 0)::bigint AS captured_ms, coalesce(sum(observed_ms), 0)::bigint AS observed_ms,
        {_LABEL_SUMS},
        count(DISTINCT episode_id) FILTER (WHERE condition = 1)::integer AS stress_episodes,
        count(DISTINCT episode_id) FILTER (WHERE condition = 2)::integer AS fatigue_episodes,
        array_agg(DISTINCT model_version::text COLLATE "C") AS model_versions
    FROM ({_EVENTS} WHERE segment.reason IS NULL) event
    GROUP BY 1, 2, 3, 4, 5
), old AS MATERIALIZED (
    SELECT w.* FROM runs CROSS JOIN LATERAL (
        SELECT w.ctid AS row_at, {", ".join(_WINDOW_KEY)}, area_id FROM rollup_windows w
        WHERE w.device_id = runs.device_id AND w.bucket_at >= runs.from_at AND w.bucket_at < runs.to_at OFFSET 0) w
), gone AS (
    DELETE FROM rollup_windows WHERE ctid = ANY(ARRAY(
        SELECT row_at FROM old WHERE ({", ".join(_WINDOW_KEY)}) NOT IN (SELECT {", ".join(_WINDOW_KEY)} FROM fresh)))
), written AS (
    INSERT INTO rollup_windows ({", ".join(_WINDOW_KEY)}, area_id, site_id, {", ".join(_MEASURES)})
    SELECT {", ".join(_WINDOW_KEY)}, area_id, site_id, {", ".join(_MEASURES)} FROM fresh
    ON CONFLICT ({", ".join(_WINDOW_KEY)}) DO UPDATE
    SET {_overwrite(("area_id", "site_id", *_MEASURES))}, computed_at = now()
    WHERE {_changed("rollup_windows", ("area_id", "site_id", *_MEASURES))}
), nobodys AS MATERIALIZED (
    SELECT device_id, date_bin({BUCKET_SQL.format("started_at")}) AS bucket_at, reason,
        count(*)::integer AS windows, sum(captured_ms)::bigint AS captured_ms
    FROM ({_EVENTS} WHERE segment.reason IS NOT NULL AND e.kind = 1) event
    GROUP BY 1, 2, 3
), nobodys_gone AS (
    DELETE FROM unattributed_windows WHERE ctid = ANY(ARRAY(
        SELECT u.row_at FROM runs CROSS JOIN LATERAL (
            SELECT u.ctid AS row_at, u.device_id, u.bucket_at, u.reason FROM unattributed_windows u
            WHERE u.device_id = runs.device_id AND u.bucket_at >= runs.from_at AND u.bucket_at < runs.to_at OFFSET 0) u
        WHERE (u.device_id, u.bucket_at, u.reason) NOT IN (SELECT device_id, bucket_at, reason FROM nobodys)))
), nobodys_written AS (
    INSERT INTO unattributed_windows (device_id, bucket_at, reason, windows, captured_ms)
    SELECT device_id, bucket_at, reason, windows, captured_ms FROM nobodys
    ON CONFLICT (device_id, bucket_at, reason) DO UPDATE SET {_overwrite(("windows", "captured_ms"))}
    WHERE {_changed("unattributed_windows", ("windows", "captured_ms"))}
)
SELECT DISTINCT employee_id, area_id, shift_id, shift_date FROM (
    SELECT employee_id, area_id, shift_id, shift_date FROM old
    UNION ALL SELECT employee_id, area_id, shift_id, shift_date FROM fresh) touched
"""  # noqa: S608
"""Recompute `rollup_windows` and `unattributed_windows` over the runs; return whose shifts and areas that touches.

The shape is meant: LATERAL with OFFSET 0, NOT IN and ctid leave the planner, which cannot know how many rows the CTEs
hold, no way to scan one CTE once for each row of another.
"""


def _summary(table: str, owner: str, *, people: bool) -> str:
    """Recompute rows of `table`, one for each (`owner`, shift, date), from `rollup_windows`.

    An area's scheduled time is that of one person times the number of people seen.
    """
    key = f"({owner}, shift_id, shift_date)"
    of_key = f"w.{owner} = key.{owner} AND w.shift_date = key.shift_date AND w.shift_id = key.shift_id"
    employees = ", count(DISTINCT w.employee_id)::integer AS employees" if people else ""
    columns = ("site_id", *(("employees",) if people else ()), "starts_at", "ends_at", "scheduled_ms", *_MEASURES)
    scheduled = "bounds.scheduled_ms * total.employees" if people else "bounds.scheduled_ms"
    versions = f"""CASE WHEN total.alike THEN total.versions ELSE (
        SELECT array_agg(DISTINCT v COLLATE "C") FROM rollup_windows w CROSS JOIN unnest(w.model_versions) AS v
        WHERE {of_key}) END"""  # noqa: S608
    values = ("bounds.site_id", *(("total.employees",) if people else ()), "bounds.starts_at", "bounds.ends_at",
              scheduled, *(f"total.{column}" for column in _SUMS), versions)  # fmt: skip
    types = {"windows": "integer", "stress_episodes": "integer", "fatigue_episodes": "integer"}
    sums = ", ".join(f"sum(w.{column})::{types.get(column, 'bigint')} AS {column}" for column in _SUMS)
    return f"""
WITH keys AS MATERIALIZED (
    SELECT * FROM unnest(:owners ::integer[], :shifts ::integer[], :dates ::date[]) AS k({owner}, shift_id, shift_date)
), fresh AS MATERIALIZED (
    SELECT key.{owner}, key.shift_id, key.shift_date, {", ".join(values)}
    FROM keys key
    CROSS JOIN LATERAL (
        SELECT {sums}{employees}, min(w.model_versions) AS versions,
            min(w.model_versions) = max(w.model_versions) AS alike
        FROM rollup_windows w WHERE {of_key} HAVING count(*) > 0) total
    CROSS JOIN LATERAL ({SHIFT_BOUNDS}) bounds
), gone AS (
    DELETE FROM {table} WHERE {key} IN (
        SELECT {owner}, shift_id, shift_date FROM keys
        WHERE {key} NOT IN (SELECT {owner}, shift_id, shift_date FROM fresh))
)
INSERT INTO {table} ({owner}, shift_id, shift_date, {", ".join(columns)}, state, revision)
SELECT *, 'provisional', 0 FROM fresh
ON CONFLICT {key} DO UPDATE SET {_overwrite(columns)}, computed_at = now(),
    state = CASE {table}.state WHEN 'provisional' THEN 'provisional' ELSE 'revised' END,
    revision = {table}.revision + CASE {table}.state WHEN 'provisional' THEN 0 ELSE 1 END
WHERE {_changed(table, columns)}
"""  # noqa: S608


SHIFTS = _summary("rollup_shifts", "employee_id", people=False)
AREAS = _summary("rollup_areas", "area_id", people=True)


def _finalise(table: str) -> str:
    return f"""
WITH dirty AS MATERIALIZED (
    SELECT DISTINCT a.site_id, date_bin('1 hour', d.bucket_at, 'epoch') AS hour
    FROM (SELECT DISTINCT device_id, bucket_at FROM dirty_windows) d
    JOIN placements p ON p.device_id = d.device_id
    JOIN stations st ON st.id = p.station_id JOIN areas a ON a.id = st.area_id)
UPDATE {table} r SET state = 'final', finalised_at = now()
WHERE r.state = 'provisional' AND r.ends_at < now() - :grace ::interval AND NOT EXISTS (
    SELECT FROM generate_series(
        date_bin('1 hour', r.starts_at, 'epoch'), r.ends_at - interval '1 us', interval '1 hour') AS hour
    WHERE (r.site_id, hour) IN (SELECT site_id, hour FROM dirty))
"""  # noqa: S608


FINALISE_SHIFTS = _finalise("rollup_shifts")
FINALISE_AREAS = _finalise("rollup_areas")

DEVICES_OF_EMPLOYEE = "SELECT DISTINCT device_id FROM rollup_windows WHERE employee_id = :employee_id"
ERASE_WINDOWS = """
DELETE FROM rollup_windows WHERE employee_id = :employee_id RETURNING area_id, shift_id, shift_date
"""
