"""The books of the devices: what ingest counted flush by flush, folded into one row a device."""

from sqlalchemy import text
from sqlmodel import Session

AT_ONCE = 10_000

_FOLD = """
WITH taken AS (
    DELETE FROM intake_tallies WHERE id = ANY(ARRAY(
        SELECT id FROM intake_tallies ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED))
    RETURNING *
), added AS (
    INSERT INTO device_accounts AS account (device_id, stored, duplicate, rejected, lost, max_seq)
    SELECT device_id, sum(stored), sum(duplicate), sum(rejected), sum(lost), max(max_seq)
    FROM taken GROUP BY device_id ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE SET
        stored = account.stored + excluded.stored, duplicate = account.duplicate + excluded.duplicate,
        rejected = account.rejected + excluded.rejected, lost = account.lost + excluded.lost,
        max_seq = greatest(account.max_seq, excluded.max_seq)
)
SELECT count(*) FROM taken
"""


def fold_tallies(session: Session, limit: int = AT_ONCE) -> int:
    """Move up to `limit` tallies into the accounts; return how many. Counted once, however many fold at a time."""
    return int(session.scalar(text(_FOLD), {"limit": limit}) or 0)
