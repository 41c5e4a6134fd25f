"""Sites, areas and stations over HTTP."""

import pytest
from sqlalchemy import text

from support.control import Control

pytestmark = pytest.mark.db


def test_a_site_is_created_shown_found_and_renamed(control: Control) -> None:
    made = control.make("/v1/sites", name=" Callao ", time_zone="America/Lima")
    assert made == {"id": 1, "name": "Callao", "time_zone": "America/Lima", "profile": "safety"}
    assert control.admin.get("/v1/sites/1").json() == made
    assert control.admin.get("/v1/sites").json() == {"items": [made], "next": None}
    assert control.admin.get("/v1/sites", params={"name": "Ilo"}).json()["items"] == []
    changed = control.admin.patch("/v1/sites/1", json={"name": "Ilo", "time_zone": "America/Bogota"})
    assert changed.json() == made | {"name": "Ilo", "time_zone": "America/Bogota"}
    assert control.admin.patch("/v1/sites/1", json={"time_zone": "EST"}).status_code == 422
    control.make("/v1/sites", name="Callao", time_zone="America/Lima")
    assert control.admin.patch("/v1/sites/1", json={"name": "Callao"}).status_code == 409


def test_a_stricter_profile_holds_at_once(control: Control) -> None:
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima")
    path = f"/v1/sites/{site['id']}/profile"
    assert control.as_role("operator").put(path, json={"profile": "off"}).status_code == 403
    assert control.as_role("privacy").put(path, json={"profile": "everything"}).status_code == 422
    answer = control.as_role("privacy").put(path, json={"profile": "fatigue_only"})
    assert (answer.status_code, answer.json()["state"]) == (200, "applied")
    assert control.admin.get(f"/v1/sites/{site['id']}").json()["profile"] == "fatigue_only"
    assert control.as_role("privacy").put(path, json={"profile": "fatigue_only"}).status_code == 409
    (entry,) = control.admin.get("/v1/audit", params={"action": "site.profile"}).json()["items"]
    assert (entry["detail"]["before"], entry["detail"]["after"]) == ("safety", "fatigue_only")


def test_a_wider_profile_needs_a_reason_and_a_second_person(control: Control) -> None:
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima", profile="off")
    path = f"/v1/sites/{site['id']}/profile"
    ana, luis = control.person("Ana", "privacy"), control.as_role("admin")
    token = control.make("/v1/tokens", name=" Ana ", roles=["admin"])["token"]
    assert ana.put(path, json={"profile": "full"}).status_code == 422
    answer = ana.put(path, json={"profile": "full", "reason": "agreed with the committee"})
    assert (answer.status_code, answer.json()["state"]) == (202, "proposed")
    change = f"/v1/profile-changes/{answer.json()['id']}"
    assert luis.put(path, json={"profile": "safety", "reason": "another opinion"}).status_code == 409
    assert control.admin.get(f"/v1/sites/{site['id']}").json()["profile"] == "off"
    assert ana.post(f"{change}/confirm").status_code == 409
    with control.client(token) as ana_again:
        assert ana_again.post(f"{change}/confirm").status_code == 409, "another token of the same person"
    assert luis.post(f"{change}/confirm").json()["state"] == "applied"
    assert luis.post(f"{change}/confirm").status_code == 409
    assert control.admin.get(f"/v1/sites/{site['id']}").json()["profile"] == "full"


def test_a_proposal_can_be_rejected_expires_and_falls_with_a_stricter_profile(control: Control) -> None:
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima", profile="fatigue_only")
    path, ana = f"/v1/sites/{site['id']}/profile", control.person("Ana", "privacy")
    wish = {"profile": "safety", "reason": "agreed with the committee"}

    def propose() -> str:
        return f"/v1/profile-changes/{ana.put(path, json=wish).json()['id']}"

    assert ana.post(f"{propose()}/reject").json()["state"] == "rejected"
    old = propose()
    with control.database.engine("owner").begin() as connection:
        connection.execute(text("UPDATE profile_changes SET expires_at = now() WHERE state = 'proposed'"))
    assert "expired" in control.admin.post(f"{old}/confirm").json()["detail"]
    fallen = propose()
    control.admin.put(path, json={"profile": "off"})
    assert control.admin.post(f"{fallen}/confirm").status_code == 409
    states = [row["state"] for row in ana.get("/v1/profile-changes", params={"site_id": site["id"]}).json()["items"]]
    assert states == ["applied", "rejected", "expired", "rejected"]


def test_a_site_is_born_with_the_default_profile_or_a_stricter_one(control: Control) -> None:
    body = {"name": "Ilo", "time_zone": "America/Lima", "profile": "full"}
    assert control.admin.post("/v1/sites", json=body).status_code == 422


def test_areas_and_stations_belong_to_their_site(control: Control) -> None:
    sites = [control.make("/v1/sites", name=name, time_zone="America/Lima")["id"] for name in ("Callao", "Ilo")]
    areas = [control.make("/v1/areas", site_id=site, name="Paint") for site in sites]
    stations = [control.make("/v1/stations", area_id=area["id"], name="P1") for area in areas]
    admin = control.admin
    assert admin.get("/v1/areas", params={"site_id": sites[1]}).json()["items"] == areas[1:]
    assert admin.get("/v1/stations", params={"site_id": sites[1]}).json()["items"] == stations[1:]
    assert admin.get("/v1/stations", params={"area_id": areas[0]["id"], "name": "P1"}).json()["items"] == stations[:1]
    assert admin.get(f"/v1/areas/{areas[0]['id']}").json() == areas[0]
    assert admin.get(f"/v1/stations/{stations[0]['id']}").json() == stations[0]
    control.make("/v1/areas", site_id=sites[0], name="Press")
    control.make("/v1/stations", area_id=areas[0]["id"], name="P2")
    for path, taken in ((f"/v1/areas/{areas[0]['id']}", "Press"), (f"/v1/stations/{stations[0]['id']}", "P2")):
        assert admin.patch(path, json={"name": "New"}).json()["name"] == "New"
        assert admin.patch(path, json={"name": taken}).status_code == 409
    assert admin.post("/v1/areas", json={"site_id": 99, "name": "X"}).status_code == 404
    assert admin.post("/v1/areas", json={"site_id": sites[0], "name": "Press"}).status_code == 409
    assert admin.post("/v1/stations", json={"area_id": 99, "name": "X"}).status_code == 404
    assert admin.post("/v1/stations", json={"area_id": areas[0]["id"], "name": "P2"}).status_code == 409
