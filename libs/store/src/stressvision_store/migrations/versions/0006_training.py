"""Training: jobs, their progress, and the pictures they learn from."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

VIEWS = "ops.training_jobs, ops.training_epochs, ops.training_pictures, ops.trainers, ops.model_drift, ops.model_days"
TABLES = "model_days, training_pictures, pictures, trainers, training_logs, training_epochs, training_jobs"


def upgrade() -> None:
    script = Path(__file__).with_name("0006_training.sql").read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(script)


def downgrade() -> None:
    op.execute(sa.text(f"DROP VIEW {VIEWS}"))
    op.execute(sa.text("DROP VIEW model_drift"))
    op.execute(sa.text(f"DROP TABLE {TABLES}"))
    op.execute(sa.text("DROP FUNCTION training_job_moves"))
