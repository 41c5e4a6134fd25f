"""What a service writes into its log, however much it is told to write, holds no secret and no name."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest

from support.control import ADMIN_TOKEN
from support.database import Database
from support.servers import free_port, wait_until

pytestmark = pytest.mark.db

NAME, BADGE, FALSE_TOKEN = "Ana Quispe Mamani", "badge-4711-0815", "sv_a-false-token-of-tests"


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def use(port: int) -> list[str]:
    """Do what involves secrets and names, failures included; return the secrets that came up."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {ADMIN_TOKEN}"
        token = client.post("/v1/tokens", json={"name": "Rosa", "roles": ["privacy"]}).json()["token"]
        site = client.post("/v1/sites", json={"name": "Callao", "time_zone": "America/Lima"}).json()["id"]
        person = {"site_id": site, "pseudonym": "E-1", "name": NAME, "badge": BADGE}
        assert client.post("/v1/employees", json=person).status_code == 201
        assert client.post("/v1/employees", json=person).status_code == 409
        assert client.post("/v1/employees", json=person | {"name": [NAME]}).status_code == 422
        client.put("/v1/employees/1/name", json={"name": NAME})
        client.get("/v1/employees/1/name")
        code = client.post("/v1/enrolment-codes", json={}).json()
        client.get("/v1/sites", headers={"Authorization": f"Bearer {token}"})
        client.get("/v1/sites", headers={"Authorization": f"Bearer {FALSE_TOKEN}"})
        client.post("/v1/privacy/export", json={"employee_id": 1, "reason": "asked for in writing"})
        page = client.post("/v1/privacy/links", json={"employee_id": 1}).json()["path"]
        assert client.get(page).status_code == 200
        client.post(f"{page}/object", data={"words": "x"})
        client.get(f"{page}/nowhere")
        client.delete("/v1/privacy/links/1")
        assert client.get(page).status_code == 404
    return [token, page.rsplit("/", 1)[1], str(code.get("code", FALSE_TOKEN))]


def fail(port: int, database: Database) -> None:
    """A value that no table holds, then an error that nobody foresaw, both in statements that have a name in them."""
    url, headers = f"http://127.0.0.1:{port}/v1/employees", {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    person = {"site_id": 1, "pseudonym": "E-2", "name": NAME}
    broken = (("ALTER COLUMN name TYPE varchar(3) USING left(name, 3)", 422), ("RENAME COLUMN name TO label", 500))
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        for change, status in broken:
            connection.execute(f"ALTER TABLE employee_names {change}")
            assert httpx.post(url, json=person, headers=headers).status_code == status


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_no_secret_and_no_name_is_in_the_log(database: Database, tmp_path: Path, level: str) -> None:
    port = free_port()
    environment = (
        os.environ
        | database.environment
        | {
            "STRESSVISION_CONTROL_PORT": str(port),
            "STRESSVISION_ADMIN_TOKEN": ADMIN_TOKEN,
            "STRESSVISION_CONTROL_LOG_LEVEL": level,
            "STRESSVISION_LOG_LEVEL": level,
        }
    )
    command = [str(Path(sys.executable).with_name("stressvision-control"))]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            wait_until(lambda: is_up(port), "the control process")
            secrets = use(port)
            fail(port, database)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    written = (tmp_path / "log").read_text()
    for secret in (
        *secrets,
        ADMIN_TOKEN,
        NAME,
        BADGE,
        FALSE_TOKEN,
        database.url("control").split("@")[0].split(":")[-1],
    ):
        assert secret not in written, written[-3000:]
