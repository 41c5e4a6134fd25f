"""Brings the native stack up, step by step and in sight, and takes it down again."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from native.access import give_access
from native.binaries import ALERTMANAGER, find_optional
from native.configs import write_prometheus, write_redis
from native.layout import MARKER, ROOT, Layout
from native.parts import Part, servers, services, watchers
from native.postgres import make_owner, prepare_data, schema_revision
from native.processes import find_marked, holder_of, is_free
from native.supervision import Supervisor, clear_leftovers, fingerprint, write_config
from native.system import ensure_servers

HEALTH_DEADLINE_S = 120.0
MODEL = ROOT / "models" / "stressvision"
MAX_DEATHS = 40
"""Looks, 0.2 s apart, at a part that ends as soon as it is started, before `up` gives it up."""
STOP_ORDER = ["grafana", "prometheus", "alertmanager", "beat", "worker", "ingest", "control", "redis", "postgres"]


class StackError(RuntimeError):
    """The stack cannot be brought up or down; the message says which part, why, and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show a step as it begins, and how long it took."""
    started = time.monotonic()
    print(f"  {text:<44}", end="", flush=True)
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:6.1f} s", flush=True)


def up(layout: Layout) -> None:
    """Everything running and healthy when this returns; what runs already as it should is left alone."""
    layout.make_folders()
    with _alone(layout):
        ensure_servers(say)
        supervisor = Supervisor(layout)
        if not supervisor.is_running():
            clear_leftovers(layout)
        write_redis(layout)
        write_prometheus(layout)
        _prepare_postgres(layout, supervisor)
        first, rest = servers(layout), [*services(layout), *watchers(layout)]
        _refuse_taken_ports(supervisor, [*first, *rest])
        write_config(layout, [*first, *rest])
        if not supervisor.is_running():
            with step("supervisor"):
                supervisor.start()
        _start(layout, supervisor, first)
        renewed = _bring_schema_up(layout)
        _install_model(layout, anew=renewed)
        _start(layout, supervisor, rest)
        for part in rest:
            if part.name == "grafana":
                with step("Grafana's organisations"):
                    said = give_access(part, layout)
                say("\n".join(f"    {line}" for line in said.splitlines()))
    tell_where_to_look(layout)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Two `make up` at once take turns."""
    with (layout.folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prepare_postgres(layout: Layout, supervisor: Supervisor) -> None:
    if supervisor.is_running() and supervisor.state("postgres") in ("RUNNING", "STARTING"):
        return
    if not (layout.postgres_data / "PG_VERSION").exists():
        with step("a new database cluster"):
            prepare_data(layout)
    else:
        prepare_data(layout)


def _refuse_taken_ports(supervisor: Supervisor, parts: list[Part]) -> None:
    """Name a port that some other program holds, before anything is started."""
    alive = supervisor.is_running()
    for part in parts:
        if alive and supervisor.state(part.name) in ("RUNNING", "STARTING", "STOPPING"):
            continue
        if not is_free(part.port):
            raise StackError(
                f"port {part.port}, which {part.name} needs, is held by {holder_of(part.port)}: "
                "stop that, or set another port in .env"
            )


def _start(layout: Layout, supervisor: Supervisor, parts: list[Part]) -> None:
    """Start these parts together, then wait for each."""
    for part in parts:
        supervisor.apply(part.name)
    for part in parts:
        with step(part.name):
            _wait_healthy(layout, supervisor, part)


def _wait_healthy(layout: Layout, supervisor: Supervisor, part: Part) -> None:
    deadline = time.monotonic() + HEALTH_DEADLINE_S
    deaths = 0
    while True:
        state = supervisor.state(part.name)
        fault = part.fault() if state in ("RUNNING", "STARTING") else f"it is {state}"
        if fault is None:
            return
        deaths += state == "BACKOFF"
        if time.monotonic() > deadline or deaths > MAX_DEATHS or state == "FATAL":
            raise StackError(
                f"{part.name} is not healthy ({fault}). The end of {layout.logs / part.name}.log:\n"
                f"{tail(layout.logs / f'{part.name}.log')}"
            )
        time.sleep(0.2)


def tail(file: Path, lines: int = 20) -> str:
    """The last lines of a log, indented; a note where there is none."""
    try:
        text = file.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        text = ["(no log)"]
    return "\n".join(f"    {line}" for line in text)


def _run(layout: Layout, *command: str) -> None:
    """One of our own commands with all settings; `StackError` with its output if it fails."""
    environment = {**os.environ, **layout.settings}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(layout.bin / command[0]), *command[1:]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode != 0:
        raise StackError(f"`{' '.join(command)}` failed ({done.returncode}):\n{(done.stdout + done.stderr)[-4000:]}")


def _bring_schema_up(layout: Layout) -> bool:
    """Roles, schema, partitions; whether anything was due since the last time that this ended well."""
    stamp = layout.folder / "schema.stamp"
    made_of = fingerprint((ROOT / "libs" / "store", layout.dotenv))
    if read_text(stamp) == f"{made_of} {schema_revision(layout)}":
        return False
    with step("schema, roles, partitions"):
        make_owner(layout)
        _run(layout, "stressvision-store", "upgrade")
    stamp.write_text(f"{made_of} {schema_revision(layout)}")
    return True


def _install_model(layout: Layout, *, anew: bool) -> None:
    """Signing keys, and the model in this repository; ingest refuses events of a model that it does not know.

    Once a month at least, so that signatures of root and targets that would end are renewed where their keys are here.
    """
    stamp, made_of = layout.folder / "model.stamp", f"{fingerprint((MODEL,))} {datetime.now(UTC):%Y-%m}"
    if read_text(stamp) == made_of and not anew:
        return
    with step("signing keys, the shipped model"):
        _run(layout, "stressvision-store", "models", "init")
        if (MODEL / "manifest.json").exists():
            _run(layout, "stressvision-store", "models", "install", str(MODEL))
    stamp.write_text(made_of)


def read_text(file: Path) -> str | None:
    return file.read_text() if file.exists() else None


def tell_where_to_look(layout: Layout) -> None:
    """Addresses, user names, and how to stop."""
    settings, here = layout.settings, "http://127.0.0.1:"
    rows = [
        ("device API", f"{here}{settings['STRESSVISION_INGEST_PORT']}/readyz"),
        (
            "control API",
            f"{here}{settings['STRESSVISION_CONTROL_PORT']}/docs   token: STRESSVISION_ADMIN_TOKEN in .env",
        ),
        ("Postgres", f"127.0.0.1:{layout.database.port}   make psql"),
        ("Redis", f"127.0.0.1:{layout.redis.port}   password: STRESSVISION_REDIS_PASSWORD in .env"),
    ]
    if find_optional("prometheus"):
        rows.append(("Prometheus", f"{here}{settings['STRESSVISION_PROMETHEUS_PORT']}/targets"))
    if find_optional(*ALERTMANAGER):
        rows.append(("Alertmanager", f"{here}{layout.port('STRESSVISION_ALERTMANAGER_PORT')}"))
    if find_optional("grafana", "grafana-server"):
        user = "user: admin, password: GRAFANA_ADMIN_PASSWORD in .env"
        rows.append(("Grafana", f"{here}{settings['STRESSVISION_GRAFANA_PORT']}   {user}"))
    say("\nEverything is up and healthy.\n")
    for name, text in rows:
        say(f"  {name:<12} {text}")
    for name, program in (("Prometheus", ("prometheus",)), ("Grafana", ("grafana", "grafana-server"))):
        if not find_optional(*program):
            say(f"  {name:<12} left out: no `{program[0]}` program on PATH; install it and run `make up` again")
    say(f"\n  the command  {layout.bin / 'stressvision'} --help")
    say(f"  logs         {layout.logs}   make logs S=ingest")
    say("  stop         make down\n")


def down(layout: Layout, *, purge: bool) -> None:
    """Nothing of the stack runs when this returns; with `purge` its data are gone, too."""
    if not layout.folder.exists():
        say("nothing runs: there is no stack here")
        return
    with _alone(layout):
        supervisor = Supervisor(layout)
        with step("stopping"):
            if supervisor.is_running():
                supervisor.shut_down(STOP_ORDER)
            clear_leftovers(layout)
        left = find_marked(MARKER, str(layout.folder))
        if left:
            raise StackError(f"processes {left} do not end; look at them with `ps -fp {left[0]}`")
    if purge:
        _purge(layout)
        say("stopped; all data of the stack are removed (.env is kept)")
    else:
        say("stopped; data are kept under .stack (make down PURGE=1 removes them)")


def _purge(layout: Layout) -> None:
    if layout.postgres_data.is_symlink():
        shutil.rmtree(layout.postgres_data.resolve().parent, ignore_errors=True)
    if layout.runtime != layout.folder:
        shutil.rmtree(layout.runtime, ignore_errors=True)
    shutil.rmtree(layout.folder)


def status(layout: Layout) -> int:
    """A line per part; 0 if all are healthy."""
    supervisor = Supervisor(layout)
    if not supervisor.is_running():
        say("nothing runs")
        return 1
    faults = 0
    for part in [*servers(layout), *services(layout), *watchers(layout)]:
        state = supervisor.state(part.name)
        fault = part.fault()
        faults += fault is not None
        say(f"  {part.name:<12} {state:<10} {fault or 'healthy'}")
    return 1 if faults else 0


def follow_logs(layout: Layout, name: str | None) -> None:
    """Become `tail -F` on one log, or on all."""
    files = [layout.logs / f"{name}.log"] if name else sorted(layout.logs.glob("*.log"))
    if not files or not files[0].exists():
        known = ", ".join(sorted(file.stem for file in layout.logs.glob("*.log"))) or "none"
        raise StackError(f"there is no log of {name!r}; there are: {known}")
    sys.stdout.flush()
    os.execvp("tail", ["tail", "-n", "50", "-F", *map(str, files)])
