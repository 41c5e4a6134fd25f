"""A real Prometheus over the real processes: what it scrapes, and that it understands all we ask of it."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from native.layout import Layout
from native.parts import watchers
from support.grafana import expressions

pytestmark = pytest.mark.e2e

LABELS = {
    "__name__", "instance", "job", "le", "component", "version", "reason", "outcome", "status", "verdict", "why",
    "task", "state", "method", "kind", "grain",
}  # fmt: skip
"""Closed sets all: no person, no device, no place."""

FROM_THE_FIRST_SCRAPE = ("Procesos", "Alertas", "Fuera de partición", "Cola", "Marcas", "Dispositivos")


@pytest.fixture(scope="module")
def prometheus(native_stack: Layout) -> Iterator[httpx.Client]:
    """Asked once every target has been scraped and the worker has read its gauges."""
    if not any(part.name == "prometheus" for part in watchers(native_stack)):
        pytest.skip("no prometheus program on this machine")
    with httpx.Client(base_url=f"http://127.0.0.1:{native_stack.port('STRESSVISION_PROMETHEUS_PORT')}") as client:
        deadline = time.monotonic() + 60
        while len(ask(client, "up == 1")) < 5 or not ask(client, "stressvision_agents"):
            assert time.monotonic() < deadline, ask(client, "up")
            time.sleep(1)
        yield client


def ask(client: httpx.Client, expression: str) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/query", params={"query": expression}).json()
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def test_every_process_is_scraped(prometheus: httpx.Client) -> None:
    jobs = {sample["metric"]["job"] for sample in ask(prometheus, "up == 1")}

    assert jobs == {"ingest", "control", "worker", "beat", "prometheus"}


def test_every_expression_of_a_dashboard_is_answered(prometheus: httpx.Client) -> None:
    for expression in expressions():
        found = ask(prometheus, expression.text.replace("$__rate_interval", "1m"))
        if expression.panel.startswith(FROM_THE_FIRST_SCRAPE):
            assert found, expression


def test_alerts_go_to_the_alertmanager(prometheus: httpx.Client, native_stack: Layout) -> None:
    if not any(part.name == "alertmanager" for part in watchers(native_stack)):
        pytest.skip("no alertmanager program on this machine")
    managers = prometheus.get("/api/v1/alertmanagers").json()["data"]["activeAlertmanagers"]
    port = native_stack.port("STRESSVISION_ALERTMANAGER_PORT")

    assert [manager["url"] for manager in managers] == [f"http://127.0.0.1:{port}/api/v2/alerts"]
    assert (
        httpx.get(f"http://127.0.0.1:{port}/api/v2/status").json()["config"]["original"].count("- name: operators") == 1
    )


def test_every_alert_is_evaluated(prometheus: httpx.Client) -> None:
    groups = prometheus.get("/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]

    assert len(rules) > 15
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


def test_series_are_few_and_their_labels_closed(prometheus: httpx.Client) -> None:
    series = ask(prometheus, '{__name__=~"stressvision_.+"}')

    assert 50 < len(series) < 2_000
    assert {name for sample in series for name in sample["metric"]} <= LABELS
