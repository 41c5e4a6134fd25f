-- Looks of safety officers at one person, objections, and links to a person's own page.

-- Who gave a reason to look at one person, and until when that holds: eight hours at most, and never made longer.
CREATE TABLE looks (
    id SERIAL NOT NULL,
    employee_id INTEGER NOT NULL,
    officer VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    since timestamptz DEFAULT now() NOT NULL,
    until timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by VARCHAR,
    PRIMARY KEY (id),
    FOREIGN KEY(employee_id) REFERENCES employees (id) ON DELETE CASCADE,
    CONSTRAINT looks_reason CHECK (length(reason) >= 10),
    CONSTRAINT looks_time CHECK (until > since AND until <= since + interval '8 hours'),
    CONSTRAINT looks_end CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX looks_until ON looks (until);
CREATE INDEX looks_employee ON looks (employee_id, since);

-- A person's objection: from `raised_at` to `ended_at` nothing is attributed to them. Upheld, it ends with their
-- consents withdrawn; rejected or taken back, what is observed afterwards is attributed again.
CREATE TABLE objections (
    id SERIAL NOT NULL,
    employee_id INTEGER NOT NULL,
    text VARCHAR NOT NULL,
    raised_at timestamptz DEFAULT now() NOT NULL,
    recorded_by VARCHAR NOT NULL,
    state VARCHAR DEFAULT 'open' NOT NULL,
    ended_at timestamptz,
    decided_by VARCHAR,
    decision VARCHAR,
    PRIMARY KEY (id),
    FOREIGN KEY(employee_id) REFERENCES employees (id) ON DELETE CASCADE,
    CONSTRAINT objections_state CHECK (state IN ('open', 'upheld', 'rejected', 'taken_back')),
    CONSTRAINT objections_end CHECK (
        (state = 'open') = (ended_at IS NULL) AND (state = 'open') = (decided_by IS NULL) AND ended_at >= raised_at
    ),
    CONSTRAINT objections_decision CHECK (state NOT IN ('upheld', 'rejected') OR length(decision) >= 10)
);
CREATE UNIQUE INDEX objections_one_open ON objections (employee_id) WHERE state = 'open';
CREATE INDEX objections_employee ON objections (employee_id, raised_at);

-- A link to a person's own page. The key itself is kept nowhere.
CREATE TABLE personal_links (
    id SERIAL NOT NULL,
    employee_id INTEGER NOT NULL,
    key_hash BYTEA NOT NULL,
    made_by VARCHAR NOT NULL,
    made_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_by VARCHAR,
    PRIMARY KEY (id),
    UNIQUE (key_hash),
    FOREIGN KEY(employee_id) REFERENCES employees (id) ON DELETE CASCADE,
    CONSTRAINT personal_links_time CHECK (expires_at > made_at AND expires_at <= made_at + interval '92 days')
);
CREATE INDEX personal_links_employee ON personal_links (employee_id);

-- Who looked at one person is found among years of entries.
CREATE INDEX audit_subject ON audit (subject text_pattern_ops);

-- Control opens and ends looks; it can neither date one back nor make one longer.
GRANT SELECT, DELETE ON looks, objections, personal_links TO stressvision_control;
GRANT INSERT (employee_id, officer, reason, until, ended_at, ended_by), UPDATE (ended_at, ended_by) ON looks
TO stressvision_control;
GRANT INSERT (employee_id, text, raised_at, recorded_by, ended_at, decided_by, decision),
    UPDATE (state, ended_at, decided_by, decision) ON objections TO stressvision_control;
GRANT INSERT (employee_id, key_hash, made_by, expires_at, revoked_at, revoked_by), UPDATE (revoked_at, revoked_by)
ON personal_links TO stressvision_control;
GRANT USAGE ON SEQUENCE looks_id_seq, objections_id_seq, personal_links_id_seq TO stressvision_control;

-- The worker attributes, and drops what is too old; what somebody objected to is not for it.
GRANT SELECT (id, employee_id, raised_at, ended_at) ON objections TO stressvision_worker;
GRANT SELECT, DELETE ON looks, personal_links TO stressvision_worker;
GRANT SELECT ON retention_runs, profile_spans TO stressvision_control;
