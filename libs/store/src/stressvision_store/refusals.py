"""Why the store will not do what it was asked, in words an operator can act on.

RefusedError
├── NotFoundError   what was named is not there
├── ConflictError   it clashes with something that is there, which the message names
└── InvalidError    a value can never be right; `field` names it
"""


class RefusedError(Exception):
    """`field` is the name of the value that is to blame, where one is."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFoundError(RefusedError):
    """What was named is not there."""


class ConflictError(RefusedError):
    """It clashes with something that is there."""


class InvalidError(RefusedError):
    """A value can never be right."""
