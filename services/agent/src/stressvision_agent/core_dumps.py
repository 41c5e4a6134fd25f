"""A crash of this process leaves no copy of its memory behind: there are pictures in it."""

import resource
from typing import Final

TOO_SMALL: Final = 1
"""Bytes. No dump fits a file of that size, and Linux takes just this number to mean that none is piped to a handler."""


def forbid_core_dumps() -> None:
    """For this process and its children, for good."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = TOO_SMALL if hard == resource.RLIM_INFINITY else min(TOO_SMALL, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
