"""Sites, areas, stations and shifts."""

from typing import Annotated

import typer

from stressvision_control.cli.client import fail, open_api
from stressvision_control.cli.output import JsonOption, say, show
from stressvision_store.refusals import InvalidError
from stressvision_store.roster_csv import parse_breaks, parse_weekdays

sites = typer.Typer(no_args_is_help=True, help="Where people work.")
areas = typer.Typer(no_args_is_help=True, help="The groups in which trends are shown.")
stations = typer.Typer(no_args_is_help=True, help="Where one device looks at one person.")
shifts = typer.Typer(no_args_is_help=True, help="When people work, in the local time of their site.")

SiteOption = Annotated[str, typer.Option("--site", help="Name or id.")]
SiteFilter = Annotated[str | None, typer.Option("--site", help="Only this one: name or id.")]


@sites.command("list")
def list_sites(context: typer.Context, as_json: JsonOption = False) -> None:
    """List sites."""
    show(list(open_api(context, as_json=as_json).every("/v1/sites")), as_json=as_json)


@sites.command("create")
def create_site(
    context: typer.Context,
    name: str,
    time_zone: Annotated[str, typer.Option(help="IANA name, for example America/Lima.")],
    profile: Annotated[str, typer.Option(help="off, fatigue_only, safety or full.")] = "safety",
    as_json: JsonOption = False,
) -> None:
    """Create a site."""
    body = {"name": name, "time_zone": time_zone, "profile": profile}
    made = open_api(context, as_json=as_json).post("/v1/sites", body)
    say(f"site {made['id']} {name}", made, as_json=as_json)


@sites.command("profile")
def change_profile(
    context: typer.Context,
    site: str,
    profile: str,
    reason: Annotated[str | None, typer.Option(help="Why; needed to widen it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Narrow what may exist at a site at once, or propose to widen it.

    off: nothing. fatigue_only: tiredness. safety: all labels and both conditions; figures of groups leave sad and happy
    out. full: figures of groups say them, too.
    """
    api = open_api(context, as_json=as_json)
    change = api.put(f"/v1/sites/{api.site(site)}/profile", {"profile": profile, "reason": reason})
    if change["state"] == "proposed":
        message = f"profile change {change['id']} waits for another person: stressvision sites confirm {change['id']}"
    else:
        message = f"site {site}: profile {change['after']}"
    say(message, change, as_json=as_json)


@sites.command("profile-changes")
def list_profile_changes(context: typer.Context, site: SiteFilter = None, as_json: JsonOption = False) -> None:
    """List changes of profiles, newest first."""
    api = open_api(context, as_json=as_json)
    rows = api.every("/v1/profile-changes", site_id=api.site(site) if site else None)
    show(list(rows), as_json=as_json)


@sites.command("confirm")
def confirm_profile(context: typer.Context, change_id: int, as_json: JsonOption = False) -> None:
    """Confirm the wider profile that another person proposed."""
    change = open_api(context, as_json=as_json).post(f"/v1/profile-changes/{change_id}/confirm")
    say(f"site {change['site_id']}: profile {change['after']}", change, as_json=as_json)


@sites.command("reject")
def reject_profile(context: typer.Context, change_id: int, as_json: JsonOption = False) -> None:
    """Reject a proposed profile."""
    change = open_api(context, as_json=as_json).post(f"/v1/profile-changes/{change_id}/reject")
    say(f"profile change {change_id} is rejected", change, as_json=as_json)


@areas.command("list")
def list_areas(context: typer.Context, site: SiteFilter = None, as_json: JsonOption = False) -> None:
    """List areas."""
    api = open_api(context, as_json=as_json)
    show(list(api.every("/v1/areas", site_id=api.site(site) if site else None)), as_json=as_json)


@areas.command("create")
def create_area(context: typer.Context, name: str, site: SiteOption, as_json: JsonOption = False) -> None:
    """Create an area."""
    api = open_api(context, as_json=as_json)
    made = api.post("/v1/areas", {"site_id": api.site(site), "name": name})
    say(f"area {made['id']} {name}", made, as_json=as_json)


@stations.command("list")
def list_stations(context: typer.Context, site: SiteFilter = None, as_json: JsonOption = False) -> None:
    """List stations."""
    api = open_api(context, as_json=as_json)
    show(list(api.every("/v1/stations", site_id=api.site(site) if site else None)), as_json=as_json)


@stations.command("create")
def create_station(
    context: typer.Context,
    name: str,
    area: Annotated[str, typer.Option(help="SITE/AREA or id.")],
    as_json: JsonOption = False,
) -> None:
    """Create a station."""
    api = open_api(context, as_json=as_json)
    made = api.post("/v1/stations", {"area_id": api.area(area), "name": name})
    say(f"station {made['id']} {name}", made, as_json=as_json)


@shifts.command("list")
def list_shifts(context: typer.Context, site: SiteFilter = None, as_json: JsonOption = False) -> None:
    """List shifts."""
    api = open_api(context, as_json=as_json)
    show(list(api.every("/v1/shifts", site_id=api.site(site) if site else None)), as_json=as_json)


@shifts.command("create")
def create_shift(
    context: typer.Context,
    name: str,
    site: SiteOption,
    starts: Annotated[str, typer.Option(help="HH:MM")],
    ends: Annotated[str, typer.Option(help="HH:MM; not after the start means on the next day.")],
    weekdays: Annotated[str, typer.Option(help="1-5, or 1 3 5; 1 is Monday.")] = "1-7",
    breaks: Annotated[str | None, typer.Option(help="12:00-12:30 15:00-15:10")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a shift."""
    try:
        days = parse_weekdays(weekdays)
        pauses = parse_breaks(breaks) if breaks else ()
    except (ValueError, InvalidError) as error:
        fail(str(error), 2)
    api = open_api(context, as_json=as_json)
    body = {
        "site_id": api.site(site),
        "name": name,
        "starts": starts,
        "ends": ends,
        "weekdays": days,
        "breaks": [{"starts": f"{each.starts:%H:%M}", "ends": f"{each.ends:%H:%M}"} for each in pauses],
    }
    made = api.post("/v1/shifts", body)
    say(f"shift {made['id']} {name} {made['starts']}–{made['ends']}", made, as_json=as_json)


@shifts.command("delete")
def delete_shift(context: typer.Context, shift: str, as_json: JsonOption = False) -> None:
    """Delete a shift (SITE/SHIFT or id) that nobody is assigned to."""
    api = open_api(context, as_json=as_json)
    shift_id = api.shift(shift)
    api.delete(f"/v1/shifts/{shift_id}")
    say(f"shift {shift} is gone", {"id": shift_id}, as_json=as_json)
