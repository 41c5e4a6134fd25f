"""Disks that refuse."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_writes(beyond: int = 0) -> Iterator[None]:
    """The kernel refuses this process every write `beyond` that byte of a file, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
