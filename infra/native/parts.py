"""The parts of the native stack on one page: what runs, on which port, with which secrets, made of which files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from native import health
from native.binaries import find_optional, find_postgres, find_redis
from native.layout import ROOT, Layout
from native.postgres import server_command

SECRET_ENDINGS = ("_URL", "_SECRET", "_TOKEN", "_PASSWORD")
REDIS_URL = "STRESSVISION_REDIS_URL"


@dataclass(frozen=True)
class Part:
    """One process. `fault` says why it is not healthy yet, or None; `secrets` are the settings that not all may know.

    `made_of`: files and folders of Python; when they change, `make up` restarts the part.
    """

    name: str
    command: list[str]
    port: int
    fault: Callable[[], str | None]
    needs_settings: bool = False
    secrets: tuple[str, ...] = ()
    stop_signal: str = "TERM"
    directory: Path = Path("/")
    made_of: tuple[Path, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)


def environment_of(part: Part, settings: dict[str, str]) -> dict[str, str]:
    """The settings that a part is started with: everything but other parts' secrets."""
    if not part.needs_settings:
        return {}
    own = {name: value for name, value in settings.items() if not name.endswith(SECRET_ENDINGS) or name in part.secrets}
    return {**own, **part.extra}


def servers(layout: Layout) -> list[Part]:
    """What must answer before the schema can be brought up to date."""
    postgres_port, redis_port = layout.database.port or 5433, layout.redis.port or 6380
    return [
        Part(
            "postgres",
            server_command(layout),
            postgres_port,
            lambda: health.postgres_fault(find_postgres(layout.postgres_data), postgres_port),
            stop_signal="INT",
        ),
        Part(
            "redis",
            [str(find_redis()), str(layout.folder / "redis.conf")],
            redis_port,
            lambda: health.redis_fault(layout.settings[REDIS_URL]),
            made_of=(layout.folder / "redis.conf",),
        ),
    ]


def services(layout: Layout) -> list[Part]:
    """Our own processes."""
    ingest = ("STRESSVISION_INGEST_DATABASE_URL", "STRESSVISION_INGEST_TOKEN_SECRET", REDIS_URL)
    control = ("STRESSVISION_CONTROL_DATABASE_URL", "STRESSVISION_ADMIN_TOKEN", REDIS_URL)
    worker = ("STRESSVISION_WORKER_DATABASE_URL", REDIS_URL)
    return [
        _service(layout, "ingest", "ingest", "STRESSVISION_INGEST_PORT", "/readyz", ingest),
        _service(layout, "control", "control", "STRESSVISION_CONTROL_PORT", "/readyz", control),
        _service(layout, "worker", "worker", "STRESSVISION_WORKER_METRICS_PORT", "/metrics", worker),
        _service(layout, "beat", "worker", "STRESSVISION_BEAT_METRICS_PORT", "/metrics", worker),
    ]


def _service(layout: Layout, name: str, package: str, port_name: str, probe: str, secrets: tuple[str, ...]) -> Part:
    port = layout.port(port_name)
    return Part(
        name,
        [str(layout.bin / f"stressvision-{name}")],
        port,
        lambda: health.http_fault(port, probe),
        needs_settings=True,
        secrets=secrets,
        directory=layout.folder,
        made_of=(ROOT / "libs", ROOT / "services" / package),
    )


def watchers(layout: Layout) -> list[Part]:
    """Prometheus and Grafana, each where its program is found."""
    found = []
    prometheus = find_optional("prometheus")
    if prometheus is not None:
        port = layout.port("STRESSVISION_PROMETHEUS_PORT")
        config = layout.folder / "prometheus.yml"
        command = [str(prometheus), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
        command += [f"--storage.tsdb.path={layout.folder / 'prometheus'}", "--storage.tsdb.retention.time=30d"]
        probe = lambda: health.http_fault(port, "/-/ready")  # noqa: E731
        found.append(
            Part("prometheus", command, port, probe, made_of=(config, ROOT / "infra" / "prometheus" / "alerts.yml"))
        )
    return found
