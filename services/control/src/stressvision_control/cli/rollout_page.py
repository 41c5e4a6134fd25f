"""A rollout in a terminal: its plan, how far its devices are, and what is wrong with some."""

import time
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from stressvision_control.cli.ages import age_of, span
from stressvision_control.cli.client import Api, Row
from stressvision_control.cli.output import console

OVER: Final = ("complete", "rolled_back")
AGAIN_S: Final = 2.0
ROWS: Final = 30
"""Devices that fit a screen; those that need a look come first."""

PAINT: Final = {
    "complete": "green", "confirmed": "green", "halted": "bold red", "rolling_back": "bold red", "rejected": "red",
    "reverted": "red", "lost": "red", "paused": "yellow", "rolled_back": "yellow", "waiting": "dim",
}  # fmt: skip
WORST_FIRST: Final = (
    "rejected", "reverted", "lost", "installed", "verified", "downloaded", "offered", "confirmed", "waiting",
)  # fmt: skip


def look(api: Api, rollout_id: int) -> tuple[Row, list[Row]]:
    return api.get(f"/v1/rollouts/{rollout_id}"), list(api.every(f"/v1/rollouts/{rollout_id}/devices"))


def watch(api: Api, rollout_id: int) -> None:
    """Until it is over."""
    shown, targets = look(api, rollout_id)
    with Live(page(shown, targets), console=console(), auto_refresh=False) as live:
        while shown["state"] not in OVER:
            time.sleep(AGAIN_S)
            shown, targets = look(api, rollout_id)
            live.update(page(shown, targets), refresh=True)


def page(shown: Row, targets: list[Row], *, rows: int = ROWS) -> RenderableType:
    now = datetime.now(UTC)
    order = {state: place for place, state in enumerate(WORST_FIRST)}
    listed = sorted(targets, key=lambda row: (order[row["state"]], row["device_id"]))
    table = Table(header_style="bold")
    for heading in ("device", "name", "stage", "state", "for", "until", "runs", "seen", "reason"):
        table.add_column(heading, justify="right" if heading in {"device", "for", "until", "seen"} else "left")
    for row in listed[:rows]:
        table.add_row(
            str(row["device_id"]), escape(row["name"]), _place(row),
            painted(row["state"]), age_of(row["state_at"], now), _until(row["deadline_at"], now),
            escape(row["model_version"] or "–"), age_of(row["heartbeat_at"], now), escape(row["reason"] or ""),
        )  # fmt: skip
    parts: list[RenderableType] = [_head(shown, now)]
    if listed:
        parts.append(table)
    if len(listed) > rows:
        parts.append(f"… and {len(listed) - rows} more")
    return Group(*parts)


def painted(state: str) -> str:
    return f"[{PAINT.get(state, 'cyan')}]{state.replace('_', ' ')}[/]"


def _head(shown: Row, now: datetime) -> Table:
    head = Table(show_header=False, box=None)
    head.add_column(style="bold")
    head.add_column()
    head.add_row("rollout", f"{shown['id']}: {escape(shown['version'])} {painted(shown['state'])}")
    head.add_row(
        "stage", f"{stage_of(shown['stage'])} of {shown['last_stage'] + 1}, since {age_of(shown['stage_at'], now)}"
    )
    counts = [f"{number} {state}" for state, number in shown["devices"].items()]
    head.add_row("devices", f"{shown['reached']} reached; " + (", ".join(counts) or "none yet"))
    if shown["reason"]:
        head.add_row("why", escape(shown["reason"]))
    found = shown.get("comparison")
    if found is not None:
        needed = span(shown["plan"]["limits"]["observed_s"])
        seen = f"{span(found['new']['observed_s'])} against {span(found['control']['observed_s'])}, {needed} needed"
        head.add_row("compared", f"class mix {found['class_mix']:.2f}, unknown {found['unknown_rise']:+.0%} ({seen})")
    head.add_row("until", _until(shown["deadline_at"], now))
    return head


def stage_of(stage: int) -> str:
    return "canary" if stage == 0 else str(stage + 1)


def _place(target: Row) -> str:
    return f"{stage_of(target['stage'])} (control)" if target["control"] else stage_of(target["stage"])


def _until(moment: str | None, now: datetime) -> str:
    if moment is None:
        return "–"
    left_s = (datetime.fromisoformat(moment) - now).total_seconds()
    return span(left_s) if left_s > 0 else "now"
