"""What every test of the control API is given."""

from support.control import control, shared_control, woken_control
from support.signing import keys, signing
from support.workforce import shared_database

__all__ = ["control", "keys", "shared_control", "shared_database", "signing", "woken_control"]
