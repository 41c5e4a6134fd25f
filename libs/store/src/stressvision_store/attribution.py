"""To whom a moment in front of a device belongs, as SQL: device → station → profile → shift → break → person → consent.

Everything is read as it stood at that moment. Local times become instants by `(date + time) AT TIME ZONE zone`: a time
that a clock change skips lies one hour later, one that it repeats means the second.
"""

CHECK_IN_LEAD = "interval '12 hours'"
"""Who checks in outside any shift counts for the next one that starts within this."""

CHECK_IN_REACH = "interval '48 hours'"
"""No check-in lasts longer: it ends with its shift, which is at most a day long and starts at most 12 hours later."""

DATES_AROUND = "generate_series(-1, 1)"
"""Days around the local date on which a shift that contains a moment can have started, with one to spare."""


def occurrences(*, site: str, zone: str, at: str, dates: str = DATES_AROUND) -> str:
    """Select every occurrence of the site's shifts near the instant `at`: shift, date, start and end as instants."""
    return f"""
        SELECT sh.id AS shift_id, day.shift_date, sh.starts AS starts_local,
            (day.shift_date + sh.starts) AT TIME ZONE {zone} AS starts_at,
            (day.shift_date + CASE WHEN sh.ends <= sh.starts THEN 1 ELSE 0 END + sh.ends) AT TIME ZONE {zone} AS ends_at
        FROM shifts sh
        CROSS JOIN (SELECT ({at} AT TIME ZONE {zone})::date + n AS shift_date FROM {dates} AS n) day
        WHERE sh.site_id = {site} AND extract(isodow FROM day.shift_date)::bigint = ANY(sh.weekdays)"""  # noqa: S608


def breaks(*, occurrence: str, zone: str) -> str:
    """Select start and end, as instants, of each break of an occurrence; one before the shift starts is a day later."""
    day = f"({occurrence}.shift_date + CASE WHEN b.starts < {occurrence}.starts_local THEN 1 ELSE 0 END)"
    return f"""
        SELECT ({day} + b.starts) AT TIME ZONE {zone} AS starts_at,
            ({day} + CASE WHEN b.ends <= b.starts THEN 1 ELSE 0 END + b.ends) AT TIME ZONE {zone} AS ends_at
        FROM shift_breaks b WHERE b.shift_id = {occurrence}.shift_id"""  # noqa: S608


_CHECK_IN_SHIFT = f"""
    SELECT own.shift_id, own.shift_date
    FROM ({occurrences(site="place.site_id", zone="place.time_zone", at="latest.checked_in_at")}) own
    WHERE own.ends_at > latest.checked_in_at AND own.starts_at <= latest.checked_in_at + {CHECK_IN_LEAD}
    ORDER BY own.starts_at <= latest.checked_in_at DESC,
        CASE WHEN own.starts_at <= latest.checked_in_at THEN own.starts_at END DESC,
        own.starts_at, own.shift_id DESC
    LIMIT 1"""  # noqa: S608
"""The shift in which a check-in was made (the one that started last), or else the next to start."""

_CHECK_IN = f"""
    SELECT latest.employee_id, own.shift_id, own.shift_date
    FROM (
        SELECT c.* FROM check_ins c
        WHERE c.station_id = place.station_id
          AND c.checked_in_at <= moment.at AND c.checked_in_at > moment.at - {CHECK_IN_REACH}
        ORDER BY c.checked_in_at DESC, c.id DESC LIMIT 1
    ) latest
    CROSS JOIN LATERAL ({_CHECK_IN_SHIFT}) own
    WHERE (latest.checked_out_at IS NULL OR latest.checked_out_at > moment.at)
      AND NOT EXISTS (
        SELECT FROM check_ins later
        WHERE later.employee_id = latest.employee_id AND later.checked_in_at <= moment.at
          AND (later.checked_in_at, later.id) > (latest.checked_in_at, latest.id))"""  # noqa: S608

