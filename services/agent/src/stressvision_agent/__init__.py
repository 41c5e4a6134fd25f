"""Runs on the Raspberry Pi: camera, face, episodes, spool, upload."""
