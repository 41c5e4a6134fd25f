"""Employees by pseudonym, where they are assigned, when they checked in, and what they consented to."""

from typing import Annotated

import typer

from stressvision_control.cli.client import Api, Row, fail, open_api
from stressvision_control.cli.output import JsonOption, say, show
from stressvision_control.cli.places import SiteFilter, SiteOption

employees = typer.Typer(no_args_is_help=True, help="People, by pseudonym.")
assignments = typer.Typer(no_args_is_help=True, help="Who works where, in which shift, from when to when.")
check_ins = typer.Typer(no_args_is_help=True, help="Badges held to a station's reader.")
consents = typer.Typer(no_args_is_help=True, help="Without an active consent nothing is attributed.")

EmployeeOption = Annotated[str, typer.Option("--employee", help="Pseudonym or id.")]
EmployeeFilter = Annotated[str | None, typer.Option("--employee", help="Only this one: pseudonym or id.")]
StationOption = Annotated[str, typer.Option("--station", help="SITE/AREA/STATION or id.")]
StationFilter = Annotated[str | None, typer.Option("--station", help="Only this one: SITE/AREA/STATION or id.")]
MomentOption = Annotated[str | None, typer.Option("--at", help="With its zone: 2026-03-01T08:00-05:00. Default: now.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; a safety officer must say.")]


@employees.command("list")
def list_employees(
    context: typer.Context, site: SiteFilter = None, reason: ReasonOption = None, as_json: JsonOption = False
) -> None:
    """List employees."""
    api = open_api(context, as_json=as_json)
    rows = api.every("/v1/employees", site_id=api.site(site) if site else None, reason=reason)
    show(list(rows), as_json=as_json)


