"""Sites, areas and stations over HTTP."""

import pytest

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


def test_the_profile_is_for_the_privacy_officer_and_kept_in_the_audit(control: Control) -> None:
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima", profile="off")
    path = f"/v1/sites/{site['id']}/profile"
    assert control.as_role("operator").put(path, json={"profile": "full"}).status_code == 403
    assert control.as_role("privacy").put(path, json={"profile": "full"}).json()["profile"] == "full"
    assert control.as_role("privacy").put(path, json={"profile": "everything"}).status_code == 422
    (entry,) = control.admin.get("/v1/audit", params={"action": "site.profile"}).json()["items"]
    assert entry["detail"] == {"before": "off", "after": "full"}


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
