"""The bounds of numbers in a recipe."""

from typing import Annotated

from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[int, Meta(ge=1)]
Side = Annotated[int, Meta(ge=16, le=512)]
