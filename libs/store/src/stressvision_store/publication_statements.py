"""The SQL of publishing a site's day. It reads `atoms`: five minutes of a person that no published day had."""

from stressvision_store.attribution import breaks

DUE = """
SELECT r.site_id, r.shift_date
FROM rollup_areas r JOIN sites s ON s.id = r.site_id
WHERE s.profile <> 'off' AND (:site_id ::integer IS NULL OR r.site_id = :site_id)
  AND (:shift_date ::date IS NULL OR r.shift_date = :shift_date)
  AND NOT EXISTS (SELECT FROM published_days d WHERE d.site_id = r.site_id AND d.shift_date = r.shift_date)
GROUP BY r.site_id, s.time_zone, r.shift_date
HAVING max(greatest(r.ends_at, r.computed_at)) <= now() - :quiet ::interval
   -- every shift of that date, those that nobody was seen in included
   AND NOT EXISTS (
        SELECT FROM shifts h
        WHERE h.site_id = r.site_id AND extract(isodow FROM r.shift_date) = ANY(h.weekdays)
          AND (r.shift_date + CASE WHEN h.ends <= h.starts THEN 1 ELSE 0 END + h.ends) AT TIME ZONE s.time_zone
              > now() - :quiet ::interval)
   AND NOT EXISTS (
        SELECT FROM dirty_windows m
        JOIN placements p ON p.device_id = m.device_id
        JOIN stations st ON st.id = p.station_id JOIN areas a ON a.id = st.area_id
        WHERE a.site_id = r.site_id
          AND m.bucket_at > min(r.starts_at) - interval '5 min' AND m.bucket_at < max(r.ends_at))
ORDER BY r.shift_date, r.site_id
LIMIT :limit
"""
"""Days that are over and quiet; of one site and date, or of all."""

_ATOMS = """
atoms AS MATERIALIZED (
    SELECT w.*, r.starts_at,
        greatest(0, floor(extract(epoch FROM w.bucket_at - r.starts_at) / 3600))::smallint AS hour_of_shift
    FROM rollup_areas r
    JOIN rollup_windows w ON w.area_id = r.area_id AND w.shift_id = r.shift_id AND w.shift_date = r.shift_date
    WHERE r.site_id = :site_id AND r.shift_date = :shift_date AND NOT EXISTS (
        SELECT FROM published_spans s
        WHERE s.device_id = w.device_id AND s.times @> w.bucket_at
          AND s.shift_date BETWEEN :shift_date ::date - 3 AND :shift_date ::date + 3)
)"""
"""A shift or a time zone that is edited moves what was seen to another date; by three days at most."""

CELLS = "SELECT count(*) FROM rollup_areas WHERE site_id = :site_id AND shift_date = :shift_date"

PEOPLE = f"""
WITH {_ATOMS}
SELECT area_id, shift_id, hour_of_shift, array_agg(DISTINCT employee_id) AS people
FROM atoms WHERE observed_ms > 0 GROUP BY 1, 2, 3
"""  # noqa: S608

PUBLISH_DAY = """
INSERT INTO published_days (site_id, shift_date, published_at, k, cells, hour_cells)
VALUES (:site_id, :shift_date, clock_timestamp(), :k, :cells, :hour_cells)
ON CONFLICT DO NOTHING RETURNING site_id
"""
"""The time is taken with the site held: a report that was made before is then older than what it has not got."""

_SHARE = "greatest(0.01, least(0.99, round({0}::numeric / nullif(t.observed_ms, 0), 2)))"
_SUMS = ", ".join(
    f"sum({name}) AS {name}"
    for name in (
        "observed_ms", "stress_ms", "fatigue_ms", "sad_ms", "happy_ms", "stress_episodes", "fatigue_episodes",
    )
)  # fmt: skip
_PEOPLE = "count(DISTINCT employee_id) FILTER (WHERE observed_ms > 0) AS people"

_SEEN = """
SELECT NOT EXISTS (
        SELECT FROM profile_spans n WHERE n.site_id = r.site_id AND n.profile IN ('off', 'fatigue_only')
          AND n.since < r.ends_at AND n.until > r.starts_at) AS stress,
    NOT EXISTS (
        SELECT FROM profile_spans n WHERE n.site_id = r.site_id AND n.profile <> 'full'
          AND n.since < r.ends_at AND n.until > r.starts_at) AS moods"""
"""What the profile of then let exist. "Nobody looked" must not read as "nobody was"."""

