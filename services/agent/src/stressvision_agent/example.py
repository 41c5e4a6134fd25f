"""Writes `agent.example.toml` from the settings themselves: `python -m stressvision_agent.example`."""

import json
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from stressvision_agent.settings import Range, Settings, text_of

URL = "https://stressvision.example"
PATHS = {"state_dir": "/var/lib/stressvision-agent", "model": "/opt/stressvision/model"}
"""What a deployed device uses; on a developer's machine other folders are the default."""

HEAD = """\
# Settings of one Stress Vision agent. Only [server] url is needed; what is commented out shows the default.
# An unknown key stops the agent, naming it. Secrets are files, never written here.
"""


def render() -> str:
    tables = [_table(name, kind) for name, kind in get_type_hints(Settings).items()]
    return HEAD + "".join(tables)


def _table(name: str, kind: Any) -> str:
    hints = get_type_hints(kind, include_extras=True)
    lines = [f"\n[{name}]\n"]
    for item in fields(kind):
        hint = hints[item.name]
        lines.append(f"# {text_of(hint)}{_allowed(hint)}\n")
        if item.name == "url":
            lines.append(f'url = "{URL}"\n')
            continue
        default = PATHS.get(item.name) if item.default is MISSING else item.default
        lines.append(f"#{item.name} = {_toml(default)}\n")
    return "".join(lines)


def _allowed(hint: Any) -> str:
    kind, *extras = get_args(hint)
    if get_origin(kind) is Literal:
        return f" ({', '.join(get_args(kind))})"
    bounds = next((extra for extra in extras if isinstance(extra, Range)), None)
    if bounds is not None:
        return f" ({bounds.low:.15g} to {bounds.high:.15g})"
    return " (empty: none)" if get_origin(kind) is UnionType else ""


def _toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, Path | str):
        return json.dumps(str(value))
    return json.dumps(value)


if __name__ == "__main__":
    print(render(), end="")
