"""Alerts to people, and reports."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_name("0008_alerts.sql").read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(script)


def downgrade() -> None:
    op.execute(sa.text("DROP VIEW ops.alert_rules"))
    op.execute(sa.text("REVOKE ALL ON ALL TABLES IN SCHEMA hr FROM stressvision_worker, stressvision_control"))
    op.execute(sa.text("REVOKE USAGE ON SCHEMA hr FROM stressvision_worker, stressvision_control"))
    op.execute(sa.text("DROP INDEX events_fatigue_opened"))
    op.execute(sa.text("DROP TABLE reports, alert_deliveries, alerts, alert_settings"))