PUBLISH_CELLS = f"""
WITH {_ATOMS}, chosen AS (
    SELECT * FROM unnest(:areas ::integer[], :shifts ::integer[], :hours ::integer[]) AS c(area_id, shift_id, hours)
), cells AS (
    INSERT INTO published_cells (
        site_id, shift_date, area_id, shift_id, people, starts_at, observed_hours, coverage, stress_share,
        fatigue_share, sad_share, happy_share, stress_episodes_per_hour, fatigue_episodes_per_hour, hours,
        model_versions, computed_at)
    SELECT r.site_id, r.shift_date, c.area_id, c.shift_id, t.people, r.starts_at, round(t.observed_ms / 3600000.0),
        round(least(t.observed_ms::numeric / nullif(r.scheduled_ms, 0), 1), 2),
        CASE WHEN enough AND seen.stress THEN {_SHARE.format("t.stress_ms")} END,
        CASE WHEN enough THEN {_SHARE.format("t.fatigue_ms")} END,
        CASE WHEN enough AND seen.moods THEN {_SHARE.format("t.sad_ms")} END,
        CASE WHEN enough AND seen.moods THEN {_SHARE.format("t.happy_ms")} END,
        CASE WHEN enough AND seen.stress THEN round(t.stress_episodes * 3600000.0 / t.observed_ms, 2) END,
        CASE WHEN enough THEN round(t.fatigue_episodes * 3600000.0 / t.observed_ms, 2) END,
        c.hours, t.versions, r.computed_at
    FROM chosen c
    JOIN rollup_areas r ON r.area_id = c.area_id AND r.shift_id = c.shift_id AND r.shift_date = :shift_date
    CROSS JOIN LATERAL (
        SELECT {_PEOPLE}, {_SUMS}, (
            SELECT array_agg(DISTINCT v COLLATE "C") FROM atoms o, unnest(o.model_versions) AS v
            WHERE o.area_id = c.area_id AND o.shift_id = c.shift_id) AS versions
        FROM atoms WHERE area_id = c.area_id AND shift_id = c.shift_id
    ) t
    CROSS JOIN LATERAL (SELECT t.observed_ms >= 0.2 * r.scheduled_ms AS enough) q
    CROSS JOIN LATERAL ({_SEEN}) seen
    RETURNING id, area_id, shift_id
), members AS (
    INSERT INTO published_members (cell_id, employee_id)
    SELECT DISTINCT c.id, o.employee_id FROM cells c JOIN atoms o USING (area_id, shift_id)
)
SELECT id, area_id, shift_id FROM cells
"""  # noqa: S608

_SCHEDULED = f"""
SELECT coalesce(sum(extract(epoch FROM upper(part) - lower(part)) * 1000), 0) AS ms
FROM unnest(
    tstzmultirange(tstzrange(f.hour_at, greatest(f.hour_at, least(f.hour_at + interval '1 hour', f.ends_at))))
    - coalesce((
        SELECT range_agg(tstzrange(pause.starts_at, pause.ends_at))
        FROM ({breaks(occurrence="f", zone="f.time_zone")}) pause
        WHERE pause.starts_at < pause.ends_at), '{{}}'::tstzmultirange)
) AS part"""  # noqa: S608

PUBLISH_HOURS = f"""
WITH {_ATOMS}, frames AS MATERIALIZED (
    SELECT c.id, c.area_id, c.shift_id, c.site_id, c.shift_date, r.starts_at, r.ends_at, h.starts AS starts_local,
        s.time_zone, n.hour_of_shift::smallint AS hour_of_shift,
        r.starts_at + n.hour_of_shift * interval '1 hour' AS hour_at
    FROM unnest(:cells ::bigint[], :hours ::integer[]) AS n(cell_id, hour_of_shift)
    JOIN published_cells c ON c.id = n.cell_id
    JOIN rollup_areas r ON r.area_id = c.area_id AND r.shift_id = c.shift_id AND r.shift_date = c.shift_date
    JOIN shifts h ON h.id = c.shift_id JOIN sites s ON s.id = c.site_id
)
INSERT INTO published_hours (
    cell_id, hour_of_shift, site_id, shift_date, area_id, shift_id, hour_at, weekday, local_hour, people,
    observed_hours, coverage, stress_share, fatigue_share)
SELECT f.id, f.hour_of_shift, f.site_id, f.shift_date, f.area_id, f.shift_id, f.hour_at,
    extract(isodow FROM f.shift_date), extract(hour FROM f.hour_at AT TIME ZONE f.time_zone), t.people,
    round(t.observed_ms / 3600000.0),
    round(least(t.observed_ms::numeric / nullif(scheduled.ms * t.people, 0), 1), 2),
    CASE WHEN enough AND seen.stress THEN {_SHARE.format("t.stress_ms")} END,
    CASE WHEN enough THEN {_SHARE.format("t.fatigue_ms")} END
FROM frames f
JOIN (
    SELECT area_id, shift_id, hour_of_shift, {_PEOPLE}, {_SUMS} FROM atoms GROUP BY 1, 2, 3
) t ON t.area_id = f.area_id AND t.shift_id = f.shift_id AND t.hour_of_shift = f.hour_of_shift
CROSS JOIN LATERAL ({_SCHEDULED}) scheduled
CROSS JOIN LATERAL (SELECT t.observed_ms >= 0.2 * scheduled.ms * t.people AS enough) q
CROSS JOIN LATERAL ({_SEEN.replace("r.", "f.")}) seen
"""  # noqa: S608

TAKE_SPANS = f"""
WITH {_ATOMS}
INSERT INTO published_spans (device_id, site_id, shift_date, times)
SELECT device_id, :site_id, :shift_date, range_agg(tstzrange(bucket_at, bucket_at + interval '5 min'))
FROM atoms GROUP BY device_id
"""  # noqa: S608

CHANGED = """
SELECT count(*) FROM published_days d JOIN rollup_areas r ON r.site_id = d.site_id AND r.shift_date = d.shift_date
WHERE r.computed_at > d.published_at
"""
