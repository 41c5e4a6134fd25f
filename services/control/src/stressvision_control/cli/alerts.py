"""Alerts of fatigue that lasts: see to them, say what came of them, and see how often the rule was right."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from stressvision_control.cli.client import Row, open_api
from stressvision_control.cli.output import JsonOption, say, show
from stressvision_store.languages import Language

alerts = typer.Typer(no_args_is_help=True, help="Sustained signs of tiredness that somebody was told of.")

COLUMNS = ("id", "opened_at", "site", "area", "station", "state", "suppressed_because", "acknowledged_by", "outcome")


class State(StrEnum):
    OPEN = "open"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    SUPPRESSED = "suppressed"


class Outcome(StrEnum):
    TRUE = "true"
    FALSE = "false"
    BREAK_TAKEN = "break_taken"
    UNKNOWN = "unknown"


@alerts.command("list")
def list_alerts(
    context: typer.Context,
    site: Annotated[str | None, typer.Option(help="Only of this site.")] = None,
    state: Annotated[State | None, typer.Option(help="Only in this state; suppressed ones only so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List alerts, the newest first."""
    api = open_api(context, as_json=as_json)
    site_id = api.site(site) if site is not None else None
    page = api.get("/v1/alerts", site_id=site_id, state=state, limit=limit)
    show(page["items"], as_json=as_json, columns=COLUMNS)


@alerts.command("ack")
def acknowledge(context: typer.Context, alert_id: int, as_json: JsonOption = False) -> None:
    """See to an alert: nobody else is told from now on."""
    changed = open_api(context, as_json=as_json).post(f"/v1/alerts/{alert_id}/acknowledge")
    say(f"alert {alert_id} is acknowledged by {changed['acknowledged_by']}", changed, as_json=as_json)


@alerts.command("close")
def close(
    context: typer.Context,
    alert_id: int,
    outcome: Annotated[Outcome, typer.Option(help="What came of it.")],
    as_json: JsonOption = False,
) -> None:
    """Close an alert with what came of it; this is what the rule's precision is counted from."""
    changed = open_api(context, as_json=as_json).post(f"/v1/alerts/{alert_id}/close", {"outcome": outcome})
    say(f"alert {alert_id} is closed: {outcome}", changed, as_json=as_json)


@alerts.command("rules")
def rules(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show each rule with how often it was right."""
    rows = open_api(context, as_json=as_json).get("/v1/alerts/rules")
    show(rows if as_json else [_line(row) for row in rows], as_json=as_json)


@alerts.command("settings")
def settings(
    context: typer.Context,
    site: str,
    language: Annotated[Language | None, typer.Option(help="Of the messages.")] = None,
    quiet: Annotated[str | None, typer.Option(help="HH:MM-HH:MM in local time, or none.")] = None,
    cooldown_s: Annotated[int | None, typer.Option(help="After an alert at a station, none for so long.")] = None,
    hourly_budget: Annotated[int | None, typer.Option(help="Alerts about one person an hour, at most.")] = None,
    escalate_after_s: Annotated[int | None, typer.Option(help="Then the second channels are told.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a site's wishes about alerts, or change those that are given."""
    api = open_api(context, as_json=as_json)
    path = f"/v1/alerts/settings/{api.site(site)}"
    wishes: Row = api.get(path)
    given: dict[str, Any] = {
        "language": language,
        "cooldown_s": cooldown_s,
        "hourly_budget": hourly_budget,
        "escalate_after_s": escalate_after_s,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if quiet is not None:
        changes |= _quiet_hours(quiet)
    if changes:
        body = {name: value for name, value in wishes.items() if name != "site_id"} | changes
        wishes = api.put(path, body)
    show(wishes, as_json=as_json)


def _quiet_hours(quiet: str) -> Row:
    if quiet == "none":
        return {"quiet_from": None, "quiet_until": None}
    begins, dash, ends = quiet.partition("-")
    if not dash:
        raise typer.BadParameter("write HH:MM-HH:MM in local time, or none", param_hint="--quiet")
    return {"quiet_from": begins.strip(), "quiet_until": ends.strip()}


def _line(rule: Row) -> Row:
    enough = rule["right_share"] is not None
    interval = f"{rule['right_share']:.0%} ({rule['right_low']:.0%} to {rule['right_high']:.0%})" if enough else ""
    share = rule["acknowledged_share"]
    return {
        "rule": f"{rule['rule']} {rule['version']}",
        "alerts": rule["alerts"],
        "suppressed": rule["suppressed"],
        "acknowledged": "–" if share is None else f"{share:.0%}",
        "judged": rule["judged"],
        "right": interval or "not enough data",
    }
