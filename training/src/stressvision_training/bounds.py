"""The bounds of numbers in a recipe."""

from typing import Annotated

from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[int, Meta(ge=1)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]
"""What Keras takes."""
Side = Annotated[int, Meta(ge=16, le=512)]
