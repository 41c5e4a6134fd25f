"""What dashboards may not do: hold the server with a statement that never ends."""

from datetime import timedelta

from sqlalchemy import text
from sqlmodel import Session


def end_long_sessions(session: Session, after: timedelta) -> int:
    """End the sessions of the three dashboard roles whose transaction began longer ago; return how many."""
    statement = text("SELECT end_long_dashboard_sessions(:seconds)")
    return int(session.scalar(statement, {"seconds": after.total_seconds()}) or 0)
