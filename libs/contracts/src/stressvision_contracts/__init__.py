"""What travels between device and server."""
