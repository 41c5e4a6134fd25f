"""What a station's device would have said over the days: windows, episodes and gaps, the same for the same seed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from demo.plant import BREAK_MINUTES, SHIFTS, Post, StationPlan
from demo.rhythm import mood_of
from stressvision_contracts.events import AnyEvent, Episode, Gap, Window
from stressvision_contracts.labels import COMPANY5, CONDITIONS, Condition, Label

FRAMES_PER_SECOND = 15
ABSENCE = 0.03
"""Chance that a person is away on a working day; the station then says nothing at all."""

CAMERA_GAP = 0.02
"""Chance that a station's camera fails once within a shift."""

GIVES_UP = 0.06
"""Chance that the person has left the station for a while within a window."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that the device `device_id` says from `first_date` on, in windows of `window_minutes`."""

    device_id: int
    station: StationPlan
    first_date: date
    seed: int
    window_minutes: int
    model_version: str

    def events(self, until: datetime) -> Iterator[AnyEvent]:
        """Every event that ended by `until`, in the order of its making, numbered from 0 without a hole.

        A later `until` gives the same events and more after them.
        """
        number = 0
        for start, post, day in self._shifts(until):
            for told in _Shift(self, post, day, start).tell():
                if told.ended_at > until:
                    return
                yield told.numbered(self._id(number, told.ended_at), number, self.model_version)
                number += 1

    def expected(self, until: datetime) -> int:
        """About how many events that will be: a window for each stretch worked, and few besides."""
        worked = 0.0
        for start, _, _ in self._shifts(until):
            worked += min((until - start).total_seconds(), 28_800) * (1 - BREAK_MINUTES / 480) * (1 - ABSENCE)
        return round(1.03 * worked / 60 / self.window_minutes)

    def _shifts(self, until: datetime) -> Iterator[tuple[datetime, Post, date]]:
        """Those that began before `until`. Shifts of one station never overlap, so they come in order of time."""
        day = self.first_date
        while day <= until.date() + timedelta(days=1):
            for post in self.station.posts:
                start = datetime.combine(day, SHIFTS[post.shift][1], post.zone).astimezone(UTC)
                if start < until and day.isoweekday() in post.site.weekdays:
                    yield start, post, day
            day += timedelta(days=1)

    def _id(self, number: int, at: datetime) -> UUID:
        """A UUIDv7 (RFC 9562 section 5.7) of the moment `at`, its random part drawn from seed, device and number."""
        ms = int(at.timestamp() * 1000)
        drawn = int.from_bytes(
            hashlib.blake2b(f"{self.seed}/{self.device_id}/{number}".encode(), digest_size=10).digest(), "big"
        )
        return UUID(int=ms << 80 | 0x7 << 76 | (drawn >> 64 & 0xFFF) << 64 | 0b10 << 62 | drawn & (1 << 62) - 1)


@dataclass(frozen=True, slots=True)
class Told:
    """An event before it has a name and a number."""

    started_at: datetime
    ended_at: datetime
    fields: dict[str, object]
    kind: type[Window] | type[Episode] | type[Gap]

    def numbered(self, event_id: UUID, number: int, model_version: str) -> AnyEvent:
        return self.kind(
            event_id=event_id,
            seq=number,
            started_at=self.started_at,
            ended_at=self.ended_at,
            model_version=model_version,
            **self.fields,  # type: ignore[arg-type]
        )


