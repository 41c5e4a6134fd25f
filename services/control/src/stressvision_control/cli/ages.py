"""How long something took or is ago, as people say it, and as they write it on a command line."""

import re
from datetime import datetime

import typer

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


def span(seconds: float) -> str:
    """The two greatest units, such as `3 h 20 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def age_of(moment: str | None, now: datetime) -> str:
    return "never" if moment is None else span(max(0.0, (now - datetime.fromisoformat(moment)).total_seconds()))


def seconds_of(text: str) -> float:
    """Of `90`, `90s`, `15m`, `2h` or `1d`."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no span of time; write 90s, 15m, 2h or 1d")
    return float(match[1]) * UNITS_S[match[2] or "s"]