@employees.command("create")
def create_employee(
    context: typer.Context,
    site: SiteOption,
    pseudonym: Annotated[str | None, typer.Option(help="Made, where it is left out.")] = None,
    badge: Annotated[str | None, typer.Option(help="What the badge reader reads.")] = None,
    name: Annotated[str | None, typer.Option(help="Kept apart; shown to administrators and privacy officers.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create an employee."""
    api = open_api(context, as_json=as_json)
    body = {"site_id": api.site(site), "pseudonym": pseudonym, "badge": badge, "name": name}
    made = api.post("/v1/employees", body)
    say(f"employee {made['id']} {made['pseudonym']}", made, as_json=as_json)


@employees.command("name")
def show_name(context: typer.Context, employee: str, reason: ReasonOption = None, as_json: JsonOption = False) -> None:
    """Show the name behind a pseudonym. The look is kept in the audit."""
    api = open_api(context, as_json=as_json)
    found = api.get(f"/v1/employees/{api.employee(employee, reason)}/name", reason=reason)
    say(found["name"] or "no name is kept", found, as_json=as_json)


@assignments.command("list")
def list_assignments(
    context: typer.Context,
    employee: EmployeeFilter = None,
    station: StationFilter = None,
    on: Annotated[str | None, typer.Option(help="Only those that hold on this date.")] = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
) -> None:
    """List assignments."""
    api = open_api(context, as_json=as_json)
    query = _who_and_where(api, employee, station, reason)
    show(list(api.every("/v1/assignments", **query, on=on)), as_json=as_json)


@assignments.command("create")
def create_assignment(
    context: typer.Context,
    employee: EmployeeOption,
    station: StationOption,
    shift: Annotated[str, typer.Option(help="SITE/SHIFT or id.")],
    first_date: Annotated[str, typer.Option("--from", help="YYYY-MM-DD")],
    last_date: Annotated[str | None, typer.Option("--to", help="YYYY-MM-DD; default: until further notice.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Assign an employee to a station and shift."""
    api = open_api(context, as_json=as_json)
    body = {
        "employee_id": api.employee(employee),
        "station_id": api.station(station),
        "shift_id": api.shift(shift),
        "first_date": first_date,
        "last_date": last_date,
    }
    made = api.post("/v1/assignments", body)
    say(f"assignment {made['id']}", made, as_json=as_json)


@assignments.command("end")
def end_assignment(
    context: typer.Context,
    assignment_id: int,
    last_date: Annotated[str, typer.Option("--on", help="The last date on which it holds, YYYY-MM-DD.")],
    as_json: JsonOption = False,
) -> None:
    """End an assignment."""
    changed = open_api(context, as_json=as_json).patch(f"/v1/assignments/{assignment_id}", {"last_date": last_date})
    say(f"assignment {assignment_id} ends on {changed['last_date']}", changed, as_json=as_json)


@check_ins.command("list")
def list_check_ins(
    context: typer.Context,
    employee: EmployeeFilter = None,
    station: StationFilter = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
) -> None:
    """List check-ins."""
    api = open_api(context, as_json=as_json)
    show(list(api.every("/v1/check-ins", **_who_and_where(api, employee, station, reason))), as_json=as_json)


@check_ins.command("create")
def check_in(
    context: typer.Context,
    station: StationOption,
    badge: Annotated[str | None, typer.Option(help="What the badge reader reads.")] = None,
    employee: Annotated[str | None, typer.Option(help="Pseudonym, in place of a badge.")] = None,
    at: MomentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a person in at a station."""
    api = open_api(context, as_json=as_json)
    body = {"station_id": api.station(station), "badge": badge, "pseudonym": employee, "checked_in_at": at}
    made = api.post("/v1/check-ins", body)
    say(f"check-in {made['id']}", made, as_json=as_json)


@check_ins.command("end")
def check_out(context: typer.Context, check_in_id: int, at: MomentOption = None, as_json: JsonOption = False) -> None:
    """Check a person out."""
    changed = open_api(context, as_json=as_json).post(f"/v1/check-ins/{check_in_id}/check-out", {"checked_out_at": at})
    say(f"check-in {check_in_id} ended on {changed['checked_out_at']}", changed, as_json=as_json)


@consents.command("list")
def list_consents(context: typer.Context, employee: EmployeeFilter = None, as_json: JsonOption = False) -> None:
    """List consents."""
    api = open_api(context, as_json=as_json)
    query = _who_and_where(api, employee, None, None)
    show(list(api.every("/v1/consents", **query)), as_json=as_json)


@consents.command("create")
def give_consent(
    context: typer.Context,
    employee: EmployeeOption,
    notice: Annotated[str, typer.Option(help="The version of the notice the person was given.")],
    language: Annotated[str | None, typer.Option(help="Of that notice: es or en.")] = None,
    at: MomentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record a consent."""
    api = open_api(context, as_json=as_json)
    body = {
        "employee_id": api.employee(employee), "notice_version": notice, "language": language, "given_at": at,
    }  # fmt: skip
    made = api.post("/v1/consents", body)
    say(f"consent {made['id']}", made, as_json=as_json)


@consents.command("withdraw")
def withdraw_consent(
    context: typer.Context,
    consent_id: Annotated[int | None, typer.Argument(help="One consent; or use --employee.")] = None,
    employee: Annotated[str | None, typer.Option(help="All consents of this one: pseudonym or id.")] = None,
    at: MomentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record that a consent, or every consent of a person, is withdrawn."""
    api = open_api(context, as_json=as_json)
    if (consent_id is None) == (employee is None):
        fail("name one consent, or --employee for all of a person's", 2)
    if employee is not None:
        rows = api.post("/v1/consents/withdraw", {"employee_id": api.employee(employee), "withdrawn_at": at})
        say(f"{len(rows)} consents were withdrawn", rows, as_json=as_json)
        return
    changed = api.post(f"/v1/consents/{consent_id}/withdraw", {"withdrawn_at": at})
    say(f"consent {consent_id} was withdrawn on {changed['withdrawn_at']}", changed, as_json=as_json)


def _who_and_where(api: Api, employee: str | None, station: str | None, reason: str | None) -> Row:
    query: Row = {"reason": reason}
    if employee is not None:
        query["employee_id"] = api.employee(employee, reason)
    if station is not None:
        query["station_id"] = api.station(station)
    return query
