"""Bring Grafana's organisations, data sources, dashboards, teams and viewers to what they ought to be.

Settings come from the environment: GRAFANA_URL, GRAFANA_ADMIN_PASSWORD, GRAFANA_POSTGRES_HOST and
GRAFANA_POSTGRES_SSLMODE (as Grafana sees the database), GRAFANA_HR_PASSWORD, GRAFANA_SAFETY_PASSWORD (of the database
roles), GRAFANA_DASHBOARDS (the folder of JSON files), and STRESSVISION_GRAFANA_PEOPLE, a TOML file of viewers; without
it nobody is added or taken away.
"""

import argparse
import os
import sys
from pathlib import Path

from grafana.access.job import Job
from grafana.access.server import Server, in_words
from grafana.access.wishes import HR_UID, SAFETY_UID, AccessError, data_source, read_people

DASHBOARDS = Path(__file__).parents[1] / "dashboards"


def _setting(name: str, default: str | None = None) -> str:
    value = os.environ.get(name) or default
    if value is None:
        raise AccessError(f"{name} is not set; .env has it")
    return value


def run(passwords: Path | None) -> list[str]:
    """Do it; return what was changed. First passwords of new users go to the file, or are forgotten."""
    url, people = _setting("GRAFANA_URL", "http://127.0.0.1:3000"), os.environ.get("STRESSVISION_GRAFANA_PEOPLE")
    place = {
        "host": _setting("GRAFANA_POSTGRES_HOST", "127.0.0.1:5433"),
        "sslmode": _setting("GRAFANA_POSTGRES_SSLMODE", "disable"),
    }
    server = Server(url, _setting("GRAFANA_ADMIN_PASSWORD"))
    job = Job(
        server,
        {
            HR_UID: data_source(HR_UID, **place, password=_setting("GRAFANA_HR_PASSWORD")),
            SAFETY_UID: data_source(SAFETY_UID, **place, password=_setting("GRAFANA_SAFETY_PASSWORD")),
        },
        Path(_setting("GRAFANA_DASHBOARDS", str(DASHBOARDS))),
        read_people(Path(people)) if people else None,
    )
    try:
        with in_words(url):
            job.run()
    finally:
        server.close()
        _keep(job.passwords, passwords)
    return job.changes


def _keep(passwords: dict[str, str], file: Path | None) -> None:
    if file is None or not passwords:
        return
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.writelines(f"{login}: {password}\n" for login, password in passwords.items())


def main() -> int:
    parser = argparse.ArgumentParser(prog="grafana.access", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passwords", type=Path, help="file (0600) that first passwords of new users are added to")
    try:
        changes = run(parser.parse_args().passwords)
    except AccessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(changes) if changes else "nothing to change")
    return 0


if __name__ == "__main__":
    sys.exit(main())