_PLACE = """
    SELECT p.station_id, st.area_id, a.site_id, z.time_zone, (
        SELECT held.profile FROM profile_periods held
        WHERE held.site_id = z.id AND held.since <= moment.at ORDER BY held.since DESC LIMIT 1) AS profile
    FROM placements p
    JOIN stations st ON st.id = p.station_id JOIN areas a ON a.id = st.area_id JOIN sites z ON z.id = a.site_id
    WHERE p.device_id = moment.device_id AND p.placed_at <= moment.at
      AND (p.removed_at IS NULL OR p.removed_at > moment.at)
    ORDER BY p.placed_at DESC, p.id DESC LIMIT 1"""

_ROSTERED = """
    SELECT asg.id, asg.employee_id, asg.first_date FROM assignments asg
    WHERE asg.station_id = place.station_id AND asg.shift_id = o.shift_id AND asg.first_date <= o.shift_date
      AND (asg.last_date IS NULL OR asg.last_date >= o.shift_date)
    ORDER BY asg.first_date DESC, asg.id DESC LIMIT 1"""

_WHO = f"""
    SELECT o.shift_id, o.shift_date, o.in_break, coalesce(badge.employee_id, roster.employee_id) AS employee_id
    FROM (
        SELECT occurrence.*, EXISTS (
            SELECT FROM ({breaks(occurrence="occurrence", zone="place.time_zone")}) pause
            WHERE pause.starts_at <= moment.at AND moment.at < pause.ends_at) AS in_break
        FROM ({occurrences(site="place.site_id", zone="place.time_zone", at="moment.at")}) occurrence
        WHERE occurrence.starts_at <= moment.at AND moment.at < occurrence.ends_at
    ) o
    LEFT JOIN LATERAL ({_CHECK_IN}) badge
        ON NOT o.in_break AND badge.shift_id = o.shift_id AND badge.shift_date = o.shift_date
    LEFT JOIN LATERAL ({_ROSTERED}) roster ON NOT o.in_break
    ORDER BY o.in_break, badge.employee_id IS NULL, roster.id IS NULL, roster.first_date DESC, roster.id DESC
    LIMIT 1"""  # noqa: S608

_REASON = """
    CASE
        WHEN place.station_id IS NULL THEN 'no_station'
        WHEN place.profile = 'off' THEN 'profile'
        WHEN who.shift_id IS NULL THEN 'no_shift'
        WHEN who.in_break THEN 'break'
        WHEN who.employee_id IS NULL THEN 'no_employee'
        WHEN NOT EXISTS (
            SELECT FROM consents c WHERE c.employee_id = who.employee_id AND c.given_at <= moment.at
              AND (c.withdrawn_at IS NULL OR c.withdrawn_at > moment.at)) THEN 'no_consent'
        WHEN EXISTS (
            SELECT FROM objections ob WHERE ob.employee_id = who.employee_id AND ob.raised_at <= moment.at
              AND (ob.ended_at IS NULL OR ob.ended_at > moment.at)) THEN 'no_consent'
    END"""
"""Whoever objects is told apart from whoever did not consent by the person's own ledger alone."""

ATTRIBUTED = f"""
    SELECT moment.*, {_REASON} AS reason,
        who.employee_id, who.shift_id, who.shift_date, place.area_id, place.site_id, place.profile
    FROM moments moment
    LEFT JOIN LATERAL ({_PLACE}) place ON true
    LEFT JOIN LATERAL ({_WHO}) who ON place.station_id IS NOT NULL"""  # noqa: S608
"""Each row of `moments` (device_id, at, …) with its reason for belonging to nobody, or with employee, shift, area.

`profile` is the one in force at the site at that moment.
"""

_CONCERNED = f"""
    SELECT c.employee_id FROM check_ins c
    WHERE c.station_id = place.station_id
      AND c.checked_in_at > run.from_at - {CHECK_IN_REACH} AND c.checked_in_at < run.to_at
    UNION
    SELECT asg.employee_id FROM assignments asg WHERE asg.station_id = place.station_id"""  # noqa: S608

