"""What every test of the control API is given."""

from support.control import control, woken_control

__all__ = ["control", "woken_control"]
