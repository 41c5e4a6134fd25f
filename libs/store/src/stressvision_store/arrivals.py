"""Events as the server decodes them: what the contract says, with labels as fields, which costs half of a dict.

A test holds these classes and the contract's together.
"""

from typing import Annotated

from msgspec import Meta, Struct

from stressvision_contracts.events import (
    MAX_EVENTS,
    BatchEnvelope,
    Count,
    Episode,
    Event,
    Gap,
    Ratio,
    Seconds,
)


class LabelSeconds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Seconds under each label of the company's scheme; one left out is 0."""

    neutral: Seconds = 0.0
    stress: Seconds = 0.0
    sad: Seconds = 0.0
    happy: Seconds = 0.0
    fatigue: Seconds = 0.0


class LabelRatios(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """The mean probability of each label; one left out is 0."""

    neutral: Ratio = 0.0
    stress: Ratio = 0.0
    sad: Ratio = 0.0
    happy: Ratio = 0.0
    fatigue: Ratio = 0.0


class ArrivedWindow(Event, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="window", gc=False):
    """`contracts.events.Window`."""

    frames: Count
    faces: Count
    coverage: Ratio
    seconds: LabelSeconds
    mean_probability: LabelRatios


ArrivedEvent = ArrivedWindow | Episode | Gap


class ArrivedBatch(BatchEnvelope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`contracts.events.EventBatch`."""

    events: Annotated[list[ArrivedEvent], Meta(max_length=MAX_EVENTS)]
