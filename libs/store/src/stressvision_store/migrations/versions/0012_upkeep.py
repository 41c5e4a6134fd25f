"""What a year of use asked for: an index for finalising, scores of any shape, one word for one thing."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def run(script: str) -> None:
    """Run SQL as it stands: no colon is a parameter, no percent sign a placeholder."""
    statements = Path(__file__).with_name(script).read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def upgrade() -> None:
    run("0012_upkeep.sql")


def downgrade() -> None:
    run("0012_upkeep_down.sql")
