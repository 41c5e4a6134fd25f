"""A small plant whose figures are published step by step, and an attacker who writes down all that HR can ever read.

Each observation (an atom) has a model version of its own, so the published list of versions says which atoms a figure
was made of, whatever the code says. A figure is taken as exact, as the sum over its atoms.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Literal

import numpy as np
import psycopg

from stressvision_store import publication
from stressvision_store.rollups import refresh_areas
from stressvision_store.session import transaction
from support.database import Database
from support.publication import AT_ONCE, K
from support.rollups import COLUMNS, KEYS

AREAS, SHIFTS, DAYS, HOURS, CROWD = 3, 2, 2, 3, 12
FIRST_DAY = datetime.now(UTC).date() - timedelta(days=6)
ALL_DAY = tuple(range(HOURS))
SHIFT_HOURS = ("06:00-10:00", "10:00-14:00")

Atoms = frozenset[int]
Verb = Literal["seen", "publish", "moved", "given", "redated", "erased", "profile"]


@dataclass(frozen=True)
class Step:
    """`seen`: `person` for `hours` in `area` and `shift`; once more is late. `moved`: to `area`. `given`: to `other`.

    `redated`: what was seen on the second day counts for the first from now on, as when a shift's hours change.
    """

    verb: Verb
    day: int = 0
    person: int = 0
    area: int = 1
    shift: int = 1
    hours: tuple[int, ...] = (0,)
    other: int = 0
    profile: str = "safety"
    observed: bool = True


def crowd(
    people: range, *, day: int = 0, area: int = 1, shift: int = 1, hours: tuple[int, ...] = ALL_DAY
) -> list[Step]:
    return [Step("seen", day=day, person=person, area=area, shift=shift, hours=hours) for person in people]


@dataclass
class Attacker:
    """`figures`: the atoms of every figure ever read; `by_shift`, `by_area`: of every line's total, if it is known."""

    database: Database
    forgets: bool = False
    """A mutant: what changed after publication is published again."""
    owners: dict[int, int] = field(default_factory=dict)
    """Of each atom, whom it speaks of; 0 where nobody was observed."""
    times: dict[int, datetime] = field(default_factory=dict)
    figures: set[Atoms] = field(default_factory=set)
    by_shift: set[Atoms] = field(default_factory=set)
    by_area: set[Atoms] = field(default_factory=set)

    def __post_init__(self) -> None:
        with psycopg.connect(self.database.url("owner")) as connection:
            connection.execute(
                "TRUNCATE sites, shifts, employees, rollup_areas, rollup_windows RESTART IDENTITY CASCADE"
            )
            connection.execute("INSERT INTO sites (name, time_zone, profile) VALUES ('S', 'UTC', 'full')")
            connection.execute(
                "INSERT INTO areas (site_id, name) SELECT 1, n::text FROM generate_series(1, %s) n", [AREAS]
            )
            for hours in SHIFT_HOURS:
                starts, ends = hours.split("-")
                row = [hours, starts, ends]
                connection.execute("INSERT INTO shifts (site_id, name, starts, ends) VALUES (1, %s, %s, %s)", row)

    def take(self, steps: Iterable[Step]) -> None:
        """Do each step, and read everything after it."""
        for step in steps:
            getattr(self, step.verb)(step)
            self._read()

    def seen(self, step: Step) -> None:
        with psycopg.connect(self.database.url("owner")) as connection:
            for hour in step.hours:
                atom = len(self.owners) + 1
                self.owners[atom] = step.person if step.observed else 0
                at = datetime.fromisoformat(f"{day_of(step)} {SHIFT_HOURS[step.shift - 1][:5]}+00:00") + timedelta(
                    hours=hour
                )
                self.times[atom] = at
                connection.execute(
                    f"INSERT INTO rollup_windows (device_id, bucket_at, {KEYS}, {COLUMNS}) VALUES "
                    "(%s, %s, %s, %s, %s, %s, 1, 1, 1, %s, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, %s)",
                    [atom, at, step.person, step.shift, day_of(step), step.area,
                     3_600_000 * step.observed, [str(atom)]],
                )  # fmt: skip
        self._refresh()

    def moved(self, step: Step) -> None:
        self._edit("UPDATE rollup_windows SET area_id = %s WHERE employee_id = %s AND shift_date = %s",
                   step.area, step.person, day_of(step))  # fmt: skip

    def given(self, step: Step) -> None:
        self._edit("UPDATE rollup_windows SET employee_id = %s WHERE employee_id = %s AND shift_date = %s",
                   step.other, step.person, day_of(step))  # fmt: skip

    def redated(self, step: Step) -> None:
        self._edit("UPDATE rollup_windows SET shift_date = %s WHERE employee_id = %s AND shift_date = %s",
                   FIRST_DAY, step.person, FIRST_DAY + timedelta(days=1))  # fmt: skip

    def erased(self, step: Step) -> None:
        with transaction(self.database.engine("control")) as session:
            publication.withdraw_person(session, step.person)
        self._edit("DELETE FROM rollup_windows WHERE employee_id = %s", step.person)

    def profile(self, step: Step) -> None:
        self._edit("UPDATE sites SET profile = %s", step.profile)

    def publish(self, step: Step) -> None:
        if self.forgets:
            self._edit("DELETE FROM published_days WHERE shift_date = %s", day_of(step))
        with transaction(self.database.engine("worker")) as session:
            if publication.publish_day(session, (1, day_of(step)), k=K, quiet=AT_ONCE) is None:
                return
        with psycopg.connect(self.database.url("owner")) as connection:
            rows = connection.execute(
                "SELECT w.device_id, w.employee_id, w.area_id, w.shift_id FROM rollup_windows w "
                "JOIN published_spans s ON s.device_id = w.device_id AND s.times @> w.bucket_at "
                "AND s.shift_date = w.shift_date WHERE w.shift_date = %s AND w.observed_ms > 0",
                [day_of(step)],
            ).fetchall()
        self.owners |= {atom: person for atom, person, _, _ in rows}
        self.by_area |= {
            frozenset(atom for atom, _, area, _ in rows if area == place) for place in {r[2] for r in rows}
        }
        self.by_shift |= {frozenset(atom for atom, _, _, at in rows if at == shift) for shift in {r[3] for r in rows}}

    def _edit(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.database.url("owner")) as connection:
            connection.execute(statement.encode(), values)
        self._refresh()

    def _refresh(self) -> None:
        keys = [(area, shift, FIRST_DAY + timedelta(days=day))
                for area in range(1, AREAS + 1) for shift in range(1, SHIFTS + 1) for day in range(DAYS)]  # fmt: skip
        with transaction(self.database.engine("worker")) as session:
            refresh_areas(session, keys)

    def _read(self) -> None:
        """As the role of Human Resources, which may read nothing else."""
        with psycopg.connect(self.database.url("grafana_hr")) as connection:
            cells = connection.execute(
                "SELECT area_id, shift_id, shift_date, people, observed_hours, model_versions FROM hr.group_shifts"
            ).fetchall()
            hours = connection.execute(
                "SELECT area_id, shift_id, shift_date, hour_at, people, observed_hours FROM hr.group_hours"
            ).fetchall()
        atoms_of: dict[tuple[int, int, date], Atoms] = {}
        for area, shift, day, people, observed, versions in cells:
            atoms = frozenset(int(version) for version in versions if self.owners[int(version)])
            assert (people, observed) == (len({self.owners[atom] for atom in atoms}), len(atoms)), "not of these atoms"
            atoms_of[area, shift, day] = atoms
        for area, shift, day, hour_at, people, observed in hours:
            atoms = frozenset(atom for atom in atoms_of[area, shift, day] if self.times[atom] == hour_at)
            assert (people, observed) == (len({self.owners[atom] for atom in atoms}), len(atoms)), "not of this hour"
            self.figures.add(atoms)
        self.figures |= set(atoms_of.values())

    def isolated(self, *totals: set[Atoms]) -> "Counts":
        """For each set of fewer people than a group has: how many independent sums speak of their atoms alone."""
        known = set[Atoms]().union(*totals)
        return _isolated(known, self.owners)


Counts = dict[frozenset[int], int]


def day_of(step: Step) -> date:
    return FIRST_DAY + timedelta(days=step.day)


def _isolated(known: set[Atoms], owners: dict[int, int]) -> Counts:
    """Sums vanish outside of P's columns as often as the rows lose rank without them.

    The rank of rows R is that of R Rᵀ, to which each person adds the part of their own columns: so all sets of people
    are tried at once.
    """
    rows = np.array([[float(atom in atoms) for atom in owners] for atoms in sorted(known, key=sorted)])
    if not rows.size:
        return {}
    parts = {
        person: (own := rows[:, [place for place, owner in enumerate(owners.values()) if owner == person]]) @ own.T
        for person in sorted(set(owners.values()) - {0})
    }
    fewer = [frozenset(few) for few in combinations(parts, min(K - 1, len(parts)))]
    whole = sum(parts.values())
    without = np.array([whole - sum(parts[person] for person in few) for few in fewer])
    ranks = np.linalg.matrix_rank(np.array([whole, *without]), tol=1e-6, hermitian=True)
    return {few: int(ranks[0] - rank) for few, rank in zip(fewer, ranks[1:], strict=True) if rank < ranks[0]}
