"""The roster as lines of the file that brings it in: each assignment, then what no assignment mentions."""

from collections.abc import Iterator

from sqlmodel import Session, col, select

from stressvision_store.places import zone_of
from stressvision_store.roster_csv import format_breaks, format_weekdays
from stressvision_store.shifts import hours_of
from stressvision_store.workforce_tables import (
    Area,
    Assignment,
    Consent,
    Employee,
    EmployeeName,
    Shift,
    Site,
    Station,
)

Line = dict[str, str]


def export_roster(session: Session, *, site_id: int | None = None, with_names: bool) -> Iterator[Line]:
    """Badges are kept as hashes only, so that column stays empty; `with_names` false leaves names out too."""
    statement = select(Site).order_by(col(Site.name))
    if site_id is not None:
        statement = statement.where(col(Site.id) == site_id)
    for site in session.exec(statement).all():
        yield from _SiteLines(session, site, with_names=with_names).lines()


class _SiteLines:
    def __init__(self, session: Session, site: Site, *, with_names: bool) -> None:
        self._session = session
        self._site: Line = {"site": site.name, "time_zone": site.time_zone}
        self._areas = session.exec(select(Area).where(col(Area.site_id) == site.id).order_by(col(Area.name))).all()
        area_names = {area.id: area.name for area in self._areas}
        self._stations = {
            station.id: {"area": area_names[station.area_id], "station": station.name}
            for station in session.exec(
                select(Station)
                .where(col(Station.area_id).in_(list(area_names)))
                .order_by(col(Station.area_id), col(Station.name))
            )
        }
        self._shifts = {
            shift.id: self._shift_cells(shift)
            for shift in session.exec(
                select(Shift).where(col(Shift.site_id) == site.id).order_by(col(Shift.name))
            ).all()
        }
        names = self._names(site) if with_names else {}
        consents = self._consent_cells(site)
        self._people = {
            employee.id: {"pseudonym": employee.pseudonym}
            | ({"name": names[employee.id]} if employee.id in names else {})
            | consents.get(employee.id, {})
            for employee in session.exec(
                select(Employee).where(col(Employee.site_id) == site.id).order_by(col(Employee.pseudonym))
            )
        }

    def lines(self) -> Iterator[Line]:
        assigned = self._assignments()
        for row in assigned:
            yield (
                self._site
                | self._stations[row.station_id]
                | self._shifts[row.shift_id]
                | self._people[row.employee_id]
                | {"first_date": row.first_date.isoformat()}
                | ({"last_date": row.last_date.isoformat()} if row.last_date is not None else {})
            )
        used_stations = {row.station_id for row in assigned}
        used_shifts = {row.shift_id for row in assigned}
        used_people = {row.employee_id for row in assigned}
        rest = [
            *(
                {"area": area.name}
                for area in self._areas
                if area.name not in {s["area"] for s in self._stations.values()}
            ),
            *(cells for key, cells in self._stations.items() if key not in used_stations),
            *(cells for key, cells in self._shifts.items() if key not in used_shifts),
            *(cells for key, cells in self._people.items() if key not in used_people),
        ]
        for cells in rest if rest or assigned else [{}]:
            yield self._site | cells

    def _assignments(self) -> list[Assignment]:
        rows = self._session.exec(select(Assignment).where(col(Assignment.shift_id).in_(list(self._shifts)))).all()
        return sorted(
            rows,
            key=lambda row: (
                self._stations[row.station_id]["area"],
                self._stations[row.station_id]["station"],
                self._shifts[row.shift_id]["shift"],
                row.first_date,
            ),
        )

    def _shift_cells(self, shift: Shift) -> Line:
        hours = hours_of(self._session, shift)
        return {
            "shift": shift.name,
            "starts": f"{hours.starts:%H:%M}",
            "ends": f"{hours.ends:%H:%M}",
            "weekdays": format_weekdays(hours.weekdays),
            "breaks": format_breaks(hours.breaks),
        }

    def _names(self, site: Site) -> dict[int | None, str]:
        statement = select(EmployeeName).join(Employee, col(Employee.id) == col(EmployeeName.employee_id))
        rows = self._session.exec(statement.where(col(Employee.site_id) == site.id)).all()
        return {row.employee_id: row.name for row in rows}

    def _consent_cells(self, site: Site) -> dict[int | None, Line]:
        """Of each person the newest consent that stands."""
        statement = (
            select(Consent)
            .join(Employee, col(Employee.id) == col(Consent.employee_id))
            .where(col(Employee.site_id) == site.id, col(Consent.withdrawn_at).is_(None))
            .order_by(col(Consent.given_at), col(Consent.id))
        )
        return {
            row.employee_id: {
                "consent_given": row.given_at.astimezone(zone_of(site)).isoformat(),
                "notice_version": row.notice_version,
            }
            for row in self._session.exec(statement)
        }
