"""The manifest that travels with a model, so that a device cannot disagree with the trainer."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from stressvision_contracts.events import Ratio
from stressvision_contracts.labels import LABELS, Condition, LabelScheme

Length = Annotated[float, Meta(gt=0.0)]
Wait = Annotated[float, Meta(ge=0.0)]
"""In seconds, as `Length`."""


class InputSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tensor a model takes: `height` x `width` x `channels`, `dtype`, filled with grey levels 0..255 as they are.

    Normalisation lies inside the graph. `margin` is how much of the face box's side is added on each side before
    the square crop; `resize` is the OpenCV interpolation, of which only area and linear agree on x86 and ARM.
    """

    height: Annotated[int, Meta(ge=8, le=512)]
    width: Annotated[int, Meta(ge=8, le=512)]
    channels: Literal[1, 3]
    dtype: Literal["uint8"] = "uint8"
    margin: Annotated[float, Meta(ge=0.0, le=1.0)]
    resize: Literal["area", "linear"] = "area"


class EpisodeThresholds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When lasting signs of one condition begin and end; see `stressvision_agent.episodes` for the rule.

    A frame counts when its smoothed probability exceeds `on` (and, once open, `off`). An episode opens when the
    share of counting time within `window_s` reaches `enter_share`, held for `min_s`; it closes when the share falls
    below `leave_share` for `leave_s`. Gaps below `merge_s` are merged; after it none opens for `cooldown_s`.
    """

    on: Ratio
    off: Ratio
    enter_share: Ratio
    leave_share: Ratio
    window_s: Length
    min_s: Wait
    leave_s: Wait
    merge_s: Wait
    cooldown_s: Wait


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`digest` is the SHA-256 of the model file, `temperature` divides the logits (the log of the output)."""

    version: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
    file: str
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: int
    label_scheme: LabelScheme
    labels: list[str]
    input: InputSpec
    episodes: dict[Condition, EpisodeThresholds]
    temperature: Annotated[float, Meta(gt=0.0)] = 1.0
    min_agent_version: str = "0.1.0"
    runtime: str = "tflite"
    scores: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    licence_note: str = ""


def read_manifest(data: bytes) -> Manifest:
    """Raise `ValueError` naming the field when `data` is no manifest or its labels are not those of its scheme."""
    manifest = msgspec.json.decode(data, type=Manifest)
    if tuple(manifest.labels) != LABELS[manifest.label_scheme]:
        raise ValueError(f"labels {manifest.labels} are not those of the scheme {manifest.label_scheme}")
    return manifest
