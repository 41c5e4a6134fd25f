-- Daily partitions of `events`. Only the owner of a table may give it partitions, and the worker must not own it:
-- hence functions that run as the owner.

-- The smallest UUIDv7 of a day (UTC): 48 bits of milliseconds, the rest zero.
CREATE FUNCTION event_id_bound(day date) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT (lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partitions of first … last that are missing; rows that already wait in the default partition move over.
CREATE FUNCTION ensure_event_partitions(first date, last date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    day date;
    name text;
    made integer := 0;
BEGIN
    IF last - first > 1000 THEN
        RAISE EXCEPTION 'no more than 1000 days at once: % to %', first, last;
    END IF;
    PERFORM pg_advisory_xact_lock(x'53560003'::integer);
    FOR day IN SELECT first + n FROM generate_series(0, last - first) AS n LOOP
        name := 'events_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
        LOCK TABLE public.events_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.events INCLUDING DEFAULTS INCLUDING INDEXES)', name);
        EXECUTE format(
            'WITH moved AS (DELETE FROM public.events_default WHERE event_id >= %L AND event_id < %L RETURNING *) '
            'INSERT INTO public.%I SELECT * FROM moved', event_id_bound(day), event_id_bound(day + 1), name);
        EXECUTE format('ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            name, event_id_bound(day), event_id_bound(day + 1));
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Drops the oldest partition whose day is before `before`; no row comes back when there is none.
-- What the partition holds of events that started later (a clock that lagged) goes to the default partition first.
-- The horizon moves with it: rollups from before it can no longer be recomputed, and stand.
CREATE FUNCTION drop_oldest_event_partition(before date)
RETURNS TABLE (partition_name text, dropped bigint, kept bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    bound timestamptz := before::timestamp AT TIME ZONE 'UTC';
    total bigint;
BEGIN
    SELECT c.relname INTO partition_name
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.events'::regclass AND c.relname ~ '^events_[0-9]{8}$'
      AND c.relname < 'events_' || to_char(before, 'YYYYMMDD')
    ORDER BY c.relname LIMIT 1;
    IF partition_name IS NULL THEN
        RETURN;
    END IF;
    PERFORM move_raw_horizon(bound);
    EXECUTE format('ALTER TABLE public.events DETACH PARTITION public.%I', partition_name);
    EXECUTE format('SELECT count(*) FROM public.%I', partition_name) INTO total;
    EXECUTE format('INSERT INTO public.events SELECT * FROM public.%I WHERE started_at >= $1', partition_name) USING bound;
    GET DIAGNOSTICS kept = ROW_COUNT;
    EXECUTE format('DROP TABLE public.%I', partition_name);
    dropped := total - kept;
    RETURN NEXT;
END $$;

-- Deletes what lies in the default partition (absurd clocks) and started, or arrived, before the day.
CREATE FUNCTION purge_default_events(before date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    bound timestamptz := before::timestamp AT TIME ZONE 'UTC';
    gone bigint;
BEGIN
    PERFORM move_raw_horizon(bound);
    DELETE FROM public.events_default WHERE started_at < bound OR received_at < bound;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- Waits for the drains that are reading raw events, and tells the next ones how far back they may read.
CREATE FUNCTION move_raw_horizon(bound timestamptz) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT pg_advisory_xact_lock(x'53560004'::integer);
    INSERT INTO public.raw_horizon (id, kept_from) VALUES (1, bound)
    ON CONFLICT (id) DO UPDATE SET kept_from = greatest(raw_horizon.kept_from, excluded.kept_from);
$$;

REVOKE ALL ON FUNCTION ensure_event_partitions, drop_oldest_event_partition, purge_default_events, move_raw_horizon
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_event_partitions, drop_oldest_event_partition, purge_default_events
TO stressvision_worker;