_CHANGES = f"""
    SELECT unnest(ARRAY[occurrence.starts_at, occurrence.ends_at, pause.starts_at, pause.ends_at])
    FROM ({occurrences(site="place.site_id", zone="place.time_zone", at="run.from_at")}) occurrence
    LEFT JOIN LATERAL ({breaks(occurrence="occurrence", zone="place.time_zone")}) pause ON true
    UNION ALL
    SELECT unnest(ARRAY[c.checked_in_at, c.checked_out_at]) FROM check_ins c
    WHERE c.station_id = place.station_id
      AND c.checked_in_at > run.from_at - {CHECK_IN_REACH} AND c.checked_in_at < run.to_at
    UNION ALL
    SELECT held.since FROM profile_periods held WHERE held.site_id = place.site_id
    UNION ALL
    SELECT unnest(ARRAY[ci.checked_in_at, cs.given_at, cs.withdrawn_at])
    FROM ({_CONCERNED}) person
    LEFT JOIN check_ins ci ON ci.employee_id = person.employee_id
      AND ci.checked_in_at > run.from_at AND ci.checked_in_at < run.to_at
    LEFT JOIN consents cs ON cs.employee_id = person.employee_id
    UNION ALL
    SELECT unnest(ARRAY[ob.raised_at, ob.ended_at])
    FROM ({_CONCERNED}) person JOIN objections ob ON ob.employee_id = person.employee_id"""  # noqa: S608

SEGMENTS = f"""
runs AS MATERIALIZED (
    SELECT * FROM unnest(:devices ::integer[], :froms ::timestamptz[], :tos ::timestamptz[])
        AS r(device_id, from_at, to_at)
), places AS MATERIALIZED (
    SELECT run.*, p.placed_at, p.removed_at, p.station_id, a.site_id, z.time_zone
    FROM runs run
    JOIN placements p ON p.device_id = run.device_id AND p.placed_at < run.to_at
      AND (p.removed_at IS NULL OR p.removed_at > run.from_at)
    JOIN stations st ON st.id = p.station_id JOIN areas a ON a.id = st.area_id JOIN sites z ON z.id = a.site_id
), moments AS MATERIALIZED (
    SELECT device_id, at, lead(at, 1, to_at) OVER (PARTITION BY device_id, from_at ORDER BY at) AS until_at
    FROM (
        SELECT device_id, from_at, to_at, from_at AS at FROM runs
        UNION
        SELECT device_id, from_at, to_at, unnest(ARRAY[placed_at, removed_at]) FROM places
        UNION
        SELECT place.device_id, place.from_at, place.to_at, change.at
        FROM places place CROSS JOIN LATERAL (SELECT place.*) run CROSS JOIN LATERAL ({_CHANGES}) change(at)
    ) change
    WHERE at >= from_at AND at < to_at
), segments AS MATERIALIZED ({ATTRIBUTED})"""  # noqa: S608
"""CTEs that cut each run (`:devices`, `:froms`, `:tos`; at most a day long) into stretches that belong to one and the
same person, or to nobody for one and the same reason: `segments` (device_id, at, until_at, reason, employee_id, …).

Attribution changes at few moments, so that asking once a stretch costs far less than asking for each event.
"""

SHIFT_BOUNDS = f"""
    SELECT z.id AS site_id, o.starts_at, o.ends_at, (
        SELECT coalesce(sum(extract(epoch FROM upper(part) - lower(part)) * 1000), 0)::bigint
        FROM unnest(
            tstzmultirange(tstzrange(o.starts_at, o.ends_at)) - coalesce((
                SELECT range_agg(tstzrange(pause.starts_at, pause.ends_at))
                FROM ({breaks(occurrence="o", zone="z.time_zone")}) pause
                WHERE pause.starts_at < pause.ends_at), '{{}}'::tstzmultirange)
        ) AS part) AS scheduled_ms
    FROM shifts s JOIN sites z ON z.id = s.site_id
    CROSS JOIN LATERAL (
        SELECT s.id AS shift_id, key.shift_date, s.starts AS starts_local,
            (key.shift_date + s.starts) AT TIME ZONE z.time_zone AS starts_at,
            (key.shift_date + CASE WHEN s.ends <= s.starts THEN 1 ELSE 0 END + s.ends) AT TIME ZONE z.time_zone
                AS ends_at
    ) o
    WHERE s.id = key.shift_id AND o.starts_at < o.ends_at"""  # noqa: S608
"""Site, start, end and time without breaks (ms) of the occurrence `key.shift_id`, `key.shift_date`."""
