"""Everything before the first event: model, roster, partitions, devices and their places."""

import asyncio
import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from demo import agent, state
from demo.control import Control
from demo.plant import StationPlan, roster
from demo.settings import Settings
from demo.state import DemoState
from demo.telling import join_all, still_known

MODEL = Path("models/stressvision")


def register_model(control: Control, folder: Path = MODEL) -> str:
    """Have the platform know the shipped model; return its version."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    control.call("POST", "/v1/models", json=manifest)
    return str(manifest["version"])


def open_state(settings: Settings, *, seed: int, days: int, window_minutes: int, model_version: str) -> DemoState:
    """The state of the demo's earlier run, if its devices are still known; else a new one, without devices."""
    path = settings.folder / "state.json"
    known = state.load(path)
    if known is not None and known.devices:
        first = next(iter(known.devices.values()))
        if asyncio.run(still_known(settings.ingest_url, first)):
            return known
    return DemoState(
        seed=seed,
        first_date=datetime.now(UTC).date() - timedelta(days=days),
        window_minutes=window_minutes,
        model_version=model_version,
    )


def import_roster(control: Control, first_date: date) -> int:
    """Sites, stations, shifts, people, consents and posts in one file; return how many lines it had."""
    report = control.import_roster(roster(first_date, agent.STATION, agent.PSEUDONYM))
    return int(report["lines"])


def place_devices(control: Control, settings: Settings, story: DemoState, stations: list[StationPlan]) -> None:
    """Enrol a device for each station and say that it has stood there from the first day."""
    numbers = control.stations()
    codes = (control.enrolment_code() for _ in stations)
    story.devices = asyncio.run(join_all(settings.ingest_url, stations, codes))
    since = datetime.combine(story.first_date, time(0), UTC) - timedelta(days=1)
    for station in stations:
        station_id = numbers[station.site.name, station.area.name, station.name]
        control.place(story.devices[station.name].device_id, station_id, since)


def seat_agent(control: Control, story: DemoState, real: agent.RealAgent) -> None:
    """Enrol the real agent anew at its station, shut out the one of the run before, and have its person check in."""
    station_id = control.stations()[agent.STATION]
    if story.agent_device_id is not None:
        control.call("POST", f"/v1/devices/{story.agent_device_id}/revoke")
    story.agent_device_id = real.enrol(control.enrolment_code(station_id))
    control.call("POST", "/v1/check-ins", json={"station_id": station_id, "pseudonym": agent.PSEUDONYM})
