"""What every test of the control API is given."""

from support.control import control, shared_control, woken_control
from support.workforce import shared_database

__all__ = ["control", "shared_control", "shared_database", "woken_control"]
