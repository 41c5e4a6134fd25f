"""Models: their files, their signed repository, and their rollouts."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCRIPTS = ("0005_models.sql", "0005_rollouts.sql")
TABLES = "rollout_devices, rollouts, tuf_metadata, model_overrides, model_reports, model_files"
COLUMNS = ("state", "registered_by", "approved_by", "approved_at", "published_at")


def run(statements: str) -> None:
    """Run SQL as it stands: no colon is a parameter, no percent sign a placeholder."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def upgrade() -> None:
    for script in SCRIPTS:
        run(Path(__file__).with_name(script).read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(sa.text("DROP VIEW ops.rollouts, ops.rollout_devices"))
    op.execute(sa.text(f"DROP TABLE {TABLES}"))
    op.execute(sa.text("REVOKE UPDATE (desired) ON model_versions FROM stressvision_worker"))
    op.execute(sa.text("GRANT UPDATE ON model_versions TO stressvision_control"))
    for column in COLUMNS:
        op.execute(sa.text(f"ALTER TABLE model_versions DROP COLUMN {column}"))
