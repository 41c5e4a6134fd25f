"""Starting thresholds for lasting signs, until a site's own recordings give better ones."""

from typing import Final

from stressvision_contracts.labels import Condition, LabelScheme
from stressvision_contracts.manifest import EpisodeThresholds

STRESS: Final = EpisodeThresholds(
    on=0.60,
    off=0.40,
    enter_share=0.5,
    leave_share=0.25,
    window_s=30.0,
    min_s=30.0,
    leave_s=20.0,
    merge_s=10.0,
    cooldown_s=300.0,
)
"""One expression lasts 0.5 to 4 s, so nothing under some 10 s deserves the word; half a minute is a cautious start."""

FATIGUE: Final = EpisodeThresholds(
    on=0.60,
    off=0.40,
    enter_share=0.12,
    leave_share=0.08,
    window_s=60.0,
    min_s=60.0,
    leave_s=60.0,
    merge_s=20.0,
    cooldown_s=180.0,
)
"""The share of a minute with eyes closed (PERCLOS, Wierwille 1994): 12 % to enter, 8 % to leave."""


def thresholds(scheme: LabelScheme) -> dict[Condition, EpisodeThresholds]:
    """Return the thresholds of the conditions that a scheme can see."""
    return {"stress": STRESS, "fatigue": FATIGUE} if scheme == "company5" else {}
