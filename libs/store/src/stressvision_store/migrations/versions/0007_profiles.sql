-- A site's profile widens only when two people want it, and what held when is known. Notices have texts.

CREATE TABLE profile_changes (
    id SERIAL NOT NULL,
    site_id INTEGER NOT NULL,
    before VARCHAR NOT NULL,
    after VARCHAR NOT NULL,
    reason VARCHAR,
    state VARCHAR NOT NULL,
    proposed_by VARCHAR NOT NULL,
    proposed_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_by VARCHAR,
    decided_at timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY(site_id) REFERENCES sites (id),
    CONSTRAINT profile_changes_state CHECK (state IN ('proposed', 'applied', 'rejected', 'expired')),
    CONSTRAINT profile_changes_words CHECK (
        before IN ('off', 'fatigue_only', 'safety', 'full') AND after IN ('off', 'fatigue_only', 'safety', 'full')
    ),
    CONSTRAINT profile_changes_decided CHECK (
        (state IN ('applied', 'rejected')) = (decided_by IS NOT NULL AND decided_at IS NOT NULL)
    ),
    -- an actor is a person's name, and the token in brackets
    CONSTRAINT profile_changes_two_people CHECK (
        state <> 'applied'
        OR array_position(ARRAY['off', 'fatigue_only', 'safety', 'full'], after::text)
            < array_position(ARRAY['off', 'fatigue_only', 'safety', 'full'], before::text)
        OR (reason IS NOT NULL AND split_part(decided_by, ' (token ', 1) <> split_part(proposed_by, ' (token ', 1))
    )
);
CREATE UNIQUE INDEX profile_changes_one_proposal ON profile_changes (site_id) WHERE state = 'proposed';

-- Which profile held from when on. Rollups count what the profile of the moment let exist.
CREATE TABLE profile_periods (
    site_id INTEGER NOT NULL,
    since timestamptz NOT NULL,
    profile VARCHAR NOT NULL,
    PRIMARY KEY (site_id, since),
    FOREIGN KEY(site_id) REFERENCES sites (id) ON DELETE CASCADE
);
INSERT INTO profile_periods (site_id, since, profile) SELECT id, '2000-01-01T00:00Z', profile FROM sites;

CREATE FUNCTION note_profile() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO profile_periods (site_id, since, profile) VALUES (NEW.id, '2000-01-01T00:00Z', NEW.profile);
    ELSIF NEW.profile <> OLD.profile THEN
        INSERT INTO profile_periods (site_id, since, profile) VALUES (NEW.id, now(), NEW.profile)
        ON CONFLICT (site_id, since) DO UPDATE SET profile = excluded.profile;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sites_profile AFTER INSERT OR UPDATE OF profile ON sites
FOR EACH ROW EXECUTE FUNCTION note_profile();

-- The one way in which the control API changes a profile: by a change that was decided in this transaction.
CREATE FUNCTION apply_profile_change(change integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    wanted profile_changes;
BEGIN
    SELECT * INTO STRICT wanted FROM profile_changes WHERE id = change;
    UPDATE sites SET profile = wanted.after
    WHERE id = wanted.site_id AND profile = wanted.before AND wanted.state = 'applied' AND wanted.decided_at = now();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'profile change % is not one to apply now', change USING ERRCODE = 'check_violation';
    END IF;
END $$;

CREATE TABLE notices (
    version VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    published_by VARCHAR NOT NULL,
    published_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (version, language),
    CONSTRAINT notices_language CHECK (language IN ('es', 'en'))
);

ALTER TABLE consents ADD COLUMN language VARCHAR, ADD COLUMN recorded_by VARCHAR, ADD COLUMN withdrawn_by VARCHAR;

REVOKE ALL ON FUNCTION note_profile, apply_profile_change FROM PUBLIC;
GRANT EXECUTE ON FUNCTION apply_profile_change TO stressvision_control;
REVOKE UPDATE ON sites FROM stressvision_control;
GRANT UPDATE (name, time_zone) ON sites TO stressvision_control;
GRANT SELECT, INSERT, UPDATE ON profile_changes TO stressvision_control;
GRANT USAGE ON SEQUENCE profile_changes_id_seq TO stressvision_control;
GRANT SELECT ON profile_periods TO stressvision_control, stressvision_worker;
GRANT SELECT, INSERT ON notices TO stressvision_control;
