"""The people's API, and the `stressvision` command."""
