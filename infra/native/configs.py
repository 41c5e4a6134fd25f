"""Configuration files of the servers, made from those in infra/ for the ports of this stack."""

import re

from native.binaries import ALERTMANAGER, find_optional
from native.layout import ROOT, Layout
from native.supervision import write_private

DESIGN_PORTS = {
    8000: "STRESSVISION_INGEST_PORT",
    8001: "STRESSVISION_CONTROL_PORT",
    8002: "STRESSVISION_WORKER_METRICS_PORT",
    8003: "STRESSVISION_BEAT_METRICS_PORT",
    9090: "STRESSVISION_PROMETHEUS_PORT",
    9093: "STRESSVISION_ALERTMANAGER_PORT",
    3000: "STRESSVISION_GRAFANA_PORT",
}
"""The ports that files in infra/ name, and the settings that may move them."""


def write_redis(layout: Layout) -> None:
    """infra/redis.conf with this stack's port, password and folder."""
    text = (ROOT / "infra" / "redis.conf").read_text()
    text += f"\nbind 127.0.0.1\nport {layout.redis.port}\nrequirepass {layout.redis.password}\n"
    text += f'dir "{layout.folder / "redis"}"\n'
    write_private(layout.folder / "redis.conf", text)


def write_prometheus(layout: Layout) -> None:
    """infra/prometheus/prometheus.yml, its rules and this stack's ports in it.

    Alerts go to an Alertmanager where there is one.
    """
    source = ROOT / "infra" / "prometheus" / "prometheus.yml"
    if not source.exists():
        return
    text = source.read_text()
    text = re.sub(r"127\.0\.0\.1:(\d+)", lambda match: f"127.0.0.1:{_moved(layout, int(match[1]))}", text)
    text = re.sub(r"(?m)^(\s*-\s*)[\"']?(?:\S*/)?alerts\.yml[\"']?$", rf'\g<1>"{source.with_name("alerts.yml")}"', text)
    if find_optional(*ALERTMANAGER) is None:
        text = re.sub(r"(?m)^alerting:\n(?: .*\n)+", "", text)
    write_private(layout.folder / "prometheus.yml", text)


def _moved(layout: Layout, port: int) -> int:
    name = DESIGN_PORTS.get(port)
    return layout.port(name) if name is not None else port
