"""Shifts, employees, assignments, check-ins and consents over HTTP."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from redis import Redis

from stressvision_control import wake_up
from support.control import Control
from support.servers import wait_until

pytestmark = pytest.mark.db

NOW = datetime.now(UTC).replace(microsecond=0)
BADGE = "B-0042"
"""Not digits alone: the microseconds of some time among the answers hold any four of them once in a hundred runs."""


def hours_ago(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).isoformat()


def build_plant(control: Control) -> dict[str, int]:
    """Ids: site, area, station, other, shift, employee, colleague."""
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima")["id"]
    area = control.make("/v1/areas", site_id=site, name="Paint")["id"]
    station, other = (control.make("/v1/stations", area_id=area, name=name)["id"] for name in ("P1", "P2"))
    shift = control.make("/v1/shifts", site_id=site, name="Day", starts="06:00", ends="14:00")["id"]
    employee = control.make("/v1/employees", site_id=site, pseudonym="E-1", badge=BADGE, name="Ana Ñahui")["id"]
    colleague = control.make("/v1/employees", site_id=site, pseudonym="E-2")["id"]
    return {
        "site": site, "area": area, "station": station, "other": other, "shift": shift,
        "employee": employee, "colleague": colleague,
    }  # fmt: skip


@pytest.fixture
def plant(control: Control) -> dict[str, int]:
    return build_plant(control)


@pytest.fixture(scope="module")
def shared_plant(shared_control: Control) -> dict[str, int]:
    return build_plant(shared_control)


def actions(control: Control, subject: str) -> list[str]:
    items = control.admin.get("/v1/audit", params={"subject": subject}).json()["items"]
    return [item["action"] for item in reversed(items)]


def test_a_shift_over_midnight_with_breaks(control: Control, plant: dict[str, int]) -> None:
    made = control.make(
        "/v1/shifts",
        site_id=plant["site"],
        name="Night",
        starts="22:00",
        ends="06:00",
        weekdays=[5, 1, 1],
        breaks=[{"starts": "02:00", "ends": "02:30"}, {"starts": "23:30", "ends": "00:00"}],
    )
    assert (made["starts"], made["ends"], made["weekdays"]) == ("22:00", "06:00", [1, 5])
    assert [each["starts"] for each in made["breaks"]] == ["23:30", "02:00"]
    path = f"/v1/shifts/{made['id']}"
    assert control.admin.get(path).json() == made
    later = control.admin.patch(path, json={"ends": "05:00", "breaks": []}).json()
    assert later == made | {"ends": "05:00", "breaks": []}
    assert control.admin.patch(path, json={}).status_code == 422
    assert control.admin.patch(path, json={"ends": "07:00"}).status_code == 409
    assert len(control.admin.get("/v1/shifts", params={"site_id": plant["site"]}).json()["items"]) == 2
    assert control.admin.delete(path).status_code == 204
    assert control.admin.get(path).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("starts", "6am"), ("starts", 21600), ("starts", "06:00Z"), ("ends", "24:00"), ("weekdays", []),
        ("weekdays", [8]), ("breaks", [{"starts": "13:00", "ends": "15:00"}]), ("breaks", [{"starts": "09:00"}]),
    ],
)  # fmt: skip
def test_hours_that_cannot_be_are_refused(
    shared_control: Control, shared_plant: dict[str, int], field: str, value: object
) -> None:
    body = {"site_id": shared_plant["site"], "name": "Day", "starts": "06:00", "ends": "14:00", field: value}
    answer = shared_control.admin.post("/v1/shifts", json=body)
    assert answer.status_code == 422, answer.text
    assert any(field in each["field"] for each in answer.json()["errors"])


def test_a_name_goes_out_by_one_route_and_every_look_is_kept(control: Control, plant: dict[str, int]) -> None:
    path = f"/v1/employees/{plant['employee']}"
    assert control.as_role("operator").get(f"{path}/name").status_code == 403
    assert control.as_role("privacy").get(f"{path}/name").json()["name"] == "Ana Ñahui"
    for shown in (control.admin.get("/v1/employees"), control.admin.get(path), control.admin.get("/v1/audit")):
        assert "Ñahui" not in shown.text
        assert BADGE not in shown.text
    assert control.as_role("operator").put(f"{path}/name", json={"name": "Ana Quispe"}).status_code == 204
    assert control.as_role("privacy").get(f"{path}/name").json()["name"] == "Ana Quispe"
    assert control.admin.put(f"{path}/name", json={"name": None}).status_code == 204
    assert control.admin.get(f"{path}/name").json()["name"] is None
    assert actions(control, f"employee {plant['employee']}") == [
        "employee.create", "employee.read_name", "employee.read", "employee.write_name", "employee.read_name",
        "employee.write_name", "employee.read_name",
    ]  # fmt: skip


def test_an_employee_without_a_pseudonym_is_given_one(control: Control, plant: dict[str, int]) -> None:
    made = control.make("/v1/employees", site_id=plant["site"])
    assert made["pseudonym"].startswith("E-")
    path = f"/v1/employees/{made['id']}"
    changed = control.admin.patch(path, json={"pseudonym": "E-3", "badge": "7"}).json()
    assert (changed["pseudonym"], changed["has_badge"]) == ("E-3", True)
    assert control.admin.patch(path, json={"badge": None}).json()["has_badge"] is False
    assert control.admin.patch(path, json={"pseudonym": "E-1"}).status_code == 409
    assert control.admin.patch(path, json={"badge": BADGE}).status_code == 409
    found = control.admin.get("/v1/employees", params={"pseudonym": "E-3"}).json()["items"]
    assert [each["id"] for each in found] == [made["id"]]


def test_an_assignment_from_beginning_to_end(control: Control, plant: dict[str, int]) -> None:
    body = {"employee_id": plant["employee"], "station_id": plant["station"], "shift_id": plant["shift"]}
    made = control.make("/v1/assignments", **body, first_date="2026-01-05")
    assert made == body | {"id": made["id"], "first_date": "2026-01-05", "last_date": None}
    clash = control.admin.post(
        "/v1/assignments", json=body | {"employee_id": plant["colleague"], "first_date": "2026-03-01"}
    )
    assert clash.status_code == 409
    assert f"(assignment {made['id']})" in clash.json()["detail"]
    path = f"/v1/assignments/{made['id']}"
    assert control.admin.patch(path, json={"last_date": "2026-02-28"}).json()["last_date"] == "2026-02-28"
    assert control.admin.patch(path, json={"first_date": "2026-03-28"}).status_code == 422
    assert control.admin.patch(path, json={"last_date": None}).json()["last_date"] is None
    assert control.admin.get(path).json() == made
    listed = control.admin.get("/v1/assignments", params={"employee_id": plant["employee"], "on": "2026-02-01"})
    assert listed.json()["items"] == [made]
    assert control.admin.get("/v1/assignments", params={"on": "2026-01-04"}).json()["items"] == []
    assert control.admin.delete(path).status_code == 204
    assert control.admin.get(path).status_code == 404
    assert actions(control, f"employee {plant['employee']}")[1:] == [
        "assignment.create", "assignment.change", "assignment.change", "assignment.read", "assignment.list",
        "assignment.delete",
    ]  # fmt: skip


def test_a_check_in_by_badge_pseudonym_or_id(control: Control, plant: dict[str, int]) -> None:
    whom: list[dict[str, Any]] = [{"badge": BADGE}, {"pseudonym": "E-1"}, {"employee_id": plant["employee"]}]
    made = [
        control.make("/v1/check-ins", station_id=plant["station"], checked_in_at=hours_ago(n + 1), **who)
        for n, who in enumerate(whom)
    ]
    assert {each["employee_id"] for each in made} == {plant["employee"]}
    path = f"/v1/check-ins/{made[0]['id']}"
    assert control.admin.post(f"{path}/check-out", json={}).json()["checked_out_at"] is not None
    assert control.admin.post(f"{path}/check-out", json={}).status_code == 409
    assert control.admin.get(path).status_code == 200
    listed = control.admin.get("/v1/check-ins", params={"station_id": plant["station"], "since": hours_ago(2.5)})
    assert [each["id"] for each in listed.json()["items"]] == [made[0]["id"], made[1]["id"]]
    now = control.make("/v1/check-ins", station_id=plant["other"], badge=BADGE)
    assert datetime.fromisoformat(now["checked_in_at"]) >= NOW


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ({}, 422),
        ({"badge": BADGE, "pseudonym": "E-1"}, 422),
        ({"badge": "9"}, 404),
        ({"pseudonym": "E-9"}, 404),
        ({"employee_id": 999}, 404),
        ({"badge": BADGE, "station_id": 999}, 404),
        ({"badge": BADGE, "checked_in_at": "2026-01-05T08:00"}, 422),
        ({"badge": BADGE, "checked_in_at": "1970-01-05T08:00Z"}, 422),
        ({"badge": BADGE, "checked_in_at": "2099-01-05T08:00Z"}, 422),
        ({"badge": BADGE, "checked_in_at": "0001-01-01T00:00+14:00"}, 422),
    ],
)
def test_check_ins_of_nobody_nowhere_and_never_are_refused(
    shared_control: Control, shared_plant: dict[str, int], who: dict[str, Any], status: int
) -> None:
    answer = shared_control.admin.post("/v1/check-ins", json={"station_id": shared_plant["station"]} | who)
    assert answer.status_code == status, answer.text


def test_a_consent_given_and_withdrawn(control: Control, plant: dict[str, int]) -> None:
    body = {"employee_id": plant["employee"], "notice_version": "v1"}
    made = control.make("/v1/consents", **body, given_at=hours_ago(48))
    assert control.admin.post("/v1/consents", json=body).status_code == 409
    path = f"/v1/consents/{made['id']}"
    assert control.admin.get(path).json() == made
    withdrawn = control.as_role("privacy").post(f"{path}/withdraw", json={"withdrawn_at": hours_ago(1)}).json()
    assert withdrawn["withdrawn_at"] is not None
    assert control.admin.post(f"{path}/withdraw", json={}).status_code == 409
    control.make("/v1/consents", **body)
    listed = control.admin.get("/v1/consents", params={"employee_id": plant["employee"]}).json()["items"]
    assert [each["withdrawn_at"] is None for each in listed] == [False, True]
    assert actions(control, f"employee {plant['employee']}")[1:] == [
        "consent.give", "consent.read", "consent.withdraw", "consent.give", "consent.list",
    ]  # fmt: skip


def test_a_change_of_attribution_wakes_the_worker_once_it_is_committed(woken_control: Control, redis_url: str) -> None:
    site = woken_control.make("/v1/sites", name="Callao", time_zone="America/Lima")["id"]
    with Redis.from_url(redis_url) as redis:
        redis.delete(wake_up.KEY, "celery")
        woken_control.make("/v1/areas", site_id=site, name="Paint")
        assert redis.llen("celery") == 0
        woken_control.make("/v1/shifts", site_id=site, name="Day", starts="06:00", ends="14:00")
        assert redis.llen("celery") == 1
        redis.delete(wake_up.KEY, "celery")


def test_two_administrators_cannot_make_the_same_site_at_once(control: Control) -> None:
    """The second waits for the first and is then refused by the constraint, without the row being shown."""
    with psycopg.connect(control.database.url("control")) as other:
        other.execute("INSERT INTO sites (name, time_zone) VALUES ('Ilo', 'America/Lima')")
        commit = threading.Thread(target=lambda: (wait_until(lambda: waits(control), "the request"), other.commit()))
        commit.start()
        answer = control.admin.post("/v1/sites", json={"name": "Ilo", "time_zone": "America/Lima"})
        commit.join()
    assert answer.status_code == 409
    assert "another change came first (constraint sites_name_key)" in answer.json()["detail"]


def waits(control: Control) -> bool:
    with psycopg.connect(control.database.admin_url) as connection:
        waiting = connection.execute("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'").fetchone()
    return waiting is not None
