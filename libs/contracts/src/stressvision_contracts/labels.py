"""The closed sets of words that device, server and training share, in the order models output them."""

from typing import Final, Literal

Label = Literal["neutral", "stress", "sad", "happy", "fatigue"]
Condition = Literal["stress", "fatigue"]
Phase = Literal["open", "close"]
GapReason = Literal["camera", "spool_full", "paused", "clock"]
SiteProfile = Literal["off", "fatigue_only", "safety", "full"]
LabelScheme = Literal["company5", "fer7"]

COMPANY5: Final[tuple[Label, ...]] = ("neutral", "stress", "sad", "happy", "fatigue")
FER7: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
LABELS: Final[dict[LabelScheme, tuple[str, ...]]] = {"company5": COMPANY5, "fer7": FER7}

CONDITIONS: Final[tuple[Condition, ...]] = ("stress", "fatigue")
GAP_REASONS: Final[tuple[GapReason, ...]] = ("camera", "spool_full", "paused", "clock")

PROFILE_LABELS: Final[dict[SiteProfile, frozenset[Label]]] = {
    "off": frozenset(),
    "fatigue_only": frozenset({"fatigue"}),
    "safety": frozenset(COMPANY5),
    "full": frozenset(COMPANY5),
}
"""Which labels a site's profile lets exist; nothing of the others may leave the device."""

PROFILE_CONDITIONS: Final[dict[SiteProfile, frozenset[Condition]]] = {
    "off": frozenset(),
    "fatigue_only": frozenset({"fatigue"}),
    "safety": frozenset(CONDITIONS),
    "full": frozenset(CONDITIONS),
}
