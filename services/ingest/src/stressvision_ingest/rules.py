"""What makes an event unfit to be stored, and what its record is when it is fit. Pure."""

from dataclasses import dataclass
from typing import Final

from stressvision_contracts.events import BatchEnvelope, Episode, Gap, RejectReason
from stressvision_contracts.labels import COMPANY5, CONDITIONS, PROFILE_CONDITIONS, PROFILE_LABELS, Label, SiteProfile
from stressvision_ingest.clocks import correction, to_us
from stressvision_store.arrivals import ArrivedEvent, ArrivedWindow
from stressvision_store.records import pack

NO_MODEL: Final = "none"
"""What a device without a model writes as the version; only gaps may carry it."""

SECONDS_TOLERANCE: Final = 1.0
"""How much the times under labels may exceed the window: two frames at the slowest rate an agent may be set to."""

_DAY_US: Final = 86_400_000_000
_SECOND_US: Final = 1_000_000


class RefusedEvent(Exception):  # noqa: N818 - a verdict, not a fault
    """Why one event will never be stored."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: RejectReason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for one batch: whose it is, what its site lets exist, which models are known, and when it came.

    `models` gives each known version its number in records.
    """

    device_id: int
    profile: SiteProfile
    models: dict[str, int]
    received_us: int
    oldest_event_days: int = 400
    newest_event_s: float = 600.0


def forbids_nothing(profile: SiteProfile) -> bool:
    return PROFILE_LABELS[profile] == frozenset(COMPANY5) and PROFILE_CONDITIONS[profile] == frozenset(CONDITIONS)


class Rules:
    """The rules for the events of one batch. `repaired` and `unknown_models` tell what they met with."""

    def __init__(self, terms: Terms, envelope: BatchEnvelope) -> None:
        self.repaired = False
        self.unknown_models: set[str] = set()
        self._terms = terms
        self._device_id = terms.device_id
        self._models = terms.models
        self._shift_ms = correction(envelope, terms.received_us).shift_ms
        allowed = PROFILE_LABELS[terms.profile]
        self._forbidden: tuple[Label, ...] = tuple(label for label in COMPANY5 if label not in allowed)
        self._conditions = PROFILE_CONDITIONS[terms.profile]
        self._oldest_us = terms.received_us - terms.oldest_event_days * _DAY_US
        self._newest_us = terms.received_us + round(terms.newest_event_s * _SECOND_US)

    def record(self, place: int, event: ArrivedEvent) -> bytes:
        """Raise `RefusedEvent`. This runs for every event: it costs what the statement costs, so count the calls."""
        event_id = event.event_id.int.to_bytes(16)
        if event_id[6] >> 4 != 7 or event_id[8] >> 6 != 2:
            raise RefusedEvent("bad_id", f"event_id {event.event_id} is no UUIDv7; make it with the device's clock")
        started_us, ended_us = to_us(event.started_at), to_us(event.ended_at)
        if ended_us < started_us:
            raise RefusedEvent("bad_value", f"ended_at {event.ended_at} lies before started_at {event.started_at}")
        if type(event) is ArrivedWindow:
            self._check_window(event, ended_us - started_us)
        elif isinstance(event, Episode) and event.condition not in self._conditions:
            raise RefusedEvent("profile", f"the site's profile {self._terms.profile!r} forbids {event.condition!r}")
        shift_ms = self._shift_ms(ended_us, event.monotonic_s)
        if shift_ms:
            self.repaired = True
        if started_us + shift_ms * 1000 < self._oldest_us or ended_us + shift_ms * 1000 > self._newest_us:
            raise self._bad_time(event, shift_ms)
        model = self._models.get(event.model_version)
        if model is None or event.model_version == NO_MODEL:
            model = self._unusual_model(event)
        return pack(event, event_id, self._device_id, started_us, ended_us, shift_ms, model, place)

    def may_be_kept(self, event: ArrivedEvent) -> bool:
        """Whether the site's profile lets this exist at all, be it as a dead letter for quite another reason."""
        try:
            if isinstance(event, ArrivedWindow):
                self._check_profile(event)
        except RefusedEvent:
            return False
        return not isinstance(event, Episode) or event.condition in self._conditions

    def _bad_time(self, event: ArrivedEvent, shift_ms: int) -> RefusedEvent:
        return RefusedEvent(
            "bad_time",
            f"{event.started_at} to {event.ended_at}, put right by {shift_ms} ms, is not between "
            f"{self._terms.oldest_event_days} days ago and {self._terms.newest_event_s:g} s from now",
        )

    def _unusual_model(self, event: ArrivedEvent) -> int:
        version = event.model_version
        if version == NO_MODEL and isinstance(event, Gap):
            return self._models[NO_MODEL]
        self.unknown_models.add(version)
        raise RefusedEvent("unknown_model", f"model_version {version!r} is not registered; register it first")

    def _check_window(self, event: ArrivedWindow, duration_us: int) -> None:
        if event.faces > event.frames:
            raise RefusedEvent("bad_value", f"faces {event.faces} are more than frames {event.frames}")
        seconds = event.seconds
        total_s = seconds.neutral + seconds.stress + seconds.sad + seconds.happy + seconds.fatigue
        if (total_s - SECONDS_TOLERANCE) * _SECOND_US > duration_us:
            raise RefusedEvent("bad_value", f"{total_s:g} s under labels in {duration_us / _SECOND_US:g} s")
        if self._forbidden:
            self._check_profile(event)

    def _check_profile(self, event: ArrivedWindow) -> None:
        if len(self._forbidden) == len(COMPANY5):
            raise RefusedEvent("profile", f"the site's profile {self._terms.profile!r} forbids windows")
        for label in self._forbidden:
            if getattr(event.seconds, label) > 0 or getattr(event.mean_probability, label) > 0:
                raise RefusedEvent("profile", f"the site's profile {self._terms.profile!r} forbids {label!r}")
