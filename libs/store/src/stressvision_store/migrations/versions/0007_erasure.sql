-- Erasures, and the stretches of a device's time that must stay empty whatever arrives late or is restored.

CREATE TABLE erasures (
    id SERIAL NOT NULL,
    employee_id INTEGER NOT NULL,
    site_id INTEGER NOT NULL,
    erased_at timestamptz NOT NULL,
    erased_by VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    counts JSONB NOT NULL,
    late_events BIGINT DEFAULT 0 NOT NULL,
    audit_place BIGINT NOT NULL,
    audit_hash BYTEA NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE erased_spans (
    erasure_id INTEGER NOT NULL,
    device_id INTEGER NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, from_at, erasure_id),
    FOREIGN KEY(erasure_id) REFERENCES erasures (id)
);

-- Deletes the observations that lie in an erased span and in one of the runs, and counts them with their erasure.
CREATE FUNCTION drop_erased_events(devices integer[], froms timestamptz[], tos timestamptz[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    span record;
    gone bigint;
    total bigint := 0;
BEGIN
    FOR span IN
        SELECT DISTINCT s.erasure_id, s.device_id, s.from_at, s.to_at
        FROM unnest(devices, froms, tos) AS run(device_id, from_at, to_at)
        JOIN erased_spans s ON s.device_id = run.device_id AND s.from_at < run.to_at AND s.to_at > run.from_at
    LOOP
        DELETE FROM events e
        WHERE e.device_id = span.device_id AND e.started_at >= span.from_at AND e.started_at < span.to_at
          AND e.kind IN (1, 2);
        GET DIAGNOSTICS gone = ROW_COUNT;
        IF gone > 0 THEN
            UPDATE erasures SET late_events = late_events + gone WHERE id = span.erasure_id;
            total := total + gone;
        END IF;
    END LOOP;
    RETURN total;
END $$;

REVOKE ALL ON FUNCTION drop_erased_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_erased_events TO stressvision_worker;
GRANT SELECT, INSERT ON erasures, erased_spans TO stressvision_control;
GRANT UPDATE (counts, audit_place, audit_hash) ON erasures TO stressvision_control;
GRANT USAGE ON SEQUENCE erasures_id_seq TO stressvision_control;
GRANT SELECT ON erasures, erased_spans TO stressvision_worker;

-- What the worker last did about the age of things: the report shows what is really applied.
CREATE TABLE retention_runs (
    rule VARCHAR NOT NULL,
    days INTEGER NOT NULL,
    applied_at timestamptz NOT NULL,
    dropped BIGINT NOT NULL,
    PRIMARY KEY (rule)
);

GRANT SELECT, INSERT, UPDATE ON retention_runs TO stressvision_worker;
GRANT SELECT ON retention_runs TO stressvision_control;
GRANT DELETE ON check_ins, erased_spans TO stressvision_worker;
