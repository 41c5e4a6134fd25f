"""The native stack itself: it heals, a second start changes nothing, and nothing is left when it is down."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from native.layout import MARKER, Layout
from native.parts import environment_of, servers, services, watchers
from native.postgres import prepare_data
from native.processes import find_marked, holder_of, is_free
from native.stack import tail
from native.supervision import Supervisor, clear_leftovers
from support.servers import wait_until
from support.stack import run_stack, write_settings

PARTS = ("postgres", "redis", "ingest", "control", "worker", "beat")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Settings and folders of a stack that nobody has started."""
    write_settings(tmp_path / ".env")
    made = Layout(tmp_path / ".stack", tmp_path / ".env")
    made.make_folders()
    return made


@pytest.mark.e2e
@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_comes_back_healthy(native_stack: Layout, name: str) -> None:
    supervisor = Supervisor(native_stack)
    part = next(one for one in [*servers(native_stack), *services(native_stack)] if one.name == name)
    pid = supervisor.pid(name)
    os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: supervisor.state(name) == "RUNNING" and supervisor.pid(name) != pid and part.fault() is None,
        f"{name} back in health (its log: {tail(native_stack.logs / f'{name}.log')})",
    )


@pytest.mark.e2e
def test_a_second_start_changes_nothing(native_stack: Layout) -> None:
    supervisor = Supervisor(native_stack)
    before = {name: supervisor.pid(name) for name in PARTS}
    written = native_stack.dotenv.read_bytes()
    done = run_stack(native_stack, "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: supervisor.pid(name) for name in PARTS} == before
    assert native_stack.dotenv.read_bytes() == written


@pytest.mark.e2e
def test_prometheus_reaches_every_target(native_stack: Layout) -> None:
    if not any(part.name == "prometheus" for part in watchers(native_stack)):
        pytest.skip("no prometheus program on this machine")
    address = f"http://127.0.0.1:{native_stack.port('STRESSVISION_PROMETHEUS_PORT')}/api/v1"

    def all_up() -> bool:
        targets = httpx.get(f"{address}/targets", timeout=5).json()["data"]["activeTargets"]
        return len(targets) >= 4 and all(target["health"] == "up" for target in targets)

    wait_until(all_up, "every target up", timeout_s=45)
    rules = httpx.get(f"{address}/rules", timeout=5).json()["data"]["groups"]
    assert rules, "alert rules are loaded"


@pytest.mark.e2e
def test_secrets_stand_in_no_command_line(native_stack: Layout) -> None:
    secrets = [
        value for name, value in native_stack.settings.items() if name.endswith(("_PASSWORD", "_SECRET", "_TOKEN"))
    ]
    for pid in find_marked(MARKER, str(native_stack.folder)):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        assert not [secret for secret in secrets if secret in line], line


def test_each_service_knows_only_its_own_secrets(layout: Layout) -> None:
    known = {part.name: set(environment_of(part, layout.settings)) for part in services(layout)}
    assert "STRESSVISION_OWNER_DATABASE_URL" not in set().union(*known.values())
    assert "STRESSVISION_ADMIN_TOKEN" in known["control"] - known["ingest"] - known["worker"]
    assert "STRESSVISION_INGEST_TOKEN_SECRET" in known["ingest"] - known["control"] - known["worker"]
    for name, own in known.items():
        role = "WORKER" if name == "beat" else name.upper()
        urls = {key for key in own if key.endswith("_DATABASE_URL")}
        assert urls == {f"STRESSVISION_{role}_DATABASE_URL"}


def test_a_taken_port_is_named_with_its_holder(layout: Layout) -> None:
    port = layout.port("STRESSVISION_INGEST_PORT")
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        assert f"process {os.getpid()}" in holder_of(port)
        done = run_stack(layout, "up")
    run_stack(layout, "down", "--purge")
    assert done.returncode == 1
    assert f"port {port}, which ingest needs, is held by process {os.getpid()}" in done.stderr


def test_a_lock_of_postgres_left_by_a_power_cut_is_put_aside(layout: Layout) -> None:
    layout.postgres_data.mkdir()
    (layout.postgres_data / "PG_VERSION").write_text("15\n")
    lock = layout.postgres_data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n")
    assert not prepare_data(layout)
    assert not lock.exists(), "the process of that number is no Postgres"


def test_what_outlives_its_supervisor_is_ended(layout: Layout) -> None:
    environment = {**os.environ, MARKER: str(layout.folder)}
    # a shell ignores SIGINT in what it starts in the background, and its children inherit that: a test run may be such
    sleeper = ["env", "--default-signal=INT", "sleep", "60"]
    with subprocess.Popen(sleeper, env=environment) as orphan:
        wait_until(lambda: find_marked(MARKER, str(layout.folder)) == [orphan.pid], "the orphan")
        clear_leftovers(layout)
        assert orphan.wait(10) == -signal.SIGINT
    assert find_marked(MARKER, str(layout.folder)) == []


def test_a_deep_checkout_keeps_its_sockets_elsewhere(tmp_path: Path) -> None:
    deep = Layout(tmp_path / ("x" * 100) / ".stack", tmp_path / ".env")
    assert len(str(deep.supervisor_socket)) < 100
    assert deep.runtime != Layout(tmp_path / ("y" * 100) / ".stack", tmp_path / ".env").runtime


def test_down_where_nothing_was_ever_up_is_no_error(tmp_path: Path) -> None:
    write_settings(tmp_path / ".env")
    done = run_stack(Layout(tmp_path / ".stack", tmp_path / ".env"), "down")
    assert done.returncode == 0
    assert not (tmp_path / ".stack").exists()


def test_known_secrets_outside_development_stop_it(layout: Layout) -> None:
    text = layout.dotenv.read_text().replace("STRESSVISION_ENV=development", "STRESSVISION_ENV=production")
    token = layout.settings["STRESSVISION_ADMIN_TOKEN"]
    layout.dotenv.write_text(text.replace(token, "development-admin-token-that-everybody-knows"))
    done = run_stack(layout, "up")
    assert done.returncode == 1
    assert "STRESSVISION_ADMIN_TOKEN" in done.stderr
    assert token not in done.stderr