class _Shift:
    """One post on one day."""

    def __init__(self, story: Story, post: Post, day: date, start: datetime) -> None:
        self._story, self._post, self._day, self._start = story, post, day, start
        self._random = Random(f"{story.seed}/{story.station.name}/{post.pseudonym}/{day}")
        person = Random(f"{story.seed}/{post.pseudonym}")
        self._mood = mood_of(post, day, person.lognormvariate(0, 0.35), person.lognormvariate(0, 0.35))
        self._open: dict[Condition, tuple[UUID, datetime, datetime]] = {}

    def tell(self) -> Iterator[Told]:
        """In order of time; nothing on a day of absence, nothing in the break, a gap where the camera failed."""
        if self._random.random() < ABSENCE:
            return
        broken = self._camera_gap()
        length = timedelta(minutes=self._story.window_minutes)
        pause = datetime.combine(self._day, SHIFTS[self._post.shift][3], self._post.zone)
        if SHIFTS[self._post.shift][3] < SHIFTS[self._post.shift][1]:
            pause += timedelta(days=1)
        pause_starts = pause.astimezone(UTC)
        pause_ends = pause_starts + timedelta(minutes=BREAK_MINUTES)
        end = self._start + timedelta(hours=8)
        begin = self._start
        while begin < end:
            finish = begin + length
            if broken is not None and begin < broken[1] and finish > broken[0]:
                if finish >= broken[1]:
                    yield Told(broken[0], broken[1], {"reason": "camera", "lost": 0}, Gap)
            elif not (begin < pause_ends and finish > pause_starts):
                yield from self._observed(begin, finish)
            begin = finish
        yield from self._close_all(end)

    def _camera_gap(self) -> tuple[datetime, datetime] | None:
        """Whole windows of the shift's first half, before the break."""
        if self._random.random() >= CAMERA_GAP:
            return None
        step = self._story.window_minutes
        begin = self._start + timedelta(minutes=self._random.randrange(0, 120, step))
        return begin, begin + timedelta(minutes=self._random.randrange(step, 91, step))

    def _observed(self, begin: datetime, finish: datetime) -> Iterator[Told]:
        seconds = (finish - begin).total_seconds()
        away = self._random.random() < GIVES_UP
        coverage = self._random.uniform(0.05, 0.4) if away else min(self._random.gauss(0.86, 0.06), 1.0)
        shares = self._mood.shares((begin - self._start) / timedelta(hours=8), begin, self._random)
        yield Told(begin, finish, _window(seconds, coverage, shares), Window)
        for condition in CONDITIONS:
            yield from self._episode(condition, finish, shares[condition], coverage, away=away)

    def _episode(
        self, condition: Condition, at: datetime, share: float, coverage: float, *, away: bool
    ) -> Iterator[Told]:
        """Opens the likelier the larger the share, stays for 5 to 20 minutes, closes early when the person leaves."""
        held = self._open.get(condition)
        if held is not None:
            if at >= held[2] or away:
                yield self._closing(condition, held, at, share, coverage)
        elif not away and self._random.random() < share**2 * self._story.window_minutes / 8:
            name = UUID(int=self._random.getrandbits(128), version=4)
            self._open[condition] = (name, at, at + timedelta(minutes=self._random.choice((5, 10, 15, 20))))
            yield Told(at, at, _episode(name, "open", condition, share, coverage), Episode)

    def _closing(
        self, condition: Condition, held: tuple[UUID, datetime, datetime], at: datetime, share: float, coverage: float
    ) -> Told:
        del self._open[condition]
        return Told(held[1], at, _episode(held[0], "close", condition, share, coverage), Episode)

    def _close_all(self, end: datetime) -> Iterator[Told]:
        for condition, held in list(self._open.items()):
            yield self._closing(condition, held, end, 0.3, 0.8)


def _window(seconds: float, coverage: float, shares: dict[Label, float]) -> dict[str, object]:
    frames = round(seconds * FRAMES_PER_SECOND)
    faces = round(frames * coverage)
    covered = faces / frames
    return {
        "frames": frames,
        "faces": faces,
        "coverage": covered,
        "seconds": {label: round(seconds * covered * shares[label], 1) for label in COMPANY5},
        "mean_probability": {label: round(0.06 + 0.7 * shares[label], 4) for label in COMPANY5},
    }


def _episode(name: UUID, phase: str, condition: Condition, share: float, coverage: float) -> dict[str, object]:
    mean = min(0.5 + share, 0.95)
    return {
        "episode_id": name,
        "phase": phase,
        "condition": condition,
        "peak": round(min(mean + 0.04, 1.0), 4),
        "mean": round(mean, 4),
        "coverage": round(coverage, 4),
    }
