-- Models: the registry, their files, and the signed repository that devices download from.

ALTER TABLE model_versions
    ADD COLUMN state text NOT NULL DEFAULT 'candidate'
        CONSTRAINT model_versions_state CHECK (state IN ('candidate', 'approved', 'rejected', 'retired')),
    ADD COLUMN registered_by text,
    ADD COLUMN approved_by text,
    ADD COLUMN approved_at timestamptz,
    ADD COLUMN published_at timestamptz;

-- What devices could be told to run until now needed nobody's approval, and goes on.
UPDATE model_versions SET state = 'approved';

-- Weights do not compress; stored as they are, they are read without a detour.
CREATE TABLE model_files (
    digest text PRIMARY KEY,
    content bytea NOT NULL,
    size_bytes integer NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE model_files ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE model_reports (
    version text NOT NULL REFERENCES model_versions (version),
    name text NOT NULL,
    content bytea NOT NULL,
    size_bytes integer NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (version, name)
);

-- Each line is one named person who lets a model pass although gates failed.
CREATE TABLE model_overrides (
    version text NOT NULL REFERENCES model_versions (version),
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (version, actor)
);

-- TUF metadata exactly as it was signed. The highest version of a role is the one in force.
CREATE TABLE tuf_metadata (
    role text NOT NULL CONSTRAINT tuf_metadata_role CHECK (role IN ('root', 'targets', 'snapshot', 'timestamp')),
    version integer NOT NULL CONSTRAINT tuf_metadata_version CHECK (version > 0),
    content bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (role, version)
);

-- A version means one manifest and one file for ever.
REVOKE UPDATE ON model_versions FROM stressvision_control;
GRANT UPDATE (state, approved_by, approved_at, published_at, desired) ON model_versions TO stressvision_control;

GRANT SELECT ON model_files, tuf_metadata TO stressvision_ingest;
GRANT SELECT, INSERT ON model_files, model_overrides TO stressvision_control;
GRANT SELECT, INSERT, UPDATE ON model_reports TO stressvision_control;
GRANT SELECT, INSERT ON tuf_metadata TO stressvision_control;
GRANT SELECT, INSERT, DELETE ON tuf_metadata TO stressvision_worker;
