"""Rollouts: a model on its way to the fleet, and the orders that people give about it."""

from typing import Annotated, Any

import typer

from stressvision_control.cli.ages import seconds_of
from stressvision_control.cli.client import Row, fail, open_api
from stressvision_control.cli.output import JsonOption, console, say, show
from stressvision_control.cli.rollout_page import look, page, stage_of, watch

rollouts = typer.Typer(no_args_is_help=True, help="New models on their way to the fleet, in stages and back.")

COLUMNS = ("id", "version", "state", "stage", "devices", "reason", "created_by", "approved_by", "state_at")
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the audit.")]


@rollouts.command("list")
def list_rollouts(context: typer.Context, as_json: JsonOption = False) -> None:
    """List rollouts, newest first."""
    rows = list(open_api(context, as_json=as_json).every("/v1/rollouts"))
    show(
        rows if as_json else [row | {"stage": stage_of(row["stage"])} for row in rows], as_json=as_json, columns=COLUMNS
    )


@rollouts.command("create")
def create_rollout(
    context: typer.Context,
    version: str,
    canary: Annotated[str | None, typer.Option(help="How much of the fleet comes first, such as 10%.")] = None,
    device: Annotated[list[int] | None, typer.Option(help="These come first; may be given again.")] = None,
    canary_site: Annotated[str | None, typer.Option(help="Every device at this site comes first: name or id.")] = None,
    stages: Annotated[str, typer.Option(help="How much of the fleet has it after each later stage.")] = "25%,100%",
    soak: Annotated[str, typer.Option(help="How long a stage is watched once it is confirmed: 90s, 30m, 2h.")] = "30m",
    observed: Annotated[
        str, typer.Option(help="What each group must have seen before they are compared; 0: no comparison.")
    ] = "30m",
    stage_deadline: Annotated[str, typer.Option(help="After so long a stage that is not over is paused.")] = "1d",
    offer_deadline: Annotated[str, typer.Option(help="After so long a device that does nothing is lost.")] = "1h",
    max_failed: Annotated[str, typer.Option(help="More than this rejected or reverted: halt.")] = "10%",
    max_lost: Annotated[str, typer.Option(help="More than this lost: halt.")] = "25%",
    max_latency_ms: Annotated[float, typer.Option(help="Longest time for a face (p95).")] = 66.0,
    as_json: JsonOption = False,
) -> None:
    """Plan a rollout: a canary, then stages. Another person approves it, then it is started."""
    if sum(bool(given) for given in (canary, device, canary_site)) > 1:
        fail("give one of --canary, --device and --canary-site", 2)
    plan: dict[str, Any] = {
        "stages": [_share(part) for part in stages.split(",")],
        "soak_s": seconds_of(soak),
        "limits": {
            "failed": _share(max_failed),
            "lost": _share(max_lost),
            "latency_s": max_latency_ms / 1000,
            "observed_s": seconds_of(observed),
        },
        "deadlines": {"stage_s": seconds_of(stage_deadline), "offered_s": seconds_of(offer_deadline)},
    }
    named = device or []
    share = None if named or canary_site else _share(canary or "10%")
    api = open_api(context, as_json=as_json)
    if canary_site:
        named = [row["id"] for row in api.every("/v1/devices", site_id=api.site(canary_site))]
        if not named:
            fail(f"no device stands at {canary_site}; see `stressvision devices list`", 1)
    plan |= {"canary_share": share} if share is not None else {"canary_devices": named}
    made = api.post("/v1/rollouts", {"version": version, "plan": plan})
    say(f"rollout {made['id']} of {version} is a draft; another person approves it", made, as_json=as_json)


@rollouts.command("show")
def show_rollout(
    context: typer.Context,
    rollout_id: int,
    watching: Annotated[bool, typer.Option("--watch", help="Look again every two seconds until it is over.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a rollout and each of its devices."""
    api = open_api(context, as_json=as_json)
    if watching and not as_json:
        watch(api, rollout_id)
        return
    shown, targets = look(api, rollout_id)
    if as_json:
        show(shown | {"targets": targets}, as_json=True)
    else:
        console().print(page(shown, targets, rows=len(targets)))


@rollouts.command("approve")
def approve_rollout(context: typer.Context, rollout_id: int, as_json: JsonOption = False) -> None:
    """Let a rollout be started, as another person than its maker."""
    _order(context, rollout_id, "approve", None, as_json=as_json)


@rollouts.command("start")
def start_rollout(context: typer.Context, rollout_id: int, as_json: JsonOption = False) -> None:
    """Offer the model to the canary; from there on it goes by itself."""
    _order(context, rollout_id, "start", None, as_json=as_json)


@rollouts.command("pause")
def pause_rollout(
    context: typer.Context, rollout_id: int, reason: ReasonOption = None, as_json: JsonOption = False
) -> None:
    """Offer the model to nobody else for now."""
    _order(context, rollout_id, "pause", {"reason": reason}, as_json=as_json)


@rollouts.command("resume")
def resume_rollout(
    context: typer.Context,
    rollout_id: int,
    without_comparison: Annotated[
        bool, typer.Option("--without-comparison", help="Let this stage pass though too little was seen to compare.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Go on where a rollout was paused."""
    _order(context, rollout_id, "resume", {"without_comparison": without_comparison}, as_json=as_json)


@rollouts.command("halt")
def halt_rollout(
    context: typer.Context, rollout_id: int, reason: ReasonOption = None, as_json: JsonOption = False
) -> None:
    """Stop a rollout for good and take the model back."""
    _order(context, rollout_id, "halt", {"reason": reason}, as_json=as_json)


@rollouts.command("roll-back")
def roll_back_rollout(
    context: typer.Context, rollout_id: int, reason: ReasonOption = None, as_json: JsonOption = False
) -> None:
    """Take the model back, also after the rollout was complete."""
    _order(context, rollout_id, "roll-back", {"reason": reason}, as_json=as_json)


def _order(context: typer.Context, rollout_id: int, verb: str, body: Row | None, *, as_json: bool) -> None:
    changed = open_api(context, as_json=as_json).post(f"/v1/rollouts/{rollout_id}/{verb}", body)
    say(f"rollout {rollout_id} of {changed['version']}: {changed['state']}", changed, as_json=as_json)


def _share(text: str) -> float:
    """`10%` or `0.1`."""
    written = text.strip()
    try:
        return round(float(written.removesuffix("%")) / (100 if written.endswith("%") else 1), 6)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no share; write 10% or 0.1") from None
