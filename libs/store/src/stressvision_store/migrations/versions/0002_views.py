"""What dashboards may see: views for Human Resources, the safety officer and the fleet operator."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCRIPTS = ("0002_hr.sql", "0002_safety.sql", "0002_ops.sql")


def run(statements: str) -> None:
    """Run SQL as it stands: no colon is a parameter, no percent sign a placeholder."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def upgrade() -> None:
    for script in SCRIPTS:
        run(Path(__file__).with_name(script).read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(sa.text("DROP SCHEMA ops CASCADE"))
    op.execute(sa.text("DROP SCHEMA safety CASCADE"))
    op.execute(sa.text("DROP SCHEMA hr CASCADE"))
    op.execute(sa.text("DROP VIEW group_cells"))
    op.execute(sa.text("CREATE SCHEMA hr"))
