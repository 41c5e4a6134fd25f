-- The audit becomes a chain: each link is the SHA-256 of the link before it and of its entry.
-- Links are made when a transaction commits, one after the other, behind the one row of `audit_head`: so the chain
-- never forks, and nobody holds that row while waiting for anything else.

CREATE TABLE audit_links (
    place BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (place),
    UNIQUE (entry_id),
    FOREIGN KEY(entry_id) REFERENCES audit (id)
);

-- Where the chain ends, and where it begins since entries too old to be kept are gone.
CREATE TABLE audit_head (
    id INTEGER NOT NULL,
    place BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    dropped_place BIGINT NOT NULL,
    dropped_hash BYTEA NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT audit_head_one_row CHECK (id = 1)
);
INSERT INTO audit_head VALUES (1, 0, decode(repeat('00', 32), 'hex'), 0, decode(repeat('00', 32), 'hex'));

-- The same as `audit_chain.hash_of`: fixed widths, so that no two entries read the same.
CREATE FUNCTION audit_hash(previous bytea, entry audit) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(previous
        || sha256(convert_to(entry.id::text, 'UTF8'))
        || sha256(convert_to((extract(epoch FROM entry.at) * 1000000)::bigint::text, 'UTF8'))
        || sha256(convert_to(entry.actor, 'UTF8'))
        || sha256(convert_to(entry.action, 'UTF8'))
        || sha256(convert_to(entry.subject, 'UTF8'))
        || sha256(convert_to(entry.detail::text, 'UTF8')))
$$;

CREATE FUNCTION link_audit_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head audit_head;
BEGIN
    UPDATE audit_head SET place = place + 1, hash = audit_hash(hash, NEW) RETURNING * INTO STRICT head;
    INSERT INTO audit_links (place, entry_id, hash) VALUES (head.place, NEW.id, head.hash);
    RETURN NULL;
END $$;

-- What is there already, in the order in which it was written.
DO $$
DECLARE
    entry audit;
    head audit_head;
BEGIN
    FOR entry IN SELECT * FROM audit ORDER BY id LOOP
        UPDATE audit_head SET place = place + 1, hash = audit_hash(hash, entry) RETURNING * INTO STRICT head;
        INSERT INTO audit_links (place, entry_id, hash) VALUES (head.place, entry.id, head.hash);
    END LOOP;
END $$;

CREATE CONSTRAINT TRIGGER audit_linked AFTER INSERT ON audit
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION link_audit_entry();

-- Grants keep everybody from changing an entry; this keeps the owner from doing it by mistake.
CREATE FUNCTION keep_audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('stressvision.audit_retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_links_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_links
FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();

-- Drops the oldest entries, all written before the bound; the hash of the last one stays, and the chain goes on from it.
CREATE FUNCTION drop_audit_entries(before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    last bigint;
    gone bigint;
BEGIN
    IF before > now() - interval '3 years' THEN
        RAISE EXCEPTION 'the audit is kept for three years at least, not from % on', before;
    END IF;
    PERFORM FROM audit_head FOR UPDATE;
    SELECT coalesce(min(l.place) - 1, (SELECT place FROM audit_head)) INTO last
    FROM audit_links l JOIN audit a ON a.id = l.entry_id WHERE a.at >= before;
    UPDATE audit_head h SET dropped_place = l.place, dropped_hash = l.hash FROM audit_links l WHERE l.place = last;
    PERFORM set_config('stressvision.audit_retention', 'on', true);
    WITH links AS (DELETE FROM audit_links WHERE place <= last RETURNING entry_id)
    SELECT count(*) INTO gone FROM links;
    DELETE FROM audit a WHERE NOT EXISTS (SELECT FROM audit_links l WHERE l.entry_id = a.id) AND a.at < before;
    PERFORM set_config('stressvision.audit_retention', 'off', true);
    RETURN gone;
END $$;

-- The first place among the newest links that does not fit, or 0. For an alarm only: who can change the audit can change
-- this, too. `stressvision audit verify` looks at all, elsewhere.
CREATE FUNCTION audit_broken_place(newest bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH head AS (SELECT * FROM audit_head), looked AS (
        SELECT l.place, l.hash, a AS entry, a.id, lag(l.hash) OVER (ORDER BY l.place) AS previous,
            l.place - lag(l.place) OVER (ORDER BY l.place) AS step
        FROM audit_links l LEFT JOIN audit a ON a.id = l.entry_id
        WHERE l.place > (SELECT place FROM head) - newest
    )
    SELECT coalesce(min(place), 0) FROM (
        SELECT place FROM looked
        WHERE id IS NULL OR step <> 1 OR (previous IS NOT NULL AND hash <> audit_hash(previous, entry))
        UNION ALL
        SELECT head.place FROM head
        WHERE head.place > head.dropped_place
          AND NOT EXISTS (SELECT FROM audit_links l WHERE l.place = head.place AND l.hash = head.hash)
    ) broken
$$;

REVOKE ALL ON FUNCTION audit_broken_place, audit_hash, link_audit_entry, keep_audit, drop_audit_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_audit_entries, audit_broken_place TO stressvision_worker;
GRANT SELECT ON audit_links, audit_head TO stressvision_control;
