"""What every test of the control API is given."""

from support.control import control

__all__ = ["control"]
