"""The simulated plant: three sites, sixty stations, three shifts, 120 people under pseudonyms, and their roster."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from zoneinfo import ZoneInfo

SHIFTS = (
    ("Mañana", time(6), time(14), time(10)),
    ("Tarde", time(14), time(22), time(18)),
    ("Noche", time(22), time(6), time(2)),
)
"""Name, start, end, and when the half hour's break begins; the night shift runs over midnight."""

BREAK_MINUTES = 30
NOTICE = "demo-1"


@dataclass(frozen=True, slots=True)
class AreaPlan:
    """`people`: how many work there in each shift. `strain` scales how much stress the work shows."""

    name: str
    stations: int
    people: tuple[int, int, int]
    strain: float = 1.0


@dataclass(frozen=True, slots=True)
class SitePlan:
    """`weekdays`: ISO days on which shifts start."""

    name: str
    time_zone: str
    weekdays: tuple[int, ...]
    areas: tuple[AreaPlan, ...]


# Groups of six and more are shown to Human Resources, the night of Control (three people) never is, and with it
# goes the next smallest night: so the dashboards show both trends and what withholding looks like.
SITES = (
    SitePlan("Lima", "America/Lima", (1, 2, 3, 4, 5, 6), (
        AreaPlan("Montaje", 14, (9, 9, 8)),
        AreaPlan("Prensas", 8, (6, 6, 6), 1.5),
        AreaPlan("Control", 8, (6, 6, 3), 0.7),
    )),
    SitePlan("Arequipa", "America/Lima", (1, 2, 3, 4, 5, 6, 7), (
        AreaPlan("Almacén", 8, (6, 6, 6), 0.8), AreaPlan("Línea 1", 9, (7, 7, 7), 1.2),
    )),
    SitePlan("Madrid", "Europe/Madrid", (1, 2, 3, 4, 5), (AreaPlan("Ensamble", 13, (8, 8, 6)),)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Post:
    """One person's place in the roster: this station, in this shift (its number in `SHIFTS`), every working day."""

    site: SitePlan
    area: AreaPlan
    station: str
    shift: int
    pseudonym: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.site.time_zone)


@dataclass(frozen=True, slots=True)
class StationPlan:
    """A station and the posts that people fill there, one a shift at most."""

    site: SitePlan
    area: AreaPlan
    name: str
    posts: tuple[Post, ...]


def stations() -> list[StationPlan]:
    """All stations in a fixed order. People of later shifts sit where the earlier shift left off, so none is unused."""
    people = _pseudonyms()
    found = []
    for site in SITES:
        for area in site.areas:
            names = [f"{area.name} {number:02d}" for number in range(1, area.stations + 1)]
            posts: dict[str, list[Post]] = {name: [] for name in names}
            place = 0
            for shift, count in enumerate(area.people):
                for _ in range(count):
                    name = names[place % len(names)]
                    posts[name].append(Post(site, area, name, shift, next(people)))
                    place += 1
            found += [StationPlan(site, area, name, tuple(posts[name])) for name in names]
    return found


def _pseudonyms() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"D-{number:03d}"


def roster(first_date: date, guest: tuple[str, str, str], pseudonym: str) -> str:
    """The CSV that the control API imports: everybody's post from `first_date`, with consent given on that day.

    `guest` is one station more (site, area, station) without a roster, where `pseudonym` will check in.
    """
    out = io.StringIO(newline="")
    columns = (
        "site", "time_zone", "area", "station", "shift", "starts", "ends", "weekdays", "breaks", "pseudonym",
        "consent_given", "notice_version", "first_date",
    )  # fmt: skip
    writer = csv.writer(out)
    writer.writerow(columns)
    for station in stations():
        for post in station.posts:
            name, starts, ends, pause = SHIFTS[post.shift]
            rest = f"{pause:%H:%M}-{pause:%H}:{BREAK_MINUTES:02d}"
            days = " ".join(map(str, post.site.weekdays))
            writer.writerow((
                post.site.name, post.site.time_zone, post.area.name, post.station, name, f"{starts:%H:%M}",
                f"{ends:%H:%M}", days, rest, post.pseudonym, first_date.isoformat(), NOTICE, first_date.isoformat(),
            ))  # fmt: skip
    zone = next(site.time_zone for site in SITES if site.name == guest[0])
    writer.writerow((guest[0], zone, *guest[1:], *[""] * 9))
    writer.writerow((guest[0], zone, *[""] * 7, pseudonym, first_date.isoformat(), NOTICE, ""))
    return out.getvalue()
