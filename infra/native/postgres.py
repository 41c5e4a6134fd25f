"""The stack's own Postgres cluster: made once, put in order before each start."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from native.binaries import as_postgres, find_postgres, postgres_owner
from native.layout import ROOT, Layout

ADMINISTRATOR = "postgres"


def server_command(layout: Layout) -> list[str]:
    """How the server is started; settings come from infra/postgres/postgresql.conf."""
    data = layout.postgres_data.resolve()
    settings = read_settings(ROOT / "infra" / "postgres" / "postgresql.conf")
    settings |= {"port": str(layout.database.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    command = [str(find_postgres(data) / "postgres"), "-D", str(data)]
    return as_postgres(command + [f"--{name}={value}" for name, value in settings.items()])


def read_settings(file: Path) -> dict[str, str]:
    """The `name = value` lines of a Postgres configuration file, unquoted."""
    lines = (line.split("#")[0].partition("=") for line in file.read_text().splitlines())
    return {name.strip(): value.strip().strip("'") for name, separator, value in lines if separator}


def prepare_data(layout: Layout) -> bool:
    """Make the cluster if there is none (True), else see to what a power cut may have left."""
    if (layout.postgres_data / "PG_VERSION").exists():
        _drop_foreign_lock(layout.postgres_data)
        return False
    place = _place_for(layout)
    half_made = place.with_name(f"{place.name}.new")
    shutil.rmtree(half_made, ignore_errors=True)
    half_made.mkdir(mode=0o700)
    owner = postgres_owner()
    if owner is not None:
        shutil.chown(half_made, owner, owner)
    _initialise(half_made, layout.settings["POSTGRES_PASSWORD"])
    half_made.rename(place)
    if place != layout.postgres_data:
        layout.postgres_data.symlink_to(place)
    return True


def _place_for(layout: Layout) -> Path:
    """Under the stack's folder, unless Postgres' own user may not go there (a checkout under /root)."""
    allowed = subprocess.run(as_postgres(["test", "-x", str(layout.folder)]), check=False, cwd="/").returncode == 0
    if allowed:
        return layout.postgres_data
    outside = Path("/var/lib") / f"stressvision-{layout.digest}"
    outside.mkdir(mode=0o755, exist_ok=True)
    layout.postgres_data.unlink(missing_ok=True)
    return outside / "postgres"


def _initialise(folder: Path, password: str) -> None:
    """initdb with checksums and password authentication; `RuntimeError` with its output if it fails."""
    owner = postgres_owner()
    with tempfile.NamedTemporaryFile("w", prefix="stressvision-") as file:
        file.write(password)
        file.flush()
        if owner is not None:
            shutil.chown(file.name, owner, owner)
        command = [str(find_postgres() / "initdb"), "-D", str(folder), "-U", ADMINISTRATOR, "--pwfile", file.name]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"]
        done = subprocess.run(as_postgres(command), check=False, capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed ({done.returncode}): {done.stderr or done.stdout}")


def _drop_foreign_lock(data: Path) -> None:
    """After a power cut the process id in postmaster.pid may be another program's; Postgres would refuse to start."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text().splitlines()[0])
    except (OSError, IndexError, ValueError):
        return
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return  # no such process: Postgres removes the file itself
    if not name.startswith(("postgres", "postmaster")):
        lock.unlink()


def make_owner(layout: Layout) -> None:
    """The owner's role and database; nothing happens where they are. `RuntimeError` with psql's words if it fails."""
    command = [str(find_postgres(layout.postgres_data) / "psql"), "-X", "-q", "-h", "127.0.0.1"]
    command += ["-p", str(layout.database.port), "-U", ADMINISTRATOR, "-d", "postgres"]
    command += ["-f", str(ROOT / "infra" / "postgres" / "owner.sql")]
    environment = {**os.environ, "PGPASSWORD": layout.settings["POSTGRES_PASSWORD"]}
    environment["STRESSVISION_OWNER_DATABASE_PASSWORD"] = layout.settings["STRESSVISION_OWNER_DATABASE_PASSWORD"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if "password authentication failed" in done.stderr:
        raise RuntimeError(
            f"{layout.postgres_data} was made with another .env: put that .env back, "
            "or throw the data away with `make down PURGE=1`"
        )
    if done.returncode != 0:
        raise RuntimeError(f"the owner's role could not be made: {done.stderr}")


def schema_revision(layout: Layout) -> str | None:
    """The migration that the database is at; None where there is no database or no schema yet."""
    try:
        with psycopg.connect(layout.settings["STRESSVISION_OWNER_DATABASE_URL"], connect_timeout=5) as connection:
            row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    except psycopg.Error:
        return None
    return str(row[0]) if row is not None else None
