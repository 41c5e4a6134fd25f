"""Figures for Human Resources are published once."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    script = Path(__file__).with_name(name).read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(script)


def upgrade() -> None:
    _run("0009_publication.sql")


def downgrade() -> None:
    _run("0009_publication_down.sql")
