"""Alerts to people, and reports."""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled before the release."""


def downgrade() -> None:
    """Filled before the release."""
