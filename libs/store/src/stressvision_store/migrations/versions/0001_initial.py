"""The schema at birth: tables, daily partitions and their keepers, and what each role may do."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCRIPTS = ("0001_initial.sql", "0001_partitions.sql", "0001_grants.sql")

TABLES = (
    "placements, enrolment_codes, check_ins, assignments, stations, shift_breaks, employee_names, consents, shifts, "
    "employees, device_states, device_accounts, areas, unattributed_windows, sites, rollup_windows, rollup_shifts, "
    "rollup_areas, raw_horizon, model_versions, intake_tallies, events, dirty_windows, devices, dead_letters, audit, "
    "api_tokens"
)
FUNCTIONS = "ensure_event_partitions, drop_oldest_event_partition, purge_default_events, move_raw_horizon"


def run(statements: str) -> None:
    """Run SQL as it stands: no colon is a parameter, no percent sign a placeholder."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def upgrade() -> None:
    for script in SCRIPTS:
        run(Path(__file__).with_name(script).read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(sa.text(f"DROP TABLE {TABLES}"))
    op.execute(sa.text(f"DROP FUNCTION {FUNCTIONS}, event_id_bound"))
    op.execute(sa.text("DROP SCHEMA hr"))
    op.execute(sa.text("GRANT USAGE ON SCHEMA public TO PUBLIC"))
    op.execute(
        sa.text("REVOKE USAGE ON SCHEMA public FROM stressvision_ingest, stressvision_control, stressvision_worker")
    )
