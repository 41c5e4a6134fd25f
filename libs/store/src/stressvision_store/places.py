"""Sites, their areas, and the stations in them."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from stressvision_contracts.labels import SiteProfile
from stressvision_store.changes import ALWAYS, attribution_changed
from stressvision_store.local_time import check_time_zone
from stressvision_store.paging import one, take
from stressvision_store.profiles import refuse_wide_birth
from stressvision_store.refusals import ConflictError
from stressvision_store.workforce_tables import Area, Site, Station


def create_site(session: Session, *, name: str, time_zone: str, profile: SiteProfile = "safety") -> Site:
    check_time_zone(time_zone)
    refuse_wide_birth(profile)
    if find_site(session, name) is not None:
        raise ConflictError(f"there is a site {name!r} already", field="name")
    site = Site(name=name, time_zone=time_zone, profile=profile)
    session.add(site)
    session.flush()
    return site


def find_site(session: Session, name: str) -> Site | None:
    return session.exec(select(Site).where(col(Site.name) == name)).first()


def list_sites(session: Session, *, name: str | None = None, after: int | None, limit: int) -> Sequence[Site]:
    statement = select(Site)
    if name is not None:
        statement = statement.where(col(Site.name) == name)
    return take(session, statement, key=col(Site.id), after=after, limit=limit)


def change_site(session: Session, site_id: int, *, name: str | None = None, time_zone: str | None = None) -> Site:
    """Another time zone moves every shift of the site, so all that was ever observed there is attributed anew."""
    site = one(session, Site, site_id, "site", lock=True)
    if name is not None and name != site.name:
        if find_site(session, name) is not None:
            raise ConflictError(f"there is a site {name!r} already", field="name")
        site.name = name
    if time_zone is not None and time_zone != site.time_zone:
        check_time_zone(time_zone)
        site.time_zone = time_zone
        session.flush()
        attribution_changed(session, site_id=site_id, since=ALWAYS)
    session.flush()
    return site


def zone_of(site: Site) -> ZoneInfo:
    return ZoneInfo(site.time_zone)


def create_area(session: Session, *, site_id: int, name: str) -> Area:
    one(session, Site, site_id, "site")
    if find_area(session, site_id=site_id, name=name) is not None:
        raise ConflictError(f"site {site_id} has an area {name!r} already", field="name")
    area = Area(site_id=site_id, name=name)
    session.add(area)
    session.flush()
    return area


def find_area(session: Session, *, site_id: int, name: str) -> Area | None:
    return session.exec(select(Area).where(col(Area.site_id) == site_id, col(Area.name) == name)).first()


def list_areas(
    session: Session, *, site_id: int | None = None, name: str | None = None, after: int | None, limit: int
) -> Sequence[Area]:
    statement = select(Area)
    if name is not None:
        statement = statement.where(col(Area.name) == name)
    if site_id is not None:
        statement = statement.where(col(Area.site_id) == site_id)
    return take(session, statement, key=col(Area.id), after=after, limit=limit)


def rename_area(session: Session, area_id: int, name: str) -> Area:
    area = one(session, Area, area_id, "area", lock=True)
    if name != area.name and find_area(session, site_id=area.site_id, name=name) is not None:
        raise ConflictError(f"site {area.site_id} has an area {name!r} already", field="name")
    area.name = name
    session.flush()
    return area


def create_station(session: Session, *, area_id: int, name: str) -> Station:
    one(session, Area, area_id, "area")
    if find_station(session, area_id=area_id, name=name) is not None:
        raise ConflictError(f"area {area_id} has a station {name!r} already", field="name")
    station = Station(area_id=area_id, name=name)
    session.add(station)
    session.flush()
    return station


def find_station(session: Session, *, area_id: int, name: str) -> Station | None:
    return session.exec(select(Station).where(col(Station.area_id) == area_id, col(Station.name) == name)).first()


def list_stations(
    session: Session,
    *,
    site_id: int | None = None,
    area_id: int | None = None,
    name: str | None = None,
    after: int | None,
    limit: int,
) -> Sequence[Station]:
    statement = select(Station)
    if name is not None:
        statement = statement.where(col(Station.name) == name)
    if area_id is not None:
        statement = statement.where(col(Station.area_id) == area_id)
    if site_id is not None:
        statement = statement.join(Area).where(col(Area.site_id) == site_id)
    return take(session, statement, key=col(Station.id), after=after, limit=limit)


def rename_station(session: Session, station_id: int, name: str) -> Station:
    station = one(session, Station, station_id, "station", lock=True)
    if name != station.name and find_station(session, area_id=station.area_id, name=name) is not None:
        raise ConflictError(f"area {station.area_id} has a station {name!r} already", field="name")
    station.name = name
    session.flush()
    return station


def site_of_station(session: Session, station_id: int) -> Site:
    station = one(session, Station, station_id, "station")
    return one(session, Site, one(session, Area, station.area_id, "area").site_id, "site")
