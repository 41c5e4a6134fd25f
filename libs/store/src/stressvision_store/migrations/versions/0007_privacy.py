"""Privacy: a chained audit log, two people for a site's profile, notices, tombstones of what was erased."""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled before the release."""


def downgrade() -> None:
    """Filled before the release."""
