"""Quality of data and drift of the model, for dashboards."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def run(script: str) -> None:
    """Run SQL as it stands: no colon is a parameter, no percent sign a placeholder."""
    statements = Path(__file__).with_name(script).read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def upgrade() -> None:
    run("0011_quality.sql")


def downgrade() -> None:
    run("0011_quality_down.sql")
