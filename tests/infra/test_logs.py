"""What a platform in use writes into its logs, Postgres' and all others, holds no secret and nobody's name."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from native.layout import Layout
from support.outside import Plant, open_plant
from support.servers import wait_until

pytestmark = pytest.mark.e2e

NAME, BADGE, FALSE_TOKEN, FALSE_CODE = "Ana Quispe Mamani", "badge-4711-0815", "sv_a-false-token", "FALSE-CODE-4711"


@dataclass
class Planted:
    """What may be in no log, by what it is."""

    secrets: dict[str, str]

    def found_in(self, text: str) -> list[str]:
        return [name for name, secret in self.secrets.items() if secret in text]


def secrets_of(settings: dict[str, str]) -> dict[str, str]:
    """The passwords in addresses, and what is a secret by its name."""
    known = {name: value for name, value in settings.items() if name.endswith(("_PASSWORD", "_SECRET", "_TOKEN"))}
    addresses = {name: urlsplit(value).password for name, value in settings.items() if name.endswith("_URL")}
    return {name: value for name, value in (known | addresses).items() if value}


def use_people(plant: Plant) -> dict[str, str]:
    control = plant.control
    person = {"site_id": 1, "pseudonym": f"logged-{plant.device_id}", "name": NAME, "badge": BADGE}
    made = control.post("/v1/employees", json=person)
    assert made.status_code == 201, made.text
    assert control.post("/v1/employees", json=person).status_code == 409
    control.put(f"/v1/employees/{made.json()['id']}/name", json={"name": NAME, "more": NAME})
    token = control.post("/v1/tokens", json={"name": "Rosa", "roles": ["privacy"]}).json()["token"]
    assert httpx.get(f"{control.base_url}/v1/audit", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    control.post("/v1/privacy/export", json={"employee_id": made.json()["id"], "reason": "asked for in writing"})
    assert control.post("/v1/privacy/dossier").status_code == 200
    assert control.get("/v1/sites", headers={"Authorization": f"Bearer {FALSE_TOKEN}"}).status_code == 401
    link = control.post("/v1/privacy/links", json={"employee_id": made.json()["id"]}).json()["path"]
    assert control.get(link).status_code == 200
    return {"a token": token, "a page's key": link.rsplit("/", 1)[1]}


def use_device(plant: Plant) -> dict[str, str]:
    device = plant.device
    assert device.post("/v1/events", content=b"{" + NAME.encode()).status_code == 400
    assert plant.send([plant.stamp(plant.now, plant.now) | {"kind": "window", NAME: NAME}])["rejected"]
    false = {"Authorization": f"Bearer {FALSE_TOKEN}"}
    assert device.post("/v1/heartbeat", json={}, headers=false).status_code == 401
    about = {"hostname": "pi", "hardware": "x", "agent_version": "0.1.0", "public_key": "A" * 43}
    assert device.post("/v1/enroll", json={"code": FALSE_CODE, **about}).is_error
    return {"an access token": device.headers["Authorization"].split()[1]}


def fail_in_postgres(settings: dict[str, str]) -> None:
    """A statement that takes long, and one that violates a constraint, each with a name among its values."""
    with psycopg.connect(settings["STRESSVISION_OWNER_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_sleep(1.1), %s::text", [NAME])
        with pytest.raises(psycopg.errors.NotNullViolation, match=NAME):
            connection.execute("INSERT INTO employee_names (employee_id, name) VALUES (NULL, %s)", [NAME])


def test_no_log_has_a_secret_or_a_name(native_stack: Layout) -> None:
    plant = open_plant(native_stack.settings)
    try:
        said = use_people(plant) | use_device(plant)
    finally:
        plant.close()
    fail_in_postgres(native_stack.settings)
    known = {"a name": NAME, "a badge": BADGE, "a false token": FALSE_TOKEN, "a false code": FALSE_CODE}
    planted = Planted(secrets_of(native_stack.settings) | said | known)
    assert len(planted.secrets) > 14

    postgres = native_stack.logs / "postgres.log"
    for said_without_values in ("violates not-null constraint", "pg_sleep"):
        wait_until(lambda wanted=said_without_values: wanted in postgres.read_text(), said_without_values)
    logs = {path.name: path.read_text(errors="replace") for path in native_stack.logs.rglob("*") if path.is_file()}
    for part in ("postgres", "redis", "ingest", "control", "worker", "beat"):
        assert any(name.startswith(part) for name in logs), part
    assert {name: found for name, text in logs.items() if (found := planted.found_in(text))} == {}
