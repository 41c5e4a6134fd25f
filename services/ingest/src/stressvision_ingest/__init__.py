"""The device API."""
