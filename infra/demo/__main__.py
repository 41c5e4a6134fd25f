"""`make demo`: fill a running platform with a plant's 28 days, and let one real agent look at a real face."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from demo import report, staging, state
from demo.agent import AgentError, RealAgent
from demo.control import Control, ControlError
from demo.device import DeviceError
from demo.plant import StationPlan, stations
from demo.quality import ask_for_quality
from demo.settings import Settings, SettingsError, read_settings
from demo.telling import Tally, Teller, story_of

DAYS = 28
WINDOW_MINUTES = 10
SEED = 7
ROLLUP_TIMEOUT_S = 600.0
AGENT_S = 120.0
FIGURES_TIMEOUT_S = 180.0
BOOKS_TIMEOUT_S = 20.0
COUNTED = ("frames", "faces", "windows", "events_appended")
"""The agent's own counters that the demo shows."""


@contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    times[name] = time.monotonic() - begun


def tell(settings: Settings, told: state.DemoState, plans: list[StationPlan], bars: Progress, *, again: bool) -> Tally:
    """Send the plant's history. How much it will be is guessed from the roster, so that the bar can promise an end."""
    until = datetime.now(UTC)
    stories = [(story_of(told, told.devices[plan.name], plan), told.devices[plan.name].sent) for plan in plans]
    guess = sum(max(story.expected(until) - (0 if again else sent), 0) for story, sent in stories)
    sending = bars.add_task("events through the device API", total=guess)
    path = settings.folder / "state.json"
    teller = Teller(
        settings.ingest_url, told, plans, until, again,
        lambda count: bars.advance(sending, count), lambda: state.save(path, told),
    )  # fmt: skip
    tally = asyncio.run(teller.tell_all())
    bars.update(sending, total=max(tally.sent, 1), completed=max(tally.sent, 1))
    return tally


def wait_for_rollups(control: Control, bars: Progress) -> None:
    """Until no mark is left, or nothing more is expected of the worker."""
    marks = int(control.status()["marks"])
    task = bars.add_task("five-minute marks to roll up", total=marks)
    deadline = time.monotonic() + ROLLUP_TIMEOUT_S
    highest = marks
    while marks and time.monotonic() < deadline:
        time.sleep(0.5)
        marks = int(control.status()["marks"])
        highest = max(highest, marks)
        bars.update(task, total=highest, completed=highest - marks)
    if marks:
        raise ControlError(f"{marks} marks still wait after {ROLLUP_TIMEOUT_S:g} s; is the worker up? see `make logs`")


def wait_for_figures(settings: Settings, bars: Progress) -> None:
    """Until the figures of groups are published: of days that are over, once nothing has changed for a while."""
    pending = report.unpublished_days(settings)
    task = bars.add_task("days to publish, once quiet", total=pending)
    deadline = time.monotonic() + FIGURES_TIMEOUT_S
    highest = pending
    while pending and time.monotonic() < deadline:
        time.sleep(1)
        pending = report.unpublished_days(settings)
        highest = max(highest, pending)
        bars.update(task, total=highest, completed=highest - pending)


def agent_facts(control: Control, real: RealAgent, error: str | None) -> dict[str, Any]:
    """What it counted itself, and what the platform has in its books for it once the tallies are folded in."""
    whole = {name: int(real.metrics.get(f"stressvision_agent_{name}_total", 0)) for name in COUNTED}
    stored: int | None = None
    deadline = time.monotonic() + BOOKS_TIMEOUT_S
    while real.device_id is not None and time.monotonic() < deadline:
        detail = control.device(real.device_id)
        stored = (detail["account"] or {}).get("stored", 0)
        if stored >= max(whole["events_appended"], 1):
            break
        time.sleep(1)
    return {"source": real.source, "device_id": real.device_id, "stored": stored, "error": error, **whole}


def perform(
    settings: Settings, bars: Progress, say: Callable[[str], None], *, seed: int, days: int, source: str, again: bool
) -> dict[str, Any]:
    times: dict[str, float] = {}
    begun = time.monotonic()
    control = Control(settings.control_url, settings.admin_token)
    plans = stations()
    real = RealAgent(settings.folder / "agent", settings.ingest_url, staging.MODEL.resolve(), source)
    error = None
    with timed(times, "staging"):
        version = staging.register_model(control)
        told = staging.open_state(settings, seed=seed, days=days, window_minutes=WINDOW_MINUTES, model_version=version)
        lines = staging.import_roster(control, told.first_date)
        say(f"roster of {lines} lines imported; model {version} registered")
        if not told.devices:
            staging.place_devices(control, settings, told, plans)
            say(f"{len(plans)} simulated devices enrolled, each with its own key")
        real.prepare()
        staging.seat_agent(control, told, real)
        state.save(settings.folder / "state.json", told)
        real.start()
        say(f"real agent enrolled as device {real.device_id}, looking at {real.source}")
    try:
        with timed(times, "sending"):
            tally = tell(settings, told, plans, bars, again=again)
        with timed(times, "agent"):
            watching = bars.add_task("the real agent looks on", total=None)
            try:
                real.finish(AGENT_S)
            except AgentError as failure:
                error = str(failure)
            bars.remove_task(watching)
        with timed(times, "rolling up"):
            wait_for_rollups(control, bars)
        with timed(times, "publishing"):
            wait_for_figures(settings, bars)
            ask_for_quality(settings)
    finally:
        real.stop()
    facts = agent_facts(control, real, error)
    control.close()
    times["total"] = time.monotonic() - begun
    return report.summary(settings, tally, report.rolled_up(settings), facts, times)


def main(
    source: Annotated[str, typer.Option(help="Clip or camera of the real agent: file:PATH, dir:PATH, v4l2:0.")] = "",
    seed: Annotated[int, typer.Option(help="Another seed, another history.")] = SEED,
    days: Annotated[int, typer.Option(min=1, max=29, help="How many days back the history begins.")] = DAYS,
    again: Annotated[
        bool, typer.Option("--again", help="Send everything anew: every event must be a duplicate.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="What the demo keeps from one run to the next.")] = Path(".stack/demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Fill the platform that `make up` started with a plant's history, and let one real agent look on."""
    console = Console(stderr=as_json)
    columns = (
        TextColumn("{task.description:<30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    try:
        settings = read_settings(folder=folder)
        if source and not source.startswith(("file:", "dir:", "v4l2:", "picamera2")):
            source = f"file:{source}"
        with Progress(*columns, console=console) as bars:
            result = perform(
                settings, bars, lambda line: console.print(line, highlight=False),
                seed=seed, days=days, source=source, again=again,
            )  # fmt: skip
    except (SettingsError, ControlError, DeviceError, AgentError, ExceptionGroup) as error:
        causes = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
        for cause in causes[:3]:
            print(f"demo: {cause}", file=sys.stderr)
        raise typer.Exit(1) from None
    except psycopg.Error as error:
        print(
            f"demo: {str(error).splitlines()[0]}; `make up` starts the database and brings it up to date",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        report.show(console, result)


if __name__ == "__main__":
    typer.run(main)
