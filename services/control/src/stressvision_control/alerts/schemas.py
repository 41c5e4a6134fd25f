"""What travels about alerts. Neither the person nor the key of the page to answer on is shown."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from stressvision_control.fields import Body, LocalTime, View
from stressvision_store.alert_tables import AlertSettings
from stressvision_store.alerts import AlertPlace, RulePrecision
from stressvision_store.languages import Language

State = Literal["open", "notified", "acknowledged", "closed", "suppressed"]
Outcome = Literal["true", "false", "break_taken", "unknown"]


class AlertView(View):
    """`opened_at`: when the device's rule was met; `started_at`: since when there were signs."""

    id: int
    rule: str
    rule_version: str
    condition: str
    site: str | None
    area: str | None
    station: str | None
    device_id: int
    model_version: str
    coverage: float = Field(description="Share of the time in which a face was seen")
    started_at: datetime
    opened_at: datetime
    raised_at: datetime
    state: State
    suppressed_because: str | None
    notified_at: datetime | None
    escalated_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    outcome: Outcome | None


class Closing(Body):
    """`break_taken`: the signs were right and the person took a break; it counts as right."""

    outcome: Outcome


class RuleView(View):
    """`right_share` with its 95 % interval; null with fewer than 20 judged alerts: not enough data."""

    rule: str
    version: str
    alerts: int
    suppressed: dict[str, int]
    acknowledged: int
    acknowledged_share: float | None
    judged: int
    right: int
    right_share: float | None
    right_low: float | None
    right_high: float | None


class SiteWishes(Body):
    """Quiet hours are local time at the site, and may run over midnight; nobody is told in them."""

    language: Language = "es"
    quiet_from: LocalTime | None = None
    quiet_until: LocalTime | None = None
    cooldown_s: int = Field(default=900, ge=0, le=86_400, description="After an alert at a station, none for so long")
    hourly_budget: int = Field(default=2, ge=0, le=60, description="Alerts about one person an hour, at most")
    escalate_after_s: int = Field(default=600, ge=30, le=86_400, description="Then the second channels are told")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet hours have a beginning and an end, or neither")
        return self


class SiteWishesView(View):
    site_id: int
    language: str
    quiet_from: str | None
    quiet_until: str | None
    cooldown_s: int
    hourly_budget: int
    escalate_after_s: int


def view_of(place: AlertPlace) -> AlertView:
    alert = place.alert
    known = alert.model_dump(exclude={"episode_id", "employee_id", "key", "site_id", "area_id", "station_id"})
    return AlertView(
        **known,
        site=place.site,
        area=place.area,
        station=place.station,
        coverage=round(alert.coverage_ppm / 1e6, 2),
    )


def rule_view(rule: RulePrecision) -> RuleView:
    share = rule.acknowledged / rule.alerts if rule.alerts else None
    return RuleView(**{name: getattr(rule, name) for name in rule.__slots__}, acknowledged_share=share)


def wishes_view(settings: AlertSettings) -> SiteWishesView:
    def shown(at: object) -> str | None:
        return None if at is None else f"{at:%H:%M}"

    known = settings.model_dump(exclude={"quiet_from", "quiet_until"})
    return SiteWishesView(**known, quiet_from=shown(settings.quiet_from), quiet_until=shown(settings.quiet_until))
