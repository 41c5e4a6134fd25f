"""What tests of the store are given besides a database."""

from support.workforce import session, shared_database, workforce

__all__ = ["session", "shared_database", "workforce"]
