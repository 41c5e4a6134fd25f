"""Celery: rollups, retention, what happens later."""
