"""What tests of the trainer are given: the control API."""

from support.control import control

__all__ = ["control"]
