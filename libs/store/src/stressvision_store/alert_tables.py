"""Alerts to people: what was raised, what became of it, who was told, and each site's wishes; and reports kept."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from stressvision_store.languages import LANGUAGES
from stressvision_store.tables import NOW  # both modules: their tables are referred to
from stressvision_store.workforce_tables import Timestamp

STATES = ("open", "notified", "acknowledged", "closed", "suppressed")
OUTCOMES = ("true", "false", "break_taken", "unknown")
SUPPRESSIONS = ("late", "cooldown", "budget", "quiet", "break", "no_consent", "no_station")
REPORT_KINDS = ("shift", "week")
REPORT_FORMATS = ("html", "pdf")


def _among(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


class AlertSettings(SQLModel, table=True):
    """A site's wishes; a site without a row has the defaults. Quiet hours are local time and may run over midnight."""

    __tablename__ = "alert_settings"
    __table_args__ = (
        CheckConstraint(_among("language", LANGUAGES), name="alert_settings_language"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name="alert_settings_quiet"),
    )
    site_id: int = Field(primary_key=True, foreign_key="sites.id", ondelete="CASCADE")
    language: str = Field(default="es", sa_column_kwargs={"server_default": "es"})
    quiet_from: time | None = None
    quiet_until: time | None = None
    cooldown_s: int = Field(default=900, sa_column_kwargs={"server_default": "900"})
    hourly_budget: int = Field(default=2, sa_column_kwargs={"server_default": "2"})
    escalate_after_s: int = Field(default=600, sa_column_kwargs={"server_default": "600"})


class Alert(SQLModel, table=True):
    """One episode that a rule found worth a person's attention, or would have (`suppressed`).

    `started_at`: since when there are signs; `opened_at`: when the device's rule was met. The person is a number of
    `employees` and only there where the time is attributed. `key` opens the page on which the notified answer.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("episode_id", "rule"),
        CheckConstraint(_among("state", STATES), name="alerts_state"),
        CheckConstraint(_among("suppressed_because", SUPPRESSIONS), name="alerts_suppressed_because"),
        CheckConstraint(_among("outcome", OUTCOMES), name="alerts_outcome"),
        CheckConstraint("(state = 'suppressed') = (suppressed_because IS NOT NULL)", name="alerts_suppression"),
        CheckConstraint("(state = 'closed') = (outcome IS NOT NULL)", name="alerts_closing"),
        Index("alerts_station", "station_id", "opened_at"),
        Index("alerts_employee", "employee_id", "opened_at"),
        Index("alerts_waiting", "raised_at", postgresql_where=text("state IN ('open', 'notified')")),
    )
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity()])
    rule: str
    rule_version: str
    episode_id: UUID
    condition: str
    device_id: int = Field(foreign_key="devices.id")
    site_id: int | None = Field(default=None, foreign_key="sites.id", ondelete="CASCADE")
    area_id: int | None = Field(default=None, foreign_key="areas.id", ondelete="CASCADE")
    station_id: int | None = Field(default=None, foreign_key="stations.id", ondelete="CASCADE")
    employee_id: int | None = Field(default=None, foreign_key="employees.id", ondelete="SET NULL")
    model_version: str
    coverage_ppm: int
    started_at: datetime = Field(sa_type=Timestamp)
    opened_at: datetime = Field(sa_type=Timestamp)
    received_at: datetime = Field(sa_type=Timestamp)
    raised_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    state: str
    suppressed_because: str | None = None
    key: str = Field(unique=True)
    notified_at: datetime | None = Field(default=None, sa_type=Timestamp)
    escalated_at: datetime | None = Field(default=None, sa_type=Timestamp)
    acknowledged_at: datetime | None = Field(default=None, sa_type=Timestamp)
    acknowledged_by: str | None = None
    closed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    closed_by: str | None = None
    outcome: str | None = None


class AlertDelivery(SQLModel, table=True):
    """One message to one channel. `sent_at` is the marker: a message without it is sent (again) once it is due.

    `channel` is the channel's name in the worker's file; its address, which is a secret, is nowhere in here.
    """

    __tablename__ = "alert_deliveries"
    __table_args__ = (
        UniqueConstraint("alert_id", "channel", "step"),
        Index("alert_deliveries_due", "next_try_at", postgresql_where=text("sent_at IS NULL AND gave_up_at IS NULL")),
    )
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity()])
    alert_id: int = Field(sa_type=BigInteger, foreign_key="alerts.id", ondelete="CASCADE")
    channel: str
    step: int
    tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    next_try_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    sent_at: datetime | None = Field(default=None, sa_type=Timestamp)
    gave_up_at: datetime | None = Field(default=None, sa_type=Timestamp)


class KeptReport(SQLModel, table=True):
    """A report as it was made on schedule; made of the views for Human Resources, so of groups only."""

    __tablename__ = "reports"
    __table_args__ = (
        UniqueConstraint("kind", "site_id", "shift_id", "first_date", "language", "format", name="reports_same"),
        CheckConstraint(_among("kind", REPORT_KINDS), name="reports_kind"),
        CheckConstraint(_among("language", LANGUAGES), name="reports_language"),
        CheckConstraint(_among("format", REPORT_FORMATS), name="reports_format"),
    )
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity()])
    kind: str
    site_id: int = Field(foreign_key="sites.id", ondelete="CASCADE")
    shift_id: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """0 in a report about all shifts."""
    first_date: date
    language: str
    format: str
    content: bytes = Field(sa_type=LargeBinary)
    made_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
