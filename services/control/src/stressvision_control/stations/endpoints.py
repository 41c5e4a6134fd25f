"""Stations: the places at which one device looks at one person."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, Name, PathId
from stressvision_control.security import CallerDep, allow
from stressvision_control.stations.schemas import NewStation, StationChange, StationView
from stressvision_store import audit, places
from stressvision_store.paging import one
from stressvision_store.workforce_tables import Station

router = APIRouter(prefix="/v1/stations", tags=["stations"])
readers = allow("admin", "operator", "safety", "privacy")
writers = allow("admin", "operator")


@router.get("", summary="List stations", **readers)
def list_stations(
    session: SessionDep,
    page: PageDep,
    site_id: Annotated[Id | None, Query()] = None,
    area_id: Annotated[Id | None, Query()] = None,
    name: Annotated[Name | None, Query()] = None,
) -> Page[StationView]:
    rows = places.list_stations(
        session, site_id=site_id, area_id=area_id, name=name, after=page.after, limit=page.limit
    )
    return paged([StationView.model_validate(row) for row in rows], page.limit)


@router.post("", summary="Create a station", status_code=201, **writers)
def create_station(session: SessionDep, caller: CallerDep, body: NewStation) -> StationView:
    station = places.create_station(session, area_id=body.area_id, name=body.name)
    subject = f"station {station.id}"
    audit.append(session, actor=caller.actor, action="station.create", subject=subject, **body.model_dump())
    return StationView.model_validate(station)


@router.get("/{station_id}", summary="Show a station", **readers)
def show_station(session: SessionDep, station_id: PathId) -> StationView:
    return StationView.model_validate(one(session, Station, station_id, "station"))


@router.patch("/{station_id}", summary="Rename a station", **writers)
def rename_station(session: SessionDep, caller: CallerDep, station_id: PathId, body: StationChange) -> StationView:
    station = places.rename_station(session, station_id, body.name)
    subject = f"station {station_id}"
    audit.append(session, actor=caller.actor, action="station.change", subject=subject, name=body.name)
    return StationView.model_validate(station)
