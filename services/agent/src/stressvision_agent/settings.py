"""What the person who installs a device may set: `agent.toml` as frozen dataclasses, refused unless understood.

Secrets are named by the path of their file, never written here.
"""

import ipaddress
import os
import shlex
import tomllib
import types
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A file that the agent will not start with; the message names file, key and what is allowed."""


@dataclass(frozen=True, slots=True)
class Range:
    """Both ends are allowed."""

    low: float
    high: float


def _state_folder() -> Path:
    """What systemd gives the unit (StateDirectory=); root has the same, so that it can enrol for it."""
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/stressvision-agent")
    return Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local/state")) / "stressvision-agent"


def _model_folder() -> Path:
    """Where a deployment puts the model; in a checkout the one that lies there."""
    installed = Path("/opt/stressvision/model")
    return installed if installed.exists() else Path("models/stressvision")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    state_dir: Annotated[Path, "Where identity, spool and the server's wishes are kept"] = field(
        default_factory=_state_folder
    )
    key_file: Annotated[Path | None, "Private key; state_dir/device.key, or systemd's credential device.key"] = None
    off_switch: Annotated[Path | None, "While this file exists nothing is seen; state_dir/paused if not given"] = None
    off_line: Annotated[
        int | None, Range(0, 1023), "GPIO line of a switch to ground: while closed, nothing is seen"
    ] = None
    off_chip: Annotated[Path, "GPIO chip of that line"] = Path("/dev/gpiochip0")
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], "Least level that is logged"] = "INFO"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    url: Annotated[str, "Address of the device API, https"]
    allow_plain_http: Annotated[bool, "Send without encryption to another host, knowingly"] = False
    ca_file: Annotated[Path | None, "Certificates to trust instead of the system's"] = None
    proxy: Annotated[str | None, "Web proxy to go through"] = None
    connect_timeout_s: Annotated[float, Range(0.1, 300), "Longest wait for a connection"] = 10.0
    read_timeout_s: Annotated[float, Range(0.1, 300), "Longest silence of the server while it answers"] = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    source: Annotated[str, "picamera2, v4l2:N, file:PATH or dir:PATH"] = "picamera2"
    width: Annotated[int, Range(160, 1920), "Width of a frame in pixels"] = 640
    height: Annotated[int, Range(120, 1080), "Height of a frame in pixels"] = 480
    frames_per_second: Annotated[float, Range(0.5, 60), "Frames a second asked of the camera"] = 15.0
    stall_s: Annotated[float, Range(0.5, 60), "A camera silent for so long is opened again"] = 4.0
    repeat: Annotated[bool, "Begin a recording again when it has ended"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionSettings:
    model: Annotated[Path, "Folder or file of the model, its manifest beside it"] = field(default_factory=_model_folder)
    detector: Annotated[Path | None, "YuNet file; without it OpenCV's own cascade finds faces"] = None
    detect_every: Annotated[int, Range(1, 60), "Frames from one search for faces to the next; tracking between"] = 4
    threads: Annotated[int, Range(1, 4), "Threads of the classifier"] = 1
    delegate: Annotated[Path | None, "Library of an accelerator, as libedgetpu.so.1; untried on a real one"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodesSettings:
    window_s: Annotated[float, Range(5, 3600), "Capture time that one window event covers"] = 60.0
    min_coverage: Annotated[float, Range(0, 1), "Share of time with a face below which nothing is concluded"] = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    max_bytes: Annotated[int, Range(1 << 20, 1 << 34), "Room for waiting events"] = 256 << 20
    min_free_bytes: Annotated[int, Range(0, 1 << 40), "Free disk below which the spool stops growing"] = 128 << 20
    live_s: Annotated[float, Range(1, 86_400), "Events younger than this are sent before the backlog"] = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSettings:
    max_events: Annotated[int, Range(1, 1000), "Events in one request"] = 500
    max_bytes: Annotated[int, Range(1 << 10, 1_000_000), "Bytes in one request, unpacked"] = 512 << 10
    compression: Annotated[Literal["zstd", "gzip", "none"], "How requests are packed"] = "zstd"
    backoff_first_s: Annotated[float, Range(0.01, 60), "Bound of the first random wait after a failure"] = 1.0
    backoff_last_s: Annotated[float, Range(0.05, 3600), "Bound that the waits grow to"] = 300.0
    revoked_retry_s: Annotated[
        float, Range(1, 86_400), "Wait before asking again after the server refused this device"
    ] = 900.0
    backlog_per_s: Annotated[
        float, Range(1, 1e6), "Most old events sent in a second, so that a fleet returns gently"
    ] = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatSettings:
    interval_s: Annotated[float, Range(0.1, 3600), "Time from one heartbeat to the next"] = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatesSettings:
    max_bytes: Annotated[int, Range(1 << 10, 1 << 30), "Largest model file that is taken"] = 10_000_000
    good_frames: Annotated[int, Range(1, 100_000), "Faces that a new model must classify well before it is kept"] = 100
    latency_p95_s: Annotated[float, Range(0.001, 10), "Longest time for a face, for 95 of 100 of them"] = 0.066
    selftest_timeout_s: Annotated[float, Range(1, 600), "Longest time for loading and trying a new model"] = 60.0
    heartbeat_s: Annotated[float, Range(0.1, 3600), "Time between heartbeats while a new model is on its way"] = 5.0
    backoff_first_s: Annotated[float, Range(0.01, 60), "Bound of the first random wait after a failure"] = 2.0
    backoff_last_s: Annotated[float, Range(0.05, 86_400), "Bound that the waits grow to"] = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAlertSettings:
    console: Annotated[bool, "Say on standard output when lasting signs of tiredness begin"] = True
    command: Annotated[
        str | None, "Program and its words, run then: a light, a buzzer; GPIO is one, untried on a real board"
    ] = None
    timeout_s: Annotated[float, Range(0.1, 60), "Longest time for that program; then it is killed"] = 5.0
    cooldown_s: Annotated[float, Range(0, 86_400), "After a signal, none for so long"] = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    port: Annotated[int, Range(0, 65_535), "Loopback port of /metrics; 0 for none"] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    server: ServerSettings
    device: DeviceSettings = field(default_factory=DeviceSettings)
    camera: CameraSettings = field(default_factory=CameraSettings)
    vision: VisionSettings = field(default_factory=VisionSettings)
    episodes: EpisodesSettings = field(default_factory=EpisodesSettings)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    upload: UploadSettings = field(default_factory=UploadSettings)
    heartbeat: HeartbeatSettings = field(default_factory=HeartbeatSettings)
    updates: UpdatesSettings = field(default_factory=UpdatesSettings)
    local_alert: LocalAlertSettings = field(default_factory=LocalAlertSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)

    @property
    def key_file(self) -> Path:
        return self.device.key_file or self.device.state_dir / "device.key"

    @property
    def enrolled_file(self) -> Path:
        return self.device.state_dir / "device.json"

    @property
    def directives_file(self) -> Path:
        return self.device.state_dir / "directives.json"

    @property
    def off_switch(self) -> Path:
        return self.device.off_switch or self.device.state_dir / "paused"

    @property
    def models_dir(self) -> Path:
        return self.device.state_dir / "models"

    @property
    def update_file(self) -> Path:
        return self.device.state_dir / "update.json"

    @property
    def trusted_root_file(self) -> Path:
        return self.device.state_dir / "trusted_root.json"

    @property
    def spool_dir(self) -> Path:
        return self.device.state_dir / "spool"


def load_settings(path: Path) -> Settings:
    """Read `path`; raise `SettingsError` naming the file, the key and what is allowed there."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); copy agent.example.toml there") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is no TOML: {error}") from error
    settings: Settings = _read(Settings, table, str(path), "")
    check_command(settings.local_alert.command, where=f"{path}: local_alert.command")
    check_url(settings.server.url, allow_plain_http=settings.server.allow_plain_http, where=f"{path}: server.url")
    if settings.server.proxy is not None:
        check_url(settings.server.proxy, allow_plain_http=True, where=f"{path}: server.proxy")
    return settings


