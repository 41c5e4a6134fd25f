"""Privacy: a chained audit log, two people for a site's profile, notices, tombstones of what was erased."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCRIPTS = ("0007_audit.sql", "0007_profiles.sql", "0007_erasure.sql", "0007_views.sql")
VIEWS_BEFORE = ("0002_hr.sql", "0002_safety.sql")
UNDO = (
    "DROP SCHEMA hr CASCADE",
    "DROP SCHEMA safety CASCADE",
    "DROP VIEW group_cells, profile_spans",
    "DROP FUNCTION drop_erased_events",
    "DROP TABLE retention_runs, erased_spans, erasures",
    "REVOKE DELETE ON check_ins FROM stressvision_worker",
    "ALTER TABLE consents DROP COLUMN language, DROP COLUMN recorded_by, DROP COLUMN withdrawn_by",
    "DROP TABLE notices",
    "DROP TRIGGER sites_profile ON sites",
    "DROP FUNCTION note_profile, apply_profile_change",
    "DROP TABLE profile_periods, profile_changes",
    "REVOKE UPDATE (name, time_zone) ON sites FROM stressvision_control",
    "GRANT UPDATE ON sites TO stressvision_control",
    "DROP TRIGGER audit_kept ON audit",
    "DROP TRIGGER audit_linked ON audit",
    "DROP TABLE audit_links, audit_head",
    "DROP FUNCTION audit_broken_place, drop_audit_entries, keep_audit, link_audit_entry, audit_hash",
)


def run(statements: str) -> None:
    """Run SQL as it stands: no colon is a parameter, no percent sign a placeholder."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def run_scripts(names: tuple[str, ...]) -> None:
    for name in names:
        run(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def upgrade() -> None:
    run_scripts(SCRIPTS)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(sa.text(statement))
    run_scripts(VIEWS_BEFORE)
