"""Dead letters can be sent again: who asked when, and the clocks of the batch that a letter came in."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEW = ("sent_monotonic_s double precision", "boot_started_at timestamptz", "replay_asked_at timestamptz")


def upgrade() -> None:
    for column in NEW:
        op.execute(sa.text(f"ALTER TABLE dead_letters ADD COLUMN {column}"))
    op.execute(sa.text("CREATE INDEX dead_letters_asked ON dead_letters (id) WHERE replay_asked_at IS NOT NULL"))
    op.execute(sa.text("GRANT UPDATE (replay_asked_at, reason, detail) ON dead_letters TO stressvision_ingest"))


def downgrade() -> None:
    op.execute(sa.text("REVOKE UPDATE (reason, detail) ON dead_letters FROM stressvision_ingest"))
    for column in NEW:
        op.execute(sa.text(f"ALTER TABLE dead_letters DROP COLUMN {column.split()[0]}"))