def check_command(command: str | None, *, where: str) -> None:
    """Raise `SettingsError` for what a shell would not take as one command; no shell ever runs it."""
    try:
        words = shlex.split(command) if command is not None else []
    except ValueError as error:
        raise SettingsError(f"{where}: {command!r} cannot be split into words: {error}") from error
    if words and not words[0].startswith("/"):
        raise SettingsError(f"{where}: {words[0]!r} must be a whole path, from / on")


def check_url(url: str, *, allow_plain_http: bool, where: str) -> None:
    """Raise `SettingsError` for anything but https; plain http only to this machine, or when said in so many words."""
    scheme, host = _parts(url)
    if not host:
        raise SettingsError(f"{where}: {url!r} is no address like https://host")
    if scheme == "http" and not allow_plain_http and not _is_loopback(host):
        raise SettingsError(
            f"{where}: {url!r} would be sent unencrypted; use https, or set server.allow_plain_http = true"
        )


def _parts(url: str) -> tuple[str, str]:
    """Scheme and host of a web address, both empty when it is none."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:  # a port or brackets that can never be
        return "", ""
    return (parts.scheme, parts.hostname or "") if known else ("", "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def text_of(hint: Any) -> str:
    """The sentence that explains a setting."""
    return next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, str)), "")


def _read(kind: Any, table: dict[str, Any], file: str, prefix: str) -> Any:
    hints, known = get_type_hints(kind, include_extras=True), {item.name: item for item in fields(kind)}
    for key in table:
        if key not in known:
            raise SettingsError(f"{file}: unknown key {prefix}{key}; allowed here: {', '.join(known)}")
    values = {key: _value(hints[key], value, file, f"{prefix}{key}") for key, value in table.items()}
    for name, item in known.items():
        if name in values or item.default is not MISSING or item.default_factory is not MISSING:
            continue
        if not is_dataclass(hints[name]):
            raise SettingsError(f"{file}: missing key {prefix}{name} ({text_of(hints[name])})")
        values[name] = _read(hints[name], {}, file, f"{name}.")
    return kind(**values)


def _value(hint: Any, value: Any, file: str, name: str) -> Any:
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise SettingsError(f"{file}: {name} must be a table, [{name}]")
        return _read(hint, value, file, f"{name}.")
    kind, *extras = get_args(hint)
    if get_origin(kind) is types.UnionType:
        if value == "":
            return None
        kind = next(part for part in get_args(kind) if part is not type(None))
    read = _scalar(kind, value, file, name)
    for extra in extras:
        if isinstance(extra, Range) and not extra.low <= read <= extra.high:
            raise SettingsError(f"{file}: {name} = {value!r}; must be from {extra.low:.15g} to {extra.high:.15g}")
    return read


def _scalar(kind: Any, value: Any, file: str, name: str) -> Any:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            allowed = ", ".join(map(repr, get_args(kind)))
            raise SettingsError(f"{file}: {name} = {value!r}; allowed: {allowed}")
        return value
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    if kind is float and type(value) in {int, float}:
        return float(value)
    if type(value) is not kind:
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path"}
        raise SettingsError(f"{file}: {name} = {value!r}; must be {words[kind]}")
    return value
