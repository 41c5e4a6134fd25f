"""What the demo must remember to be run again: its devices' keys, and how much of their story each has told."""

from datetime import date
from pathlib import Path

import msgspec


class DeviceState(msgspec.Struct, kw_only=True):
    """`sent`: how many events of its story the server has answered for."""

    device_id: int
    key: str
    sent: int = 0


class DemoState(msgspec.Struct, kw_only=True):
    """The story is fixed by all but `devices`; only so does a second run tell the same one."""

    seed: int
    first_date: date
    window_minutes: int
    model_version: str
    devices: dict[str, DeviceState] = msgspec.field(default_factory=dict)
    agent_device_id: int | None = None


def load(path: Path) -> DemoState | None:
    """None when the demo never ran here; raise `ValueError` when the file is no state."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoState)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} cannot be read ({error}); remove it to begin anew") from error


def save(path: Path, state: DemoState) -> None:
    """Whole or not at all, and for its owner only: it holds private keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.encode(state))
    draft.replace(path)
