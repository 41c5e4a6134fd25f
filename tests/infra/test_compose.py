"""What must hold of docker-compose.yml and its Dockerfile, read as files: no engine is needed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from native.dotenv import read_dotenv
from native.layout import ROOT

OURS = ("migrate", "ingest", "control", "model", "worker", "beat", "trainer", "access")
ONE_SHOT = ("migrate", "model")
DESIGN_PORTS = {
    "ingest": "127.0.0.1:8000:8000",
    "control": "127.0.0.1:8001:8001",
    "postgres": "127.0.0.1:5433:5432",
    "redis": "127.0.0.1:6380:6379",
    "prometheus": "127.0.0.1:9090:9090",
    "alertmanager": "127.0.0.1:9093:9093",
    "grafana": "127.0.0.1:3000:3000",
}
OPTIONAL_FILES = {
    "STRESSVISION_ALERT_CHANNELS": "/dev/null",
    "STRESSVISION_GRAFANA_PEOPLE": "/dev/null",
    "STRESSVISION_ALERTMANAGER_CONFIG": "./infra/alertmanager/alertmanager.yml",
}
"""Mounted where `.env` names none."""

DOCKERFILE = (ROOT / "infra" / "docker" / "Dockerfile").read_text()
TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]


def test_only_the_ports_of_the_design_are_published_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {name: [port] for name, port in DESIGN_PORTS.items()}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_foreign_images_are_pinned_by_version_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", service["image"]), service["image"]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privilege_and_write_nothing(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert f" AS {service['build']['target']}\n" in DOCKERFILE


def test_who_depends_waits_for_health() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how["condition"] == expected, needed


def test_defaults_are_those_of_the_example_and_none_is_missing() -> None:
    example = read_dotenv(ROOT / ".env.example")
    used = re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT)
    assert dict(used) == {name: OPTIONAL_FILES.get(name) or example[name] for name, _ in used}
    assert not re.findall(r"\$\{\w+\}", TEXT), "every variable has a default, for a clone without .env"


def test_each_part_knows_its_own_database_role_alone() -> None:
    for name in ("ingest", "control", "worker", "beat"):
        role = "worker" if name == "beat" else name
        urls = [key for key in SERVICES[name]["environment"] if key.endswith("_DATABASE_URL")]
        assert urls == [f"STRESSVISION_{role.upper()}_DATABASE_URL"]


def test_mounted_files_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source


def test_dockerfile_pins_its_base_and_leaves_root() -> None:
    assert re.search(r"^ARG PYTHON=3\.11\.\d+-slim-bookworm$", DOCKERFILE, re.MULTILINE)
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert [stage.split()[0] for stage in stages if ":" in stage.split()[0]] == ["python:${PYTHON}"] * 2
    runtime = next(stage for stage in stages if " AS runtime" in stage.splitlines()[0])
    assert runtime.rstrip().endswith("USER stressvision")
    assert "--require-hashes" in DOCKERFILE


@pytest.mark.parametrize("name", ["ingest", "control", "worker", "beat", "trainer"])
def test_services_carry_a_health_check(name: str) -> None:
    stage = re.split(rf"^FROM \S+ AS {name}$", DOCKERFILE, flags=re.MULTILINE)[1].split("\nFROM ")[0]
    assert "HEALTHCHECK" in stage
    assert f'CMD ["stressvision-{name}"]' in stage


def test_what_the_images_copy_is_let_through() -> None:
    let_through = (ROOT / ".dockerignore").read_text()
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in copied.split():
            assert (ROOT / source).exists(), source
            assert f"!{Path(source).parts[0]}" in let_through, source


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("ingest", "_INGEST_"),
        ("worker", "_WORKER_"),
        ("worker", "_TRAINING_"),
        ("beat", "_WORKER_"),
        ("trainer", "_TRAINER_"),
        ("alertmanager", "_ALERTMANAGER_MAIL_"),
        ("alertmanager", "_ALERTMANAGER_WEBHOOK_"),
    ],
)
def test_what_an_operator_may_set_reaches_the_containers(name: str, part: str) -> None:
    optional = re.findall(r"^# ([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert {setting for setting in optional if part in setting} <= set(SERVICES[name]["environment"])
