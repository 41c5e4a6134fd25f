"""The parts of the native stack on one page: what runs, on which port, with which secrets, made of which files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from native import health
from native.binaries import ALERTMANAGER, find_optional, find_postgres, find_redis
from native.layout import ROOT, Layout
from native.postgres import server_command

SECRET_ENDINGS = ("_URL", "_SECRET", "_TOKEN", "_PASSWORD")
REDIS_URL = "STRESSVISION_REDIS_URL"
ALERTMANAGER_SECRETS = ("STRESSVISION_ALERTMANAGER_WEBHOOK_URL", "STRESSVISION_ALERTMANAGER_MAIL_PASSWORD")


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
    """Alertmanager, Prometheus and Grafana, each where its program is found."""
    parts = (_alertmanager(layout), _prometheus(layout), _grafana(layout))
    return [part for part in parts if part is not None]


def _alertmanager(layout: Layout) -> Part | None:
    program = find_optional(*ALERTMANAGER)
    if program is None:
        return None
    port, folder = layout.port("STRESSVISION_ALERTMANAGER_PORT"), ROOT / "infra" / "alertmanager"
    config = ROOT / (layout.settings.get("STRESSVISION_ALERTMANAGER_CONFIG") or folder / "alertmanager.yml")
    command = ["sh", str(folder / "start.sh"), str(program), str(config), str(layout.folder / "alertmanager")]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    return Part(
        "alertmanager",
        command,
        port,
        lambda: health.http_fault(port, "/-/ready"),
        needs_settings=True,
        secrets=ALERTMANAGER_SECRETS,
        made_of=(config, folder / "start.sh"),
    )


def _prometheus(layout: Layout) -> Part | None:
    program = find_optional("prometheus")
    if program is None:
        return None
    port, config = layout.port("STRESSVISION_PROMETHEUS_PORT"), layout.folder / "prometheus.yml"
    command = [str(program), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    command += [f"--storage.tsdb.path={layout.folder / 'prometheus'}", "--storage.tsdb.retention.time=30d"]
    return Part(
        "prometheus",
        command,
        port,
        lambda: health.http_fault(port, "/-/ready"),
        made_of=(config, ROOT / "infra" / "prometheus" / "alerts.yml"),
    )


def _grafana(layout: Layout) -> Part | None:
    program = find_optional("grafana", "grafana-server")
    if program is None:
        return None
    port, settings = layout.port("STRESSVISION_GRAFANA_PORT"), layout.settings
    command = [str(program), *(["server"] if program.name == "grafana" else [])]
    provisioning = ROOT / "infra" / "grafana" / "provisioning"
    environment = {
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_PATHS_DATA": str(layout.folder / "grafana"),
        "GF_PATHS_LOGS": str(layout.folder / "grafana" / "log"),
        "GF_PATHS_PLUGINS": str(layout.folder / "grafana" / "plugins"),
        "GF_PATHS_PROVISIONING": str(provisioning),
        "GF_SECURITY_ADMIN_PASSWORD": settings["GRAFANA_ADMIN_PASSWORD"],
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_PUBLIC_DASHBOARDS_ENABLED": "false",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
        "GF_DASHBOARDS_MIN_REFRESH_INTERVAL": "1m",
        "GRAFANA_POSTGRES_HOST": f"127.0.0.1:{layout.database.port}",
        "GRAFANA_POSTGRES_SSLMODE": "disable",
        "GRAFANA_OPS_PASSWORD": settings["GRAFANA_OPS_DATABASE_PASSWORD"],
        "GRAFANA_PROMETHEUS_URL": f"http://127.0.0.1:{settings['STRESSVISION_PROMETHEUS_PORT']}",
        "GRAFANA_DASHBOARDS": str(ROOT / "infra" / "grafana" / "dashboards"),
    }
    return Part(
        "grafana",
        [*command, "--homepath", str(_grafana_home(program))],
        port,
        lambda: health.http_fault(port, "/api/health"),
        needs_settings=True,
        made_of=tuple(provisioning.rglob("*.yml")),
        extra=environment,
    )


def _grafana_home(program: Path) -> Path:
    """Where Grafana's own files lie: around the program (an unpacked archive), else where packages put them."""
    around = program.resolve().parent.parent
    return around if (around / "conf" / "defaults.ini").exists() else Path("/usr/share/grafana")
