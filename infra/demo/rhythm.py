"""How tired and how tense a simulated person looks, by hour, day and shift. Plausible, not measured.

Tiredness grows over the shift, most between four and six in the morning, and with each night in a row; stress has
its hour soon after the start, and its days: Monday, and the last of the month.
"""

import calendar
import math
from dataclasses import dataclass
from datetime import date, datetime
from random import Random

from demo.plant import Post
from stressvision_contracts.labels import Label

NIGHT = 2
"""The night shift's number in `plant.SHIFTS`."""


@dataclass(frozen=True, slots=True)
class Mood:
    """Factors of one person on one day; 1 is usual."""

    fatigue: float
    stress: float
    night: bool
    post: Post

    def shares(self, progress: float, at: datetime, random: Random) -> dict[Label, float]:
        """Shares of the observed time under each label, summing to 1, `progress` (0..1) into the shift."""
        hour = at.astimezone(self.post.zone).hour + at.minute / 60
        fatigue = 0.02 + 0.03 * progress
        if self.night:
            fatigue += 0.04 + 0.10 * math.exp(-(((hour - 5) / 1.5) ** 2)) if hour < 12 else 0.03
        else:
            fatigue += 0.02 * math.exp(-(((hour - 13.5) / 1.2) ** 2))
        stress = 0.04 + 0.05 * math.exp(-(((progress - 0.25) / 0.15) ** 2))
        fatigue = min(fatigue * self.fatigue * random.lognormvariate(0, 0.3), 0.6)
        stress = min(stress * self.stress * random.lognormvariate(0, 0.3), 0.35)
        sad, happy = random.uniform(0.005, 0.03), random.uniform(0.02, 0.10) * (1 - fatigue)
        return {
            "neutral": max(1 - fatigue - stress - sad - happy, 0.0),
            "stress": stress,
            "sad": sad,
            "happy": happy,
            "fatigue": fatigue,
        }


def mood_of(post: Post, day: date, tiredness: float, tension: float) -> Mood:
    """`tiredness`, `tension`: what is usual for the person. Nights of one week add up."""
    night = post.shift == NIGHT
    fatigue = tiredness * (1 + 0.06 * (day.isoweekday() - 1) if night else 1 + 0.02 * (day.isoweekday() - 1))
    stress = tension * post.area.strain
    if day.isoweekday() == 1:
        stress *= 1.25
    if day.day > calendar.monthrange(day.year, day.month)[1] - 3:
        stress *= 1.4
    return Mood(fatigue=fatigue, stress=stress, night=night, post=post)
