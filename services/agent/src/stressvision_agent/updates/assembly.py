"""The updating side as the settings want it, put together."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

from stressvision_agent.client import DeviceClient, Signs, Time, open_http
from stressvision_agent.clock import Clock
from stressvision_agent.directives import Directives
from stressvision_agent.settings import Settings
from stressvision_agent.updates.obtaining import Obtaining
from stressvision_agent.updates.offers import Offers
from stressvision_agent.updates.slots import Loading, Slots
from stressvision_agent.updates.sources import ServerSource
from stressvision_agent.updates.updater import ModelUpdater


class BorrowedTime:
    """The time as another thread has learnt it; what this one hears of it goes nowhere."""

    def __init__(self, time: Time) -> None:
        self._time = time

    def now(self) -> datetime:
        return self._time.now()

    def observe_server(self, server_time: datetime, sent_s: float, received_s: float) -> None:
        pass

    def observe_date(self, header: str | None, sent_s: float, received_s: float) -> None:
        pass


def open_slots(settings: Settings) -> Slots:
    """Return what this device keeps of models."""
    vision = settings.vision
    return Slots(settings.models_dir, settings.update_file, Loading(vision.model, vision.threads, vision.delegate))


def offers_of(slots: Slots) -> Offers:
    """Return where a person at the device leaves an offer."""
    return Offers(slots.shelf.folder / "offer.json")


def open_updater(
    settings: Settings,
    identity: Signs,
    time: Time,
    clock: Clock,
    directives: Directives,
    tell: Callable[[], None],
    resources: ExitStack,
) -> ModelUpdater:
    """Return the updater with a connection of its own, which `resources` closes."""
    slots = open_slots(settings)
    borrowed = BorrowedTime(time)
    http = resources.enter_context(open_http(settings.server))
    source = ServerSource(DeviceClient(http, identity, borrowed, clock))
    obtaining = Obtaining(settings, slots.shelf, slots.loading, source, borrowed.now)
    return ModelUpdater(settings, slots, obtaining, offers_of(slots), directives, tell)
